"""Open time (BK-1): rosters within the store's hours, less what is taken; never a query in a loop."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from engage.booking import rules
from engage.booking.models import Appointment, Hold
from engage.booking.queries.visits import Row, between
from engage.booking.rules import Slot, Span, Stretch, Taken
from engage.clinic import queries as clinic
from engage.clinic.rules import Hours, open_stretches, opening
from engage.kernel import clock
from engage.kernel.db import Session

if TYPE_CHECKING:
    from engage.clinic.models import Store

# Where the nearest alternatives are looked for: first around the wish, then further away.
NEAR, FURTHER = dt.timedelta(hours=6), dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Opening:
    """Whom patients can see at a store: a doctor, or (None) anybody; when next, and how many places."""

    doctor_id: int | None
    next_at: dt.datetime | None
    free: int


@dataclass(frozen=True, slots=True)
class Column:
    """A doctor's day, or (None) the day's visits without a named doctor."""

    doctor_id: int | None
    doctor: str
    slots: Sequence[Slot]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Board:
    """A store's local day by doctor."""

    store_id: int
    zone: str
    begin: dt.datetime
    end: dt.datetime
    columns: Sequence[Column]


def open_slots(
    session: Session,
    store_id: int,
    doctor_id: int | None,
    *,
    begin: dt.datetime,
    end: dt.datetime,
    now: dt.datetime,
    minutes: int = 0,
) -> list[Slot]:
    """Give the slots of a half-open interval with the places left, in order, in four queries.

    Without a doctor it is the store's places of each hour. `minutes` asks for room for a longer visit.
    """
    store = clinic.store(session, store_id)
    stretches = _stretches(session, store, doctor_id, begin=begin, end=end)
    return _slots(session, stretches, begin=begin, end=end, now=now, minutes=minutes)


def nearest_slots(
    session: Session,
    store_id: int,
    doctor_id: int | None,
    wished: dt.datetime,
    *,
    now: dt.datetime,
    minutes: int = 0,
) -> list[Slot]:
    """Give up to three free slots near a time that cannot be had, in the order of time."""
    found: list[Slot] = []
    for reach in (NEAR, FURTHER):
        around = open_slots(
            session, store_id, doctor_id, begin=wished - reach, end=wished + reach, now=now, minutes=minutes
        )
        found = rules.nearest(around, wished)
        if len(found) == rules.NEAREST:
            break
    return found


def slot_at(
    session: Session,
    store_id: int,
    doctor_id: int | None,
    starts_at: dt.datetime,
    *,
    now: dt.datetime,
    minutes: int = 0,
) -> Slot | None:
    """Give the slot that begins at a time, if one does; what is taken is not looked at."""
    store = clinic.store(session, store_id)
    stretches = _stretches(session, store, doctor_id, begin=starts_at, end=starts_at + rules.GRID)
    slots = rules.grid(stretches, {}, now=now, minutes=minutes)
    return next((slot for slot in slots if slot.starts_at == starts_at), None)


def openings(
    session: Session, store_id: int, *, begin: dt.datetime, end: dt.datetime, now: dt.datetime
) -> list[Opening]:
    """Give all bookable doctors with a roster at the store, then its places without a doctor if it has any.

    Each with the next free slot of the interval and the places free in it; in five queries.
    """
    store = clinic.store(session, store_id)
    doctors = [doctor.id for doctor in clinic.doctors(session) if doctor.bookable]
    stretches = _all_stretches(session, store, doctors, begin=begin, end=end)
    slots = _slots(session, stretches, begin=begin, end=end, now=now)
    seen = {stretch.doctor_id for stretch in stretches}
    free: dict[int | None, list[Slot]] = {
        doctor_id: [] for doctor_id in [*doctors, None] if doctor_id in seen
    }
    for slot in slots:
        if slot.free:
            free[slot.doctor_id].append(slot)
    return [
        Opening(
            doctor_id,
            min((slot.starts_at for slot in found), default=None),
            sum(slot.free for slot in found),
        )
        for doctor_id, found in free.items()
    ]


