"""Coupons of 康美口腔, a push that is over, with what became of it, and one of tomorrow."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from engage.audiences.filters import EVERYBODY
from engage.audit.services import Actor
from engage.campaigns import queries as campaign_queries
from engage.campaigns import services as campaigns
from engage.campaigns.services import NewPush
from engage.cli.demo.account import SLUG
from engage.clinic import queries as clinic
from engage.coupons import queries, services
from engage.coupons.rules import CASH, EXCHANGE, HELD, PERCENT, THRESHOLD, Terms
from engage.coupons.services import NewCoupon
from engage.kernel.db import Session, unit_of_work
from engage.tenancy import queries as tenancy

SENT, PLANNED, AT_THE_DESK, DRAFT = "洁牙体验券", "周年回馈券", "新客见面礼", "冷光美白 8.5 折"
FINISHED, SCHEDULED = "十一月护齿月", "周年庆"

# Coupons left over of the push that is over.
LEFT = 3
# How many days ago the push was, and the hour at which pushes begin.
PUSHED_DAYS_AGO, HOUR = 7, 10
# Of those who got a coupon, every so manieth has used it.
USED_EVERY = 5

_OVER_WITHIN = 30.0
_PAUSE = 0.1


def make_coupons(session: Session, account_id: int, *, now: dt.datetime) -> None:
    """Make the coupons, unless the chain has any."""
    if queries.coupons(session).items:
        return
    marketer, made_at = _actor(session, "marketer"), now - dt.timedelta(days=PUSHED_DAYS_AGO + 2)
    stock = campaign_queries.reachable(session, EVERYBODY.changed(account_id=account_id), now=now) + LEFT
    for name, new in _offers(session, stock).items():
        coupon = services.create(session, new, by=marketer, now=made_at)
        if name != DRAFT:
            online = name != AT_THE_DESK
            services.publish(session, coupon.id, online=online, offline=True, by=marketer, now=made_at)


def push(session: Session, account_id: int, *, zone: str, now: dt.datetime) -> None:
    """Let the push of last week begin and give everybody their coupon; workers send what tells of it."""
    if _known(session, FINISHED):
        return
    marketer, starts_at = _actor(session, "marketer"), _at_ten(now, zone, days=-PUSHED_DAYS_AGO)
    planned_at = starts_at - dt.timedelta(days=1)
    new = NewPush(FINISHED, _coupon(session, SENT), account_id, starts_at)
    made = campaigns.schedule(session, new, by=marketer, now=planned_at)
    campaigns.start_due(session, now=starts_at)
    while campaigns.work(session, made.id, now=starts_at):
        pass


def until_told() -> None:
    """Wait until workers have told everybody; what is left is theirs to send later."""
    until = time.monotonic() + _OVER_WITHIN
    while time.monotonic() < until:
        with unit_of_work() as session:
            if not campaign_queries.running(session):
                return
        time.sleep(_PAUSE)


def use(session: Session, fans: Mapping[str, int], *, zone: str, now: dt.datetime) -> None:
    """Let the desks redeem some of what was given, on the days since."""
    desk, stores = _actor(session, "desk"), [store.id for store in clinic.stores(session)]
    for number, fan_id in enumerate(list(fans.values())[1::USED_EVERY]):
        opened_at = _at_ten(now, zone, days=-1 - number % (PUSHED_DAYS_AGO - 1))
        used_at = opened_at + number * dt.timedelta(minutes=37)
        held = (
            one
            for one in queries.of_fan(session, fan_id, now)
            if one.name == SENT and one.standing(used_at) == HELD
        )
        for one in held:
            services.redeem(session, one.code, store_id=stores[number % len(stores)], by=desk, now=used_at)


def plan(session: Session, account_id: int, *, zone: str, now: dt.datetime) -> None:
    """Schedule the push of tomorrow, unless there was one of its name."""
    if not _known(session, SCHEDULED):
        at = _at_ten(now, zone, days=1)
        new = NewPush(SCHEDULED, _coupon(session, PLANNED), account_id, at)
        campaigns.schedule(session, new, by=_actor(session, "marketer"), now=now)


def _offers(session: Session, stock: int) -> Mapping[str, NewCoupon]:
    stores = {store.slug: store.id for store in clinic.stores(session)}
    items = {item.name: item.id for item in clinic.items(session)}
    terms = {
        SENT: Terms(EXCHANGE, item_id=items["超声洁牙"], valid_days=30),
        PLANNED: Terms(
            THRESHOLD,
            amount_minor=100_00,
            minimum_minor=500_00,
            store_ids=frozenset({stores["xuhui"], stores["pudong"]}),
            valid_days=30,
        ),
        AT_THE_DESK: Terms(CASH, amount_minor=50_00, stackable=True, valid_days=60),
        DRAFT: Terms(PERCENT, percent=85, item_ids=frozenset({items["冷光美白"]}), valid_days=90),
    }
    stocks = {SENT: stock, PLANNED: 500}
    return {name: NewCoupon(name, one, stocks.get(name), per_person=1) for name, one in terms.items()}


def _coupon(session: Session, name: str) -> int:
    return next(one.id for one in queries.publishable(session) if one.name == name)


def _known(session: Session, name: str) -> bool:
    return any(one.name == name for one in campaign_queries.campaigns(session).items)


def _actor(session: Session, name: str) -> Actor:
    staff = tenancy.by_login(session, f"{name}@{SLUG}")
    return Actor("staff", staff.id if staff else None)


def _at_ten(now: dt.datetime, zone: str, *, days: int) -> dt.datetime:
    day = now.astimezone(ZoneInfo(zone)).date() + dt.timedelta(days=days)
    return dt.datetime.combine(day, dt.time(HOUR), ZoneInfo(zone)).astimezone(dt.UTC)
