"""Open time before anything is taken: rosters within the store's calendar, less closures (BK-1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engage.booking import rules
from engage.booking.rules import Stretch
from engage.clinic import queries as clinic
from engage.clinic.queries.rosters import ShiftTime
from engage.clinic.queries.situations import Situation
from engage.clinic.rules import Calendar, Closing, Interval, closed, local_dates, without
from engage.kernel import clock
from engage.kernel.db import Session

if TYPE_CHECKING:
    from engage.clinic.models import Store

# A shift that touches an interval, or a visit that begins in it, reaches beyond it by less.
MARGIN = dt.timedelta(hours=26)
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class OpenTime:
    """What stops and opens stores in some time: their calendars, and the closures."""

    calendars: Mapping[int, Calendar]
    closings: Sequence[Closing]
    _stopping: dict[tuple[int, int | None, int | None], list[Closing]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def of_doctor(
        self, store_id: int, doctor_id: int, within: Interval, *, item_id: int | None = None
    ) -> list[Interval]:
        """Give the parts of a doctor's time in which a store is open, and nothing is closed; in order."""
        return self._less_closures(store_id, doctor_id, self.calendars[store_id].within(*within), item_id)

    def of_store(self, store_id: int, date: dt.date, *, item_id: int | None = None) -> list[Interval]:
        """Give when visits without a doctor may take place on a local date, in order."""
        return self._less_closures(store_id, None, self.calendars[store_id].opening(date), item_id)

    def _less_closures(
        self, store_id: int, doctor_id: int | None, opened: Sequence[Interval], item_id: int | None
    ) -> list[Interval]:
        who = (store_id, doctor_id, item_id)
        if (stopping := self._stopping.get(who)) is None:
            stopping = self._stopping[who] = [one for one in self.closings if one.stops(*who)]
        if not opened or not stopping:
            return list(opened)
        holes = closed(
            stopping,
            opened[0][0],
            opened[-1][1],
            self.calendars[store_id].zone,
            store_id=store_id,
            doctor_id=doctor_id,
            item_id=item_id,
        )
        return without(opened, holes)


def open_time(
    session: Session, store_ids: Sequence[int], *, begin: dt.datetime, end: dt.datetime
) -> OpenTime:
    """Give what opens and stops stores in a half-open interval, in two queries."""
    begin, end = begin - MARGIN, end + MARGIN
    # A local date is at most a day from the date in UTC.
    calendars = clinic.calendars(session, store_ids, begin.date() - _DAY, end.date() + _DAY)
    store_id = store_ids[0] if len(store_ids) == 1 else None
    return OpenTime(calendars, clinic.closures_between(session, store_id, begin, end))


def stretches(
    session: Session,
    store: Store,
    doctor_ids: Collection[int],
    *,
    begin: dt.datetime,
    end: dt.datetime,
    with_any: bool,
    item_id: int | None = None,
) -> list[Stretch]:
    """Give the open time of some doctors at a store, and with `any` of its places without one.

    In three queries, however long the interval is and however many doctors there are.
    """
    opened = open_time(session, [store.id], begin=begin, end=end)
    found: list[Stretch] = []
    if doctor_ids:
        shifts = clinic.shift_times(
            session, store_ids=(store.id,), doctor_ids=doctor_ids, begin=begin, end=end
        )
        found += [stretch for shift in shifts for stretch in _of_shift(opened, shift, item_id)]
    if with_any:
        found += _of_the_store(opened, store, begin=begin, end=end, item_id=item_id)
    return found


def stretches_of_doctor(
    session: Session, doctor_id: int, store_ids: Sequence[int], *, begin: dt.datetime, end: dt.datetime
) -> list[Stretch]:
    """Give a doctor's open time at several stores, in three queries."""
    if not store_ids:
        return []
    opened = open_time(session, store_ids, begin=begin, end=end)
    shifts = clinic.shift_times(session, doctor_ids=(doctor_id,), begin=begin, end=end)
    return [
        stretch
        for shift in shifts
        if shift.store_id in opened.calendars
        for stretch in _of_shift(opened, shift, None)
    ]


def stretches_elsewhere(
    session: Session, stores: Sequence[Store], *, begin: dt.datetime, end: dt.datetime
) -> list[Stretch]:
    """Give the open time of several stores' places without a doctor, in two queries."""
    asked = [store for store in stores if store.any_per_hour]
    if not asked:
        return []
    opened = open_time(session, [store.id for store in asked], begin=begin, end=end)
    return [
        stretch
        for store in asked
        for stretch in _of_the_store(opened, store, begin=begin, end=end, item_id=None)
    ]


def stretches_of(
    situation: Situation,
    doctor_id: int | None,
    *,
    begin: dt.datetime,
    end: dt.datetime,
    item_id: int | None = None,
) -> list[Stretch]:
    """Give the open time of a doctor, or (None) of the store's places without one, in what was read of it."""
    opened = OpenTime({situation.id: situation.calendar}, situation.closings)
    if doctor_id is None:
        return list(_of_the_store(opened, situation, begin=begin, end=end, item_id=item_id))
    return [stretch for shift in situation.shifts for stretch in _of_shift(opened, shift, item_id)]


def _of_shift(opened: OpenTime, shift: ShiftTime, item_id: int | None) -> Iterator[Stretch]:
    slot = dt.timedelta(minutes=shift.slot_minutes)
    within = (shift.starts_at, shift.ends_at)
    for starts_at, ends_at in opened.of_doctor(shift.store_id, shift.doctor_id, within, item_id=item_id):
        yield Stretch(
            shift.store_id, shift.doctor_id, starts_at, ends_at, shift.starts_at, slot, shift.per_slot
        )


def _of_the_store(
    opened: OpenTime, store: Store | Situation, *, begin: dt.datetime, end: dt.datetime, item_id: int | None
) -> Iterator[Stretch]:
    """Give a store's open time in whole hours of its clock (BK-4)."""
    if not store.any_per_hour:
        return
    for date in local_dates(begin, end, store.zone):
        for starts_at, ends_at in opened.of_store(store.id, date, item_id=item_id):
            past_the_hour = dt.timedelta(minutes=clock.local(starts_at, store.zone).minute)
            anchor = starts_at - past_the_hour
            yield Stretch(store.id, None, starts_at, ends_at, anchor, rules.HOUR, store.any_per_hour)
