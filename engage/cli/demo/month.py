"""What makes the demo's days live: who waits for a place, walks in, asks first, or booked long ago."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engage.booking import queries, services
from engage.booking.errors import NotOpen, OfferStands, SlotFull, TooManyWishes
from engage.booking.queries import waiting
from engage.booking.rules.arrivals import walk_in_actions
from engage.booking.rules.waiting import Window
from engage.booking.services import Time, WalkInWish, Wanted
from engage.cli.demo.history import Known
from engage.cli.demo.shapes import Chain, Family, Person, Treatment
from engage.cli.demo.visits import SLOT, Visit
from engage.kernel import clock
from engage.kernel.db import Session
from engage.reporting import services as reporting

_KEYS: Final = uuid.UUID("3d0b8e0e-52a1-4f0e-8f6f-6d1a4a6f7c21")
DAY: Final = dt.timedelta(days=1)
MORNING: Final = (9 * 60, 12 * 60)
FAR_AHEAD: Final = 38
WAITED_FOR: Final = 13


@dataclass(frozen=True, slots=True)
class Wish:
    """Who waits for whom; in the hours given the doctor is not there, so that they wait on."""

    person: str
    store: str
    doctor: str
    hours: tuple[int, int]
    by_wechat: bool
    days_ago: int


WAITING: Final = (
    Wish("dawei", "xuhui", "许雅琴", MORNING, by_wechat=True, days_ago=4),
    Wish("", "jingan", "高远航", MORNING, by_wechat=False, days_ago=2),
    Wish("afeng", "pudong", "方文博", MORNING, by_wechat=True, days_ago=1),
)
# The desk keeps a place for this one, who was asked just now.
OFFERED: Final = Wish("linlin", "xuhui", "林志远", (9 * 60, 18 * 60), by_wechat=True, days_ago=6)

# Who comes without an appointment: store, minute of the day, name, what for, when treated, when done.
WALK_INS: Final = (
    ("xuhui", 10 * 60 + 20, "周先生", "牙痛", 32, 70),
    ("xuhui", 11 * 60 + 5, "马女士", "托槽掉了", 41, 66),
    ("pudong", 11 * 60 + 40, "何先生", "想问洗牙", 25, 60),
    ("xuhui", 14 * 60 + 10, "Anna Müller", "Broken filling", 38, 85),
    ("xuhui", 15 * 60 + 30, "孙阿姨", "假牙松动", 55, 90),
    ("xuhui", 16 * 60 + 20, "小宋", "智齿疼", 60, 95),
)


def asked_for(chain: Chain, now: dt.datetime) -> Iterator[Visit]:
    """Give the visits that are beyond the plan of days: two that ask first, one booked long ahead."""
    today = clock.local(now, chain.zone).date()
    begin, _ = clock.day_bounds(today, chain.zone)
    whole = {item.name: item for _category, items in chain.items for item in items}
    for fan, ahead, minute, doctor in (("haoran", 3, 17 * 60, "吴静怡"), ("susu", 5, 10 * 60, "吴静怡")):
        family = _family(chain, fan)
        at = begin + ahead * DAY + dt.timedelta(minutes=minute)
        yield _visit(chain, family, family.people[0], "jingan", doctor, whole["补牙"], at, now - SLOT)
    family = next(one for one in chain.families if not one.fan)
    far = begin + FAR_AHEAD * DAY + dt.timedelta(hours=10)
    month = f"far {far:%Y-%m}"
    yield _visit(
        chain, family, family.people[0], "xuhui", "林志远", whole["种植咨询"], far, now - 2 * DAY, month
    )


def wait(session: Session, chain: Chain, known: Known, *, now: dt.datetime) -> None:
    """Let people wait for places, and keep one for somebody; those on the list stay as they are."""
    doctors = [wish.doctor for wish in (*WAITING, OFFERED)]
    if waiting.count_waiting(session, None) or not known.knows(doctors=doctors):
        return
    for wish in WAITING:
        _wish(session, chain, known, wish, now=now)
    made = _wish(session, chain, known, OFFERED, now=now)
    begin, _ = clock.day_bounds(clock.local(now, chain.zone).date() + DAY, chain.zone)
    doctor_id, store_id = known.doctors[OFFERED.doctor], known.stores[OFFERED.store]
    slots = queries.open_slots(session, store_id, doctor_id, begin=begin, end=begin + 3 * DAY, now=now)
    free = next((slot for slot in slots if slot.free), None)
    if made is not None and free is not None:
        with contextlib.suppress(NotOpen, OfferStands, SlotFull):
            services.offer_by_hand(session, made, Time(doctor_id, free.starts_at), by=known.desk, now=now)


def walk_in(session: Session, chain: Chain, known: Known, *, now: dt.datetime) -> None:
    """Let people come without an appointment, as far as the day has come."""
    today = clock.local(now, chain.zone).date()
    begin, _ = clock.day_bounds(today, chain.zone)
    minute = dt.timedelta(minutes=1)
    for store, at, name, note, treated, done in WALK_INS:
        came = begin + at * minute
        if came > now:
            continue
        key = uuid.uuid5(_KEYS, f"{today} {store} {at}")
        wish = WalkInWish(key, known.stores[store], name=name, note=note)
        guest = services.walk_in(session, wish, by=known.desk, now=came)
        for action, after in (("start", treated), ("complete", done)):
            then = came + after * minute
            if then <= now and action in walk_in_actions(guest, now=then):
                services.act_on_walk_in(session, guest.id, action, by=known.desk, now=then)


def look(session: Session, chain: Chain, *, now: dt.datetime) -> None:
    """Let the stores that keep too few of their visits be looked into."""
    reporting.raise_alarms(session, zone=chain.zone, now=now)


def _wish(session: Session, chain: Chain, known: Known, wish: Wish, *, now: dt.datetime) -> int | None:
    today = clock.local(now, chain.zone).date()
    family = _family(chain, wish.person)
    window = Window((0, 1, 2, 3, 4, 5, 6), *wish.hours, today + DAY, today + WAITED_FOR * DAY)
    wanted = Wanted(
        key=uuid.uuid5(_KEYS, f"{today} {wish.store} {wish.doctor}"),
        patient_id=known.charts[family.phone, family.people[0].name],
        store_id=known.stores[wish.store],
        doctor_id=known.doctors[wish.doctor],
        window=window,
        fan_id=known.fans[wish.person] if wish.by_wechat else None,
    )
    with contextlib.suppress(TooManyWishes):
        made = services.add_wish(session, wanted, by=known.desk, now=now - wish.days_ago * DAY)
        return made.id
    return None


def _family(chain: Chain, fan: str) -> Family:
    """Give the family that a person of the sandbox speaks for; "" is one that nobody does."""
    return next(family for family in chain.families if family.fan == fan)


def _visit(
    chain: Chain,
    family: Family,
    person: Person,
    store: str,
    doctor: str,
    item: Treatment,
    starts_at: dt.datetime,
    booked_at: dt.datetime,
    name: str = "",
) -> Visit:
    return Visit(
        key=uuid.uuid5(_KEYS, name or f"{chain.slug} {starts_at:%Y-%m-%d %H:%M} {doctor}"),
        person=person,
        phone=family.phone,
        fan=family.fan,
        store=store,
        doctor=doctor,
        item=item,
        starts_at=starts_at,
        ends_at=starts_at + -(-item.minutes // 30) * SLOT,
        booked_at=booked_at,
    )
