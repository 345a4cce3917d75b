"""Opening hours and rosters, as pure functions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final
from zoneinfo import ZoneInfo

from engage.kernel.errors import N_, Invalid

DAY: Final = 1440
# Every time that can be booked lies on this grid.
GRID: Final = 5
STRETCHES_A_DAY: Final = 2
ROSTER_DAYS_AT_MOST: Final = 366

Interval = tuple[dt.datetime, dt.datetime]


@dataclass(frozen=True, slots=True, order=True)
class Hours:
    """A store is open on a weekday (0 is Monday) from `opens` to `closes`, minutes of the local day."""

    weekday: int
    opens: int
    closes: int


WHOLE_WEEK: Final = tuple(Hours(weekday, 0, DAY) for weekday in range(7))


@dataclass(frozen=True, slots=True)
class Roster:
    """Shifts of a doctor on some weekdays between two dates, both included."""

    doctor_id: int
    store_id: int
    weekdays: frozenset[int]
    from_date: dt.date
    to_date: dt.date
    begin_minute: int
    end_minute: int
    slot_minutes: int
    per_slot: int

    def dates(self) -> Iterator[dt.date]:
        """Give the dates that are meant, in order."""
        days = (self.to_date - self.from_date).days + 1
        dates = (self.from_date + dt.timedelta(days=number) for number in range(days))
        return (date for date in dates if date.weekday() in self.weekdays)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A stretch of a doctor's day: minutes of the local day at a store, and most patients per slot."""

    begin_minute: int
    end_minute: int
    store_id: int
    slot_minutes: int
    per_slot: int


def check_hours(hours: Iterable[Hours]) -> None:
    """Refuse hours that no day has.

    Raises:
        Invalid: a stretch has no length or leaves its day, two overlap, or a day has more than two.
    """
    by_day = groupby(sorted(hours), key=lambda one: one.weekday)
    for weekday, grouped in by_day:
        day = list(grouped)
        if not 0 <= weekday <= 6 or any(not 0 <= one.opens < one.closes <= DAY for one in day):
            raise Invalid({"hours": [N_("A store closes after it opens, on the same day.")]})
        if any(one.opens % GRID or one.closes % GRID for one in day):
            raise Invalid({"hours": [N_("Please give times in steps of 5 minutes.")]})
        if any(before.closes > after.opens for before, after in pairwise(day)):
            raise Invalid({"hours": [N_("The break lies between opening and closing.")]})
        if len(day) > STRETCHES_A_DAY:
            raise Invalid({"hours": [N_("A day has at most one break.")]})


def check_roster(roster: Roster) -> None:
    """Refuse a roster that makes no sense.

    Raises:
        Invalid: with the sentence of every wrong field.
    """
    wrong: dict[str, list[str]] = {}
    if not roster.weekdays or not roster.weekdays <= set(range(7)):
        wrong["weekdays"] = [N_("Choose at least one weekday.")]
    if roster.to_date < roster.from_date:
        wrong["to_date"] = [N_("The last day comes before the first.")]
    elif (roster.to_date - roster.from_date).days >= ROSTER_DAYS_AT_MOST:
        wrong["to_date"] = [N_("At most a year at once.")]
    if not 0 <= roster.begin_minute < roster.end_minute <= DAY:
        wrong["end"] = [N_("A shift ends after it begins, on the same day.")]
    elif roster.begin_minute % GRID or roster.end_minute % GRID:
        wrong["end"] = [N_("Please give times in steps of 5 minutes.")]
    elif roster.end_minute - roster.begin_minute < roster.slot_minutes:
        wrong["slot_minutes"] = [N_("The shift is shorter than one visit.")]
    if not GRID <= roster.slot_minutes <= 240 or roster.slot_minutes % GRID:
        wrong["slot_minutes"] = [N_("5 to 240 minutes, in steps of 5.")]
    if not 1 <= roster.per_slot <= 20:
        wrong["per_slot"] = [N_("1 to 20 patients.")]
    if wrong:
        raise Invalid(wrong)


def check_periods(periods: Sequence[Period]) -> None:
    """Refuse a doctor's day that is none.

    Raises:
        Invalid: with the sentence of every wrong period, by its number: `period-0`.
    """
    wrong: dict[str, list[str]] = {}
    for number, one in enumerate(periods):
        if not 0 <= one.begin_minute < one.end_minute <= DAY:
            wrong[f"period-{number}"] = [N_("A shift ends after it begins, on the same day.")]
        elif one.begin_minute % GRID or one.end_minute % GRID:
            wrong[f"period-{number}"] = [N_("Please give times in steps of 5 minutes.")]
        elif not GRID <= one.slot_minutes <= 240 or one.slot_minutes % GRID:
            wrong[f"period-{number}"] = [N_("5 to 240 minutes, in steps of 5.")]
        elif one.end_minute - one.begin_minute < one.slot_minutes:
            wrong[f"period-{number}"] = [N_("The shift is shorter than one visit.")]
        elif not 1 <= one.per_slot <= 20:
            wrong[f"period-{number}"] = [N_("1 to 20 patients.")]
        elif any(
            one.begin_minute < before.end_minute and before.begin_minute < one.end_minute
            for before in periods[:number]
        ):
            wrong[f"period-{number}"] = [N_("It overlaps another period of the day.")]
    if wrong:
        raise Invalid(wrong)


def moment(day: dt.date, minute: int, zone: str) -> dt.datetime:
    """Give the moment in UTC at which clocks of a zone show a minute of a local day; 1440 is its end.

    Of a time that comes twice it is the first; of one that clocks jump over, the jump itself.
    """
    tz = ZoneInfo(zone)
    shown = dt.datetime.combine(day, dt.time()) + dt.timedelta(minutes=minute)
    found = shown.replace(tzinfo=tz).astimezone(dt.UTC)
    step = dt.timedelta(minutes=1)
    while (found - step).astimezone(tz).replace(tzinfo=None) >= shown:
        found -= step
    return found
