"""When a store is open on a date: hours of the week, special days, public holidays, closures (BK-1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from engage.clinic.rules.hours import DAY, GRID, Hours, Interval, moment
from engage.kernel.errors import N_, Invalid

# Minutes of a local day, half-open.
Minutes = tuple[int, int]

ON_HOLIDAYS: Final = {
    "closed": N_("Closed on public holidays"),
    "as_usual": N_("Open as usual on public holidays"),
}
STRETCHES_OF_A_SPECIAL_DAY: Final = 4
CLOSURE_YEARS_AT_MOST: Final = 5


@dataclass(frozen=True, slots=True)
class Special:
    """What a store wrote down for one date: its name, and when it is open; without stretches it is closed."""

    name: str
    stretches: tuple[Minutes, ...] = ()


@dataclass(frozen=True, slots=True)
class Day:
    """A date at a store: when it is open, and why so. `kind` is usual, special, holiday or make_up.

    `name` is the special day's or the holiday's, also where the store is open as usual on it.
    """

    stretches: tuple[Minutes, ...]
    kind: str = "usual"
    name: str = ""


def day_hours(
    weekly: Iterable[Hours],
    date: dt.date,
    *,
    special: Special | None = None,
    holiday: str = "",
    is_make_up: bool = False,
    on_holidays: str = "closed",
    make_up_weekday: int = 0,
) -> Day:
    """Give when a store is open on a date.

    A special day overrules all. A public holiday is closed, unless the store is open as usual on them.
    On a make-up working day a store that is closed on that weekday has the hours of another.
    """
    week = list(weekly)
    if special is not None:
        return Day(special.stretches, "special", special.name)
    usual = _of_weekday(week, date.weekday())
    if on_holidays == "as_usual":
        return Day(usual, "usual", holiday)
    if holiday:
        return Day((), "holiday", holiday)
    if is_make_up and not usual:
        return Day(_of_weekday(week, make_up_weekday), "make_up")
    return Day(usual)


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a store is open, of the dates it was asked for."""

    zone: str
    weekly: Sequence[Hours]
    special: Mapping[dt.date, Special] = field(default_factory=dict)
    holidays: Mapping[dt.date, str] = field(default_factory=dict)
    make_up: frozenset[dt.date] = frozenset()
    on_holidays: str = "closed"
    make_up_weekday: int = 0
    _opened: dict[dt.date, list[Interval]] = field(default_factory=dict, compare=False, repr=False)
    _within: dict[Interval, tuple[Interval, ...]] = field(default_factory=dict, compare=False, repr=False)

    def day(self, date: dt.date) -> Day:
        """Give when it is open on a date, in minutes of the local day, and why."""
        return day_hours(
            self.weekly,
            date,
            special=self.special.get(date),
            holiday=self.holidays.get(date, ""),
            is_make_up=date in self.make_up,
            on_holidays=self.on_holidays,
            make_up_weekday=self.make_up_weekday,
        )

    def opening(self, date: dt.date) -> list[Interval]:
        """Give when it is open on a local date, in UTC and in order; stretches that meet are one."""
        found = self._opened.get(date)
        if found is None:
            found = self._opened[date] = merged(_utc(self.day(date).stretches, date, self.zone))
        return found

    def within(self, begin: dt.datetime, end: dt.datetime) -> list[Interval]:
        """Give the parts of an interval in which it is open, in order (BK-1)."""
        found = self._within.get((begin, end))  # doctors of a store mostly work the same hours
        if found is None:
            opened = (part for date in local_dates(begin, end, self.zone) for part in self.opening(date))
            found = self._within[begin, end] = tuple(merged(common([(begin, end)], opened)))
        return list(found)


