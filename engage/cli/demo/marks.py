"""What the clinic knows of its fans: tags in groups, remarks, stores, who looks after them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Final

from engage.audit.services import OPERATOR, Actor
from engage.clinic import queries as clinic
from engage.fans import queries, services
from engage.fans.services import tags
from engage.kernel.db import Session
from engage.tenancy import queries as tenancy

GROUPS: Final = {
    "感兴趣的项目": ("种植牙", "牙齿矫正", "儿童齿科", "洗牙", "美白"),
    "客户关系": ("老客户", "转介绍", "亲友", "重点维护"),
    "来源渠道": ("社区义诊", "企业合作", "小红书"),
}
REMARKS: Final = {
    "jianguo": "陈建国 先生",
    "meiling": "美玲 姐",
    "tongtong": "童童爸爸 周末来",
    "fan3": "阿杰 电话勿扰",
    "fan5": "木子 隔壁写字楼",
    "fan20": "Grace 只用英文",
}

# Which tags a follower has, by turns; most have few.
_TURNS: Final[Sequence[tuple[str, ...]]] = (
    ("洗牙",),
    (),
    ("种植牙", "老客户"),
    ("儿童齿科", "转介绍"),
    ("美白", "小红书"),
    (),
    ("牙齿矫正", "重点维护", "企业合作", "转介绍"),
    ("社区义诊",),
)


def mark(session: Session, slug: str, fans: Mapping[str, int], *, now: dt.datetime) -> None:
    """Make the tags and mark the fans, once."""
    if queries.tag_groups(session):
        return
    desk = tenancy.by_login(session, f"desk@{slug}")
    by = Actor("staff", desk.id) if desk else OPERATOR
    known = _make(session, by, now)
    for fan_id, names in zip(fans.values(), cycle(_TURNS), strict=False):
        tags.add(session, [known[name] for name in names], [fan_id], how="hand", by=by, now=now)
    for person, text in REMARKS.items():
        if person in fans:
            services.set_remark(session, fans[person], text, by=by, now=now)
    _place(session, slug, list(fans.values()), by, now)


def _make(session: Session, by: Actor, now: dt.datetime) -> Mapping[str, int]:
    known: dict[str, int] = {}
    for group_name, names in GROUPS.items():
        group = tags.create_group(session, group_name, by=by, now=now)
        for name in names:
            known[name] = tags.create_tag(session, group.id, name, by=by, now=now).id
    return known


def _place(session: Session, slug: str, fan_ids: Sequence[int], by: Actor, now: dt.datetime) -> None:
    """Let two of three fans belong to a store by turns, and the consultant look after every fifth."""
    stores = [store.id for store in clinic.stores(session)]
    for turn, store_id in enumerate(stores):
        these = [fan_id for place, fan_id in enumerate(fan_ids) if place % (len(stores) * 3 // 2 + 1) == turn]
        services.assign_store(session, these, store_id, by=by, now=now)
    consultant = tenancy.by_login(session, f"consultant@{slug}")
    if consultant is not None:
        services.assign_consultant(session, fan_ids[::5], consultant.id, by=by, now=now)
