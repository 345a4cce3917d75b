"""Open time (BK-1): rosters within the store's hours, less what is taken; never a query in a loop."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from engage.booking import rules
from engage.booking.models import Appointment, Hold
from engage.booking.queries.stretches import MARGIN, stretches, stretches_of
from engage.booking.rules import Slot, Stretch, Taken
from engage.booking.rules.terms import Terms, may_begin
from engage.clinic import queries as clinic
from engage.clinic.queries import situations
from engage.kernel import recent
from engage.kernel.db import Session

if TYPE_CHECKING:
    from engage.clinic.models import Store

# How far from the wish the nearest alternatives are looked for.
AROUND: Final = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Opening:
    """Whom patients can see at a store: a doctor, or (None) anybody; when next, and how many places."""

    doctor_id: int | None
    next_at: dt.datetime | None
    free: int
    slots: Sequence[Slot] = ()


def open_slots(
    session: Session,
    store_id: int,
    doctor_id: int | None,
    *,
    begin: dt.datetime,
    end: dt.datetime,
    now: dt.datetime,
    minutes: int = 0,
    item_id: int | None = None,
) -> list[Slot]:
    """Give the slots of a half-open interval with the places left, in order, in two queries.

    Without a doctor it is the store's places of each hour. `minutes` asks for room for a longer visit,
    `item_id` leaves out when that item is closed.
    """
    opened = _stretches(session, store_id, doctor_id, begin=begin, end=end, item_id=item_id)
    return slots_in(session, opened, begin=begin, end=end, now=now, minutes=minutes)


def nearest_slots(
    session: Session,
    store_id: int,
    doctor_id: int | None,
    wished: dt.datetime,
    *,
    now: dt.datetime,
    minutes: int = 0,
    item_id: int | None = None,
    allowed: Terms | None = None,
) -> list[Slot]:
    """Give up to three free slots near a time that cannot be had, in the order of time; in two queries.

    Those that patients may book themselves if `allowed` says which. They may be a second old: where many
    are refused at once, they are looked for once (`kernel.recent`).
    """
    begin, end = wished - AROUND, wished + AROUND

    def find() -> list[Slot]:
        there = situations.situation(session, store_id, doctor_id, begin=begin, end=end, margin=MARGIN)
        opened = stretches_of(there, doctor_id, begin=begin, end=end, item_id=item_id)
        around = slots_in(session, opened, begin=begin, end=end, now=now, minutes=minutes)
        may = [
            one for one in around if allowed is None or may_begin(allowed, one.starts_at, there.zone, now=now)
        ]
        return rules.nearest(may, wished)

    wish = (store_id, doctor_id, wished, minutes, item_id, allowed)
    return recent.answer(("nearest", session.tenant_id, *wish), find)


def slot_at(
    session: Session,
    store_id: int,
    doctor_id: int | None,
    starts_at: dt.datetime,
    *,
    now: dt.datetime,
    minutes: int = 0,
    item_id: int | None = None,
) -> Slot | None:
    """Give the slot that begins at a time, if one does; what is taken is not looked at."""
    end = starts_at + rules.GRID
    opened = _stretches(session, store_id, doctor_id, begin=starts_at, end=end, item_id=item_id)
    slots = rules.grid(opened, {}, now=now, minutes=minutes)
    return next((slot for slot in slots if slot.starts_at == starts_at), None)


def openings(
    session: Session,
    store_id: int,
    *,
    begin: dt.datetime,
    end: dt.datetime,
    now: dt.datetime,
    allowed: Terms | None = None,
) -> list[Opening]:
    """Give all bookable doctors with a roster at the store, then its places without a doctor if it has any.

    Each with the free slots of the interval, those that patients may book themselves if `allowed` says
    which; in six queries.
    """
    store = clinic.store(session, store_id)
    doctors = [doctor.id for doctor in clinic.doctors(session) if doctor.bookable]
    opened = all_stretches(session, store, doctors, begin=begin, end=end)
    slots = slots_in(session, opened, begin=begin, end=end, now=now)
    seen = {stretch.doctor_id for stretch in opened}
    free: dict[int | None, list[Slot]] = {
        doctor_id: [] for doctor_id in [*doctors, None] if doctor_id in seen
    }
    for slot in slots:
        if slot.free and (allowed is None or may_begin(allowed, slot.starts_at, store.zone, now=now)):
            free[slot.doctor_id].append(slot)
    return [
        Opening(
            doctor_id,
            min((slot.starts_at for slot in found), default=None),
            sum(slot.free for slot in found),
            found,
        )
        for doctor_id, found in free.items()
    ]


def slots_in(
    session: Session,
    stretches: Sequence[Stretch],
    *,
    begin: dt.datetime,
    end: dt.datetime,
    now: dt.datetime,
    minutes: int = 0,
) -> list[Slot]:
    """Cut open time into the slots of a half-open interval, with the places left in each; one query."""
    taken = taken_in(session, {stretch.resource for stretch in stretches}, begin=begin, end=end, now=now)
    slots = rules.grid(stretches, taken, now=now, minutes=minutes)
    return [slot for slot in slots if begin <= slot.starts_at < end]


def _stretches(
    session: Session,
    store_id: int,
    doctor_id: int | None,
    *,
    begin: dt.datetime,
    end: dt.datetime,
    item_id: int | None = None,
) -> list[Stretch]:
    there = situations.situation(session, store_id, doctor_id, begin=begin, end=end, margin=MARGIN)
    return stretches_of(there, doctor_id, begin=begin, end=end, item_id=item_id)


def all_stretches(
    session: Session, store: Store, doctor_ids: Collection[int], *, begin: dt.datetime, end: dt.datetime
) -> list[Stretch]:
    """Give the open time of a store: of some doctors, and of its places without one."""
    return stretches(session, store, doctor_ids, begin=begin, end=end, with_any=True)


def taken_in(
    session: Session, resources: Collection[str], *, begin: dt.datetime, end: dt.datetime, now: dt.datetime
) -> Taken:
    """Count what visits and holds take. The ledger says the same, but for holds that ran out unswept."""
    if not resources:
        return {}
    told = {
        "tenant_id": session.tenant_id,
        "resources": list(resources),
        "after": begin - rules.LONGEST,
        "before": end + rules.LONGEST,
        "now": now,
    }
    return rules.taken_by(session.execute(_TAKEN, told))


def _taking() -> sa.Select[str, int, int, int]:
    """Build the statement that gives what visits and holds take, each span once with how many there are."""
    resources = sa.bindparam("resources", type_=ARRAY(sa.Text))
    after, before, now = (
        sa.bindparam(name, type_=sa.DateTime(timezone=True)) for name in ("after", "before", "now")
    )
    visit, hold = (cast("sa.Table", model.__table__) for model in (Appointment, Hold))
    visits, holds = (
        sa.select(
            table.c.resource, _second(table.c.starts_at).label("begin"), _second(table.c.ends_at).label("end")
        ).where(
            table.c.tenant_id == sa.bindparam("tenant_id", type_=sa.BigInteger),
            table.c.resource == sa.func.any(resources),
            table.c.starts_at > after,
            table.c.starts_at < before,
        )
        for table in (visit, hold)
    )
    each = (
        visits.where(visit.c.state != "cancelled").union_all(holds.where(hold.c.expires_at > now)).subquery()
    )
    span = (each.c.resource, each.c.begin, each.c.end)
    return sa.select(*span, sa.func.count()).group_by(*span)


def _second(column: sa.ColumnElement[dt.datetime]) -> sa.ColumnElement[int]:
    """Give the second of the epoch of a time; a month of a store reads thousands of them."""
    return sa.cast(sa.extract("epoch", column), sa.BigInteger)


_TAKEN: Final = _taking()
