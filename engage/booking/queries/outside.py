"""Visits outside open time, or more than there are places: rosters, hours or closures changed since."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from engage.booking.models import Appointment
from engage.booking.queries.stretches import OpenTime, open_time
from engage.booking.queries.visits import Row, rows_of
from engage.booking.rules import GRID, LIVE, OPEN
from engage.clinic import queries as clinic
from engage.clinic.queries.rosters import ShiftTime
from engage.clinic.rules import Interval, local_dates, merged
from engage.kernel.db import Session

Visit = sa.Row[int, int, int | None, int | None, dt.datetime, dt.datetime, str]
_Key = tuple[int, int, dt.date]
# A place of a doctor at a store, or (None) of a store, at one step of the grid, in seconds of the epoch.
_Step = tuple[int, int | None, int]
_GRID: Final = int(GRID.total_seconds())

# Why a visit is to be moved: it lies outside open time, or there are more than places.
OUTSIDE: Final = "outside"
CROWDED: Final = "crowded"


@dataclass(frozen=True, slots=True)
class Left:
    """A visit that somebody is to move, and why."""

    row: Row
    why: str


def outside(
    session: Session,
    *,
    begin: dt.datetime,
    end: dt.datetime,
    store_ids: Collection[int] | None = None,
    doctor_id: int | None = None,
) -> Sequence[Left]:
    """Give the visits to come that begin in a half-open interval and are to be moved, by time, with why.

    A visit of a doctor lies outside where no shift of theirs at its store covers it, one without a
    doctor where the store is closed. Where fewer may come at once than are booked, all of that time are
    given. The number of queries is the same for any number of visits.
    """
    found = _whys(session, begin=begin, end=end, store_ids=store_ids, doctor_id=doctor_id)
    if not found:
        return ()
    statement = sa.select(Appointment).where(Appointment.id.in_(found))
    visits = session.scalars(statement.order_by(Appointment.starts_at, Appointment.id)).all()
    return [Left(row, found[row.id]) for row in rows_of(session, visits)]


def outside_ids(
    session: Session,
    *,
    begin: dt.datetime,
    end: dt.datetime,
    store_ids: Collection[int] | None = None,
    doctor_id: int | None = None,
) -> Sequence[int]:
    """Give the ids of visits to come that are to be moved, in four queries; five if some have no doctor."""
    return list(_whys(session, begin=begin, end=end, store_ids=store_ids, doctor_id=doctor_id))


def _whys(
    session: Session,
    *,
    begin: dt.datetime,
    end: dt.datetime,
    store_ids: Collection[int] | None,
    doctor_id: int | None,
) -> Mapping[int, str]:
    """Give why visits to come are to be moved, by visit, by time."""
    visits = _visits(session, begin=begin, end=end, store_ids=store_ids, doctor_id=doctor_id)
    if not visits:
        return {}
    opened = open_time(session, sorted({visit.store_id for visit in visits}), begin=begin, end=end)
    doctors = {visit.doctor_id for visit in visits if visit.doctor_id is not None}
    last = max(visit.ends_at for visit in visits)
    shifts = clinic.shift_times(session, doctor_ids=doctors, begin=begin, end=last) if doctors else ()
    has_pool = any(visit.doctor_id is None for visit in visits)
    pools = {store.id: store.any_per_hour for store in clinic.stores(session)} if has_pool else {}
    by_day = _by_day(shifts)
    covering, room = _Covering(opened, by_day), _Room(by_day, pools, _taken(visits))
    found = {}
    for visit in visits:
        if visit.state not in OPEN:
            continue
        if not covering.holds(visit):
            found[visit.id] = OUTSIDE
        elif not room.holds(visit):
            found[visit.id] = CROWDED
    return found


def _visits(
    session: Session,
    *,
    begin: dt.datetime,
    end: dt.datetime,
    store_ids: Collection[int] | None,
    doctor_id: int | None,
) -> Sequence[Visit]:
    one = Appointment
    statement = (
        sa.select(one.id, one.store_id, one.doctor_id, one.item_id, one.starts_at, one.ends_at, one.state)
        .where(one.starts_at >= begin, one.starts_at < end, one.state.in_(LIVE))
        .order_by(one.starts_at, one.id)
    )
    if store_ids is not None:
        statement = statement.where(one.store_id.in_(store_ids))
    if doctor_id is not None:
        statement = statement.where(one.doctor_id == doctor_id)
    return session.execute(statement).all()


def _by_day(shifts: Sequence[ShiftTime]) -> Mapping[_Key, list[ShiftTime]]:
    """Give shifts by store, doctor and each date (UTC) that they touch."""
    found: dict[_Key, list[ShiftTime]] = defaultdict(list)
    for shift in shifts:
        for date in {shift.starts_at.date(), shift.ends_at.date()}:
            found[shift.store_id, shift.doctor_id, date].append(shift)
    return found


def _steps(visit: Visit) -> Iterator[_Step]:
    first, end = int(visit.starts_at.timestamp()), int(visit.ends_at.timestamp())
    for second in range(first // _GRID * _GRID, end, _GRID):
        yield visit.store_id, visit.doctor_id, second


def _taken(visits: Sequence[Visit]) -> Counter[_Step]:
    """Count the visits at each step of the grid."""
    return Counter(step for visit in visits for step in _steps(visit))


@dataclass(frozen=True, slots=True)
class _Room:
    """Finds whether as many may come at once as are booked."""

    shifts: Mapping[_Key, list[ShiftTime]]
    pools: Mapping[int, int]
    taken: Counter[_Step]

    def holds(self, visit: Visit) -> bool:
        """Whether there are places for a visit in open time, and for those that are there with it."""
        return all(self.taken[step] <= self._places(step) for step in _steps(visit))

    def _places(self, step: _Step) -> int:
        store_id, doctor_id, second = step
        if doctor_id is None:
            return self.pools[store_id]
        if self.taken[step] == 1:
            return 1
        at = dt.datetime.fromtimestamp(second, dt.UTC)
        there = self.shifts.get((store_id, doctor_id, at.date()), ())
        return max((one.per_slot for one in there if one.starts_at <= at < one.ends_at), default=0)


@dataclass(frozen=True, slots=True)
class _Covering:
    """Finds whether visits lie in open time; what is open for one is kept for the others of its shift."""

    opened: OpenTime
    shifts: Mapping[_Key, list[ShiftTime]]
    _known: dict[tuple[object, ...], list[Interval]] = field(default_factory=dict)

    def holds(self, visit: Visit) -> bool:
        return any(
            begin <= visit.starts_at and visit.ends_at <= end for begin, end in merged(self._parts(visit))
        )

    def _parts(self, visit: Visit) -> Iterator[Interval]:
        if visit.doctor_id is None:
            zone = self.opened.calendars[visit.store_id].zone
            for date in local_dates(visit.starts_at, visit.ends_at, zone):
                yield from self._of_store(visit.store_id, date, visit.item_id)
        else:
            for date in {visit.starts_at.date(), visit.ends_at.date()}:
                for shift in self.shifts.get((visit.store_id, visit.doctor_id, date), ()):
                    yield from self._of_shift(shift, visit.item_id)

    def _of_store(self, store_id: int, date: dt.date, item_id: int | None) -> list[Interval]:
        key = (store_id, date, item_id)
        if key not in self._known:
            self._known[key] = self.opened.of_store(store_id, date, item_id=item_id)
        return self._known[key]

    def _of_shift(self, shift: ShiftTime, item_id: int | None) -> list[Interval]:
        key = (shift.store_id, shift.doctor_id, shift.starts_at, item_id)
        if key not in self._known:
            self._known[key] = self.opened.of_doctor(
                shift.store_id, shift.doctor_id, (shift.starts_at, shift.ends_at), item_id=item_id
            )
        return self._known[key]