@dataclass(frozen=True, slots=True)
class Closing:
    """A closure of a store, a doctor or an item: once, or weekly in minutes of the store's local day.

    What is None is not asked: a closure of a doctor alone holds at every store, one of an item stops
    that item alone. `to_date` is the last date, or None for ever.
    """

    id: int
    version: int
    reason: str
    store_id: int | None = None
    doctor_id: int | None = None
    item_id: int | None = None
    starts_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None
    weekday: int | None = None
    from_minute: int | None = None
    to_minute: int | None = None
    from_date: dt.date | None = None
    to_date: dt.date | None = None

    def stops(self, store_id: int, doctor_id: int | None, item_id: int | None = None) -> bool:
        """Whether it stops a doctor at a store (None: visits without one), maybe in doing an item."""
        return (
            self.store_id in (None, store_id)
            and self.doctor_id in (None, doctor_id)
            and self.item_id in (None, item_id)
        )

    def intervals(self, begin: dt.datetime, end: dt.datetime, zone: str) -> list[Interval]:
        """Give its parts within an interval, by the clock of a store; in UTC and in order."""
        if self.starts_at is not None and self.ends_at is not None:
            return common([(begin, end)], [(self.starts_at, self.ends_at)])
        if self.weekday is None or self.from_minute is None or self.to_minute is None:
            return []
        times = ((self.from_minute, self.to_minute),)
        dates = (date for date in local_dates(begin, end, zone) if self._on(date))
        return common([(begin, end)], [part for date in dates for part in _utc(times, date, zone)])

    def _on(self, date: dt.date) -> bool:
        return (
            date.weekday() == self.weekday
            and (self.from_date is None or self.from_date <= date)
            and (self.to_date is None or date <= self.to_date)
        )


def closed(
    closings: Iterable[Closing],
    begin: dt.datetime,
    end: dt.datetime,
    zone: str,
    *,
    store_id: int,
    doctor_id: int | None,
    item_id: int | None = None,
) -> list[Interval]:
    """Give when closures stop a doctor, or a store's visits without one, within an interval; in order."""
    parts = (
        part
        for closing in closings
        if closing.stops(store_id, doctor_id, item_id)
        for part in closing.intervals(begin, end, zone)
    )
    return merged(parts)


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Put intervals in order; those that meet or overlap become one."""
    found: list[Interval] = []
    for begin, end in sorted(intervals):
        if found and begin <= found[-1][1]:
            first, last = found.pop()
            found.append((first, max(last, end)))
        else:
            found.append((begin, end))
    return found


def common(these: Iterable[Interval], those: Iterable[Interval]) -> list[Interval]:
    """Give what two lists of intervals have in common, in order."""
    others = list(those)
    found = [
        (max(begin, first), min(end, last))
        for begin, end in these
        for first, last in others
        if begin < last and first < end
    ]
    return sorted(found)


def without(intervals: Iterable[Interval], holes: Sequence[Interval]) -> list[Interval]:
    """Give what is left of intervals after cutting holes out of them, in order."""
    left: list[Interval] = []
    for begin, end in intervals:
        at = begin
        for first, last in holes:
            if last <= at or first >= end:
                continue
            if at < first:
                left.append((at, first))
            at = max(at, last)
        if at < end:
            left.append((at, end))
    return left


@lru_cache(maxsize=4096)  # doctors of a store mostly work the same hours
def local_dates(begin: dt.datetime, end: dt.datetime, zone: str) -> tuple[dt.date, ...]:
    """Give the local dates that a half-open interval touches."""
    tz = ZoneInfo(zone)
    first, last = begin.astimezone(tz).date(), end.astimezone(tz).date()
    return tuple(first + dt.timedelta(days=number) for number in range((last - first).days + 1))


def check_special(special: Special) -> None:
    """Refuse a special day that no day is.

    Raises:
        Invalid: with the sentence of every wrong field.
    """
    wrong: dict[str, list[str]] = {}
    if len(special.stretches) > STRETCHES_OF_A_SPECIAL_DAY:
        wrong["stretches"] = [N_("At most four stretches a day.")]
    elif not _in_order(special.stretches):
        wrong["stretches"] = [N_("A store closes after it opens, on the same day.")]
    elif any(minute % GRID for stretch in special.stretches for minute in stretch):
        wrong["stretches"] = [N_("Please give times in steps of 5 minutes.")]
    if wrong:
        raise Invalid(wrong)


def _in_order(stretches: Sequence[Minutes]) -> bool:
    minutes = [minute for stretch in stretches for minute in stretch]
    within_the_day = all(0 <= minute <= DAY for minute in minutes)
    return within_the_day and all(a < b for a, b in stretches) and minutes == sorted(minutes)


def _of_weekday(weekly: Iterable[Hours], weekday: int) -> tuple[Minutes, ...]:
    return tuple((one.opens, one.closes) for one in sorted(weekly) if one.weekday == weekday)


def _utc(stretches: Iterable[Minutes], date: dt.date, zone: str) -> list[Interval]:
    times = ((moment(date, begin, zone), moment(date, end, zone)) for begin, end in stretches)
    return [(begin, end) for begin, end in times if begin < end]
