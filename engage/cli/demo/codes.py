"""Channel codes of 康美口腔: one for each store, some for promotion, and who scanned them in eight weeks."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engage.audit.services import OPERATOR
from engage.clinic import queries as clinic
from engage.fans import queries as fan_queries
from engage.kernel import clock
from engage.kernel.db import Session
from engage.qrcodes import queries, services
from engage.qrcodes.queries import Wanted
from engage.qrcodes.rules import PROMOTION
from engage.qrcodes.services import NewCode
from engage.tenancy import queries as tenancy


@dataclass(frozen=True, slots=True)
class Poster:
    """A promotion code, how often it is met, and how long ago it was made."""

    name: str
    caption: str
    weight: int
    days_ago: int
    tag: str = ""
    welcome: str = ""
    cost_minor: int | None = None
    note: str = ""
    permanent: bool = True
    retired_days_ago: int | None = None


POSTERS: Final = (
    Poster(
        "地铁站灯箱 · 陕西南路站",
        "扫码领洁牙优惠",
        9,
        57,
        "洗牙",
        '您好，欢迎从地铁站找到我们。\n点<a href="{booking}">微信预约</a>，下班后也能约。',
        6800_00,
        "3 号口扶梯旁，签到年底",
    ),
    Poster(
        "写字楼电梯广告",
        "午休洗牙，四十五分钟",
        6,
        52,
        "洗牙",
        cost_minor=4200_00,
        note="世纪大道三栋楼，共十二部电梯",
    ),
    Poster("社区义诊 · 徐家汇街道", "免费口腔检查", 5, 45, "社区义诊", cost_minor=900_00),
    Poster(
        "小红书达人合作",
        "探店同款，首次美白立减",
        7,
        33,
        "小红书",
        "您好，报达人名字可用探店价。",
        3000_00,
        permanent=False,
    ),
    Poster("企业合作 · 午间讲座", "员工专属口腔护理", 3, 20, "企业合作", note="每月一家公司，用同一张海报"),
    Poster("春季传单（旧）", "春季护牙", 2, 58, cost_minor=600_00, retired_days_ago=30),
)
STORE_WEIGHT: Final = 5
SCANS: Final = 300
SINCE: Final = dt.timedelta(days=58)
_OPEN, _SHUT = 9, 21
_SEED = 20261122


@dataclass(frozen=True, slots=True)
class _Met:
    """A code and how it is met: so often, from then on, until then."""

    scene: str
    weight: int
    begin: dt.datetime
    end: dt.datetime


def spread(session: Session, account_id: int, fans: Mapping[str, int], *, now: dt.datetime) -> None:
    """Make the codes and let fans scan them, once."""
    if queries.codes(session, Wanted(), cursor=None, size=1).items:
        return
    met = [*_store_codes(session, account_id, now), *_promotion_codes(session, account_id, now)]
    _scan(session, met, list(fans.values()), now)
    for code_id, retired_at in _over(session, now):
        services.retire(session, code_id, by=OPERATOR, now=retired_at)


def _store_codes(session: Session, account_id: int, now: dt.datetime) -> list[_Met]:
    begin = now - SINCE
    services.create_for_stores(session, account_id, by=OPERATOR, now=begin)
    ids = [code_id for _, code_id in sorted(queries.of_stores(session).items())]
    return [_Met(queries.code(session, code_id).scene, STORE_WEIGHT, begin, now) for code_id in ids]


def _promotion_codes(session: Session, account_id: int, now: dt.datetime) -> list[_Met]:
    tags = {tag.name: tag.id for group in fan_queries.tag_groups(session) for tag in group.tags}
    consultant = next(iter(tenancy.consultants(session)), None)
    first_store = clinic.stores(session)[0].id
    met = []
    for poster in POSTERS:
        begin = now - dt.timedelta(days=poster.days_ago)
        new = NewCode(
            account_id,
            PROMOTION,
            poster.name,
            poster.caption,
            permanent=poster.permanent,
            store_id=first_store if poster.tag == "社区义诊" else None,
            consultant_id=consultant if poster.tag == "企业合作" else None,
            welcome=poster.welcome,
            cost_minor=poster.cost_minor,
            note=poster.note,
            tag_ids=[tags[poster.tag]] if poster.tag in tags else [],
        )
        code = services.create(session, new, by=OPERATOR, now=begin)
        met.append(_Met(code.scene, poster.weight, begin, _end(poster, now)))
    return met


def _scan(session: Session, met: Sequence[_Met], fan_ids: Sequence[int], now: dt.datetime) -> None:
    """Let most fans come by a code, and scan others now and then; the same every time."""
    chance = random.Random(_SEED)  # noqa: S311 no secret
    known = fan_queries.by_ids(session, fan_ids)
    zone = tenancy.tenant(session).zone
    for number in range(SCANS):
        fan = known[fan_ids[number % len(fan_ids)]]
        is_first = number < len(fan_ids)
        if is_first and chance.random() < 0.25:
            continue
        at = fan.first_seen_at if is_first else _later(chance, fan.first_seen_at, now, zone)
        there = [one for one in met if one.begin <= at < one.end]
        if there:
            (one,) = chance.choices(there, [each.weight for each in there])
            told = {"push_id": -1 - number, "at": at, "is_first": is_first, "now": at}
            services.record_scan(session, fan.id, one.scene, **told)  # type: ignore[arg-type]


def _later(chance: random.Random, begin: dt.datetime, end: dt.datetime, zone: str) -> dt.datetime:
    """Give a moment between two at which people are about."""
    some = begin + (end - begin) * chance.random()
    here = clock.local(some, zone).replace(hour=chance.randrange(_OPEN, _SHUT), minute=chance.randrange(60))
    return min(max(here.astimezone(dt.UTC), begin), end)


def _over(session: Session, now: dt.datetime) -> list[tuple[int, dt.datetime]]:
    over = {poster.name: _end(poster, now) for poster in POSTERS if poster.retired_days_ago is not None}
    found = queries.codes(session, Wanted(kind=PROMOTION), cursor=None).items
    return [(code.id, over[code.name]) for code in found if code.name in over]


def _end(poster: Poster, now: dt.datetime) -> dt.datetime:
    return now if poster.retired_days_ago is None else now - dt.timedelta(days=poster.retired_days_ago)