def board(session: Session, day: dt.date, store_id: int, *, now: dt.datetime) -> Board:
    """Give a store's day: doctors with a roster or a visit, their slots to come and their visits.

    Visits without a doctor stand in a last column, there if the store has such places or visits.
    """
    store = clinic.store(session, store_id)
    begin, end = clock.day_bounds(day, store.zone)
    doctors = clinic.doctors(session)
    stretches = _all_stretches(session, store, [doctor.id for doctor in doctors], begin=begin, end=end)
    slots = _slots(session, stretches, begin=begin, end=end, now=now)
    rows = between(session, begin=begin, end=end, store_ids=frozenset({store_id}))
    there = {stretch.doctor_id for stretch in stretches} | {row.doctor_id for row in rows}
    names: list[tuple[int | None, str]] = [*((doctor.id, doctor.name) for doctor in doctors), (None, "")]
    columns = [
        Column(
            doctor_id,
            name,
            [slot for slot in slots if slot.doctor_id == doctor_id],
            [row for row in rows if row.doctor_id == doctor_id],
        )
        for doctor_id, name in names
        if doctor_id in there
    ]
    return Board(store_id, store.zone, begin, end, columns)


def _slots(
    session: Session,
    stretches: Sequence[Stretch],
    *,
    begin: dt.datetime,
    end: dt.datetime,
    now: dt.datetime,
    minutes: int = 0,
) -> list[Slot]:
    taken = _taken(session, {stretch.resource for stretch in stretches}, begin=begin, end=end, now=now)
    slots = rules.grid(stretches, taken, now=now, minutes=minutes)
    return [slot for slot in slots if begin <= slot.starts_at < end]


def _stretches(
    session: Session, store: Store, doctor_id: int | None, *, begin: dt.datetime, end: dt.datetime
) -> list[Stretch]:
    hours = clinic.hours(session, [store.id]).get(store.id, ())
    if doctor_id is None:
        return list(_of_the_store(store, hours, begin=begin, end=end))
    return list(_of_doctors(session, store, hours, [doctor_id], begin=begin, end=end))


def _all_stretches(
    session: Session, store: Store, doctor_ids: Collection[int], *, begin: dt.datetime, end: dt.datetime
) -> list[Stretch]:
    hours = clinic.hours(session, [store.id]).get(store.id, ())
    return [
        *_of_doctors(session, store, hours, doctor_ids, begin=begin, end=end),
        *_of_the_store(store, hours, begin=begin, end=end),
    ]


def _of_doctors(
    session: Session,
    store: Store,
    hours: Sequence[Hours],
    doctor_ids: Collection[int],
    *,
    begin: dt.datetime,
    end: dt.datetime,
) -> Iterator[Stretch]:
    for shift in clinic.shifts_at(session, store_id=store.id, doctor_ids=doctor_ids, begin=begin, end=end):
        slot = dt.timedelta(minutes=shift.slot_minutes)
        for starts_at, ends_at in open_stretches(shift.starts_at, shift.ends_at, hours, store.zone):
            yield Stretch(
                store.id, shift.doctor_id, starts_at, ends_at, shift.starts_at, slot, shift.per_slot
            )


def _of_the_store(
    store: Store, hours: Sequence[Hours], *, begin: dt.datetime, end: dt.datetime
) -> Iterator[Stretch]:
    """Give a store's open time in whole hours of its clock (BK-4)."""
    if not store.any_per_hour:
        return
    first, last = clock.local(begin, store.zone).date(), clock.local(end, store.zone).date()
    for number in range((last - first).days + 1):
        for starts_at, ends_at in opening(hours, first + dt.timedelta(days=number), store.zone):
            past_the_hour = dt.timedelta(minutes=clock.local(starts_at, store.zone).minute)
            anchor = starts_at - past_the_hour
            yield Stretch(store.id, None, starts_at, ends_at, anchor, rules.HOUR, store.any_per_hour)


def _taken(
    session: Session, resources: Collection[str], *, begin: dt.datetime, end: dt.datetime, now: dt.datetime
) -> Taken:
    """Count what visits and holds take. The ledger says the same, but for holds that ran out unswept."""
    if not resources:
        return {}
    visits, holds = (
        sa.select(table.resource, table.starts_at, table.ends_at).where(
            table.tenant_id == session.tenant_id,
            table.resource.in_(resources),
            table.starts_at > begin - rules.LONGEST,
            table.starts_at < end + rules.LONGEST,
        )
        for table in (Appointment, Hold)
    )
    kept = visits.where(Appointment.state != "cancelled").union_all(holds.where(Hold.expires_at > now))
    return rules.taken_by(Span(*row) for row in session.execute(kept))
