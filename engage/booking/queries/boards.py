"""The boards of a store's days: who is seen when, what is open, what is booked; never a query in a loop."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engage.booking.queries.openings import all_stretches, slots_in
from engage.booking.queries.visits import Row, of_board
from engage.booking.rules import Slot, Stretch
from engage.clinic import queries as clinic
from engage.clinic.rules import Closing
from engage.kernel import clock
from engage.kernel.db import Session

Interval = tuple[dt.datetime, dt.datetime]
Cell = tuple[dt.date, int | None]
Thing = TypeVar("Thing", Slot, Row)


@dataclass(frozen=True, slots=True)
class Closed:
    """Time in which a closure stops a doctor, or visits without one, and why."""

    starts_at: dt.datetime
    ends_at: dt.datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Column:
    """A doctor's day, or (None) the day's visits without a named doctor; `away` are those at other stores."""

    doctor_id: int | None
    doctor: str
    slots: Sequence[Slot]
    rows: Sequence[Row]
    open: Sequence[Interval] = ()
    closed: Sequence[Closed] = ()
    away: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """A store's local day by doctor.

    `kind` is usual, special, holiday or make_up, `name` what the day is called, `closed` what stops
    the whole store.
    """

    store_id: int
    zone: str
    day: dt.date
    begin: dt.datetime
    end: dt.datetime
    columns: Sequence[Column]
    kind: str = "usual"
    name: str = ""
    closed: Sequence[Closed] = ()


def board(session: Session, day: dt.date, store_id: int, *, now: dt.datetime, language: str = "") -> Board:
    """Give a store's day: doctors with a roster or a visit, their slots to come, visits here and elsewhere.

    Visits without a doctor stand in a last column, there if the store has such places or visits.
    """
    (found,) = boards(session, day, store_id, days=1, now=now, language=language)
    return found


def boards(
    session: Session, first: dt.date, store_id: int, *, days: int, now: dt.datetime, language: str = ""
) -> Sequence[Board]:
    """Give a store's boards of some days on end, in the same few queries however many they are.

    `language` is that of the holidays' names.
    """
    store = clinic.store(session, store_id)
    dates = [first + dt.timedelta(days=number) for number in range(days)]
    bounds = {date: clock.day_bounds(date, store.zone) for date in dates}
    begin, end = bounds[dates[0]][0], bounds[dates[-1]][1]
    doctors = clinic.doctors(session)
    stretches = all_stretches(session, store, [doctor.id for doctor in doctors], begin=begin, end=end)
    slots = _by_cell(slots_in(session, stretches, begin=begin, end=end, now=now), store.zone)
    on_duty = {one.doctor_id for one in stretches if one.doctor_id is not None}
    here, away = (
        _by_cell(found, store.zone) for found in of_board(session, store_id, on_duty, begin=begin, end=end)
    )
    open_ = _open(stretches, bounds)
    calendar = clinic.calendars(session, [store_id], dates[0], dates[-1], language=language)[store_id]
    closings = clinic.closures_between(session, store_id, begin, end)
    everywhere = [closing for closing in closings if closing.doctor_id is None]
    names: list[tuple[int | None, str]] = [*((doctor.id, doctor.name) for doctor in doctors), (None, "")]
    found = []
    for date in dates:
        day = calendar.day(date)
        columns = [
            Column(
                doctor_id,
                name,
                slots[date, doctor_id],
                here[date, doctor_id],
                open_[date, doctor_id],
                _closed(closings, store_id, doctor_id, bounds[date], store.zone),
                away[date, doctor_id],
            )
            for doctor_id, name in names
        ]
        shown = [one for one in columns if one.open or one.rows or one.away]
        whole = _closed(everywhere, store_id, None, bounds[date], store.zone)
        found.append(Board(store_id, store.zone, date, *bounds[date], shown, day.kind, day.name, whole))
    return found


def _closed(
    closings: Iterable[Closing], store_id: int, doctor_id: int | None, bounds: Interval, zone: str
) -> list[Closed]:
    """Give the closures of a column in the order of time."""
    parts = (
        Closed(begin, end, closing.reason)
        for closing in closings
        if closing.stops(store_id, doctor_id)
        for begin, end in closing.intervals(*bounds, zone)
    )
    return sorted(parts, key=lambda one: (one.starts_at, one.ends_at))


def _by_cell(things: Iterable[Thing], zone: str) -> Mapping[Cell, list[Thing]]:
    """Part slots or visits by the local day on which they begin, and the doctor."""
    found: defaultdict[Cell, list[Thing]] = defaultdict(list)
    for thing in things:
        found[clock.local(thing.starts_at, zone).date(), thing.doctor_id].append(thing)
    return found


def _open(stretches: Iterable[Stretch], bounds: Mapping[dt.date, Interval]) -> Mapping[Cell, list[Interval]]:
    """Part open time by local day and doctor; what goes on over midnight stands on both days."""
    found: defaultdict[Cell, list[Interval]] = defaultdict(list)
    for one in stretches:
        for date, (begin, end) in bounds.items():
            if one.starts_at < end and one.ends_at > begin:
                found[date, one.doctor_id].append((max(one.starts_at, begin), min(one.ends_at, end)))
    return found
