"""Spans of days that reports speak of."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from engage.kernel import clock

# Over how many days the alarm looks, to yesterday.
MONTH: Final = 30
# The kind of task that an alarm becomes, and of those that follow a visit nobody came to.
ALARM: Final = "attendance_alarm"
CALLED: Final = "call_no_show"
QUEUE: Final = "attendance"
# When the day's alarms are raised: all that yesterday was is noted by then.
RAISED_AT: Final = dt.time(8)


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days from the first to the last, both among them."""

    first: dt.date
    last: dt.date

    def bounds(self, zone: str) -> tuple[dt.datetime, dt.datetime]:
        """Give the half-open interval of time."""
        return clock.day_bounds(self.first, zone)[0], clock.day_bounds(self.last, zone)[1]

    @property
    def mondays(self) -> list[dt.date]:
        """The Mondays of the weeks that have a day in it, in order."""
        monday = self.first - dt.timedelta(days=self.first.weekday())
        return [monday + dt.timedelta(weeks=number) for number in range((self.last - monday).days // 7 + 1)]

    def week(self, monday: dt.date) -> Days:
        """Give the days of a week that are in it."""
        return Days(max(self.first, monday), min(self.last, monday + dt.timedelta(days=6)))


def to_yesterday(today: dt.date, days: int) -> Days:
    """Give the last days that are over."""
    return Days(today - dt.timedelta(days=days), today - dt.timedelta(days=1))


def next_raising(now: dt.datetime, zone: str) -> dt.datetime:
    """Give when alarms are raised next."""
    local = clock.local(now, zone)
    day = local.date() if local.time() < RAISED_AT else local.date() + dt.timedelta(days=1)
    return dt.datetime.combine(day, RAISED_AT, local.tzinfo).astimezone(dt.UTC)
