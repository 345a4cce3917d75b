"""Opening hours in words, for both faces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from babel.dates import get_day_names
from flask_babel import get_locale, gettext

from engage.clinic.rules import DAY, Hours


@dataclass(frozen=True, slots=True)
class OpenDays:
    """Weekdays that follow each other and have the same hours: “Mon–Fri”, “09:00–12:00, 13:30–18:00”."""

    days: str
    times: str
    is_open: bool


def week(hours: Iterable[Hours]) -> list[OpenDays]:
    """Write a store's week in as few lines as it has different days in a row."""
    by_day: list[list[Hours]] = [[] for _ in range(7)]
    for one in sorted(hours):
        by_day[one.weekday].append(one)
    runs: list[tuple[int, int, str]] = []
    for weekday, day in enumerate(by_day):
        times = day_times(day)
        if runs and runs[-1][2] == times:
            runs[-1] = (runs[-1][0], weekday, times)
        else:
            runs.append((weekday, weekday, times))
    return [OpenDays(_days(first, last), times, bool(by_day[first])) for first, last, times in runs]


def on_weekday(hours: Iterable[Hours], weekday: int) -> str:
    """Write the hours of one weekday of a week."""
    return day_times(one for one in hours if one.weekday == weekday)


def day_times(day: Iterable[Hours]) -> str:
    """Write the hours of one day: 09:00–12:00, 13:30–18:00."""
    stretches = sorted(day)
    if not stretches:
        return str(gettext("closed all day"))
    if [(one.opens, one.closes) for one in stretches] == [(0, DAY)]:
        return str(gettext("open around the clock"))
    times = [f"{time_of_day(one.opens)}–{time_of_day(one.closes)}" for one in stretches]
    return str(gettext(", ")).join(times)


def time_of_day(minute: int) -> str:
    """Write a minute of the day: 09:30, and 24:00 for its end."""
    return f"{minute // 60:02}:{minute % 60:02}"


def weekday_name(weekday: int, *, width: Literal["abbreviated", "wide"] = "abbreviated") -> str:
    """Write a weekday, 0 for Monday: Mon, 周一."""
    name: str = get_day_names(width, locale=get_locale())[weekday]
    return name


def _days(first: int, last: int) -> str:
    if (first, last) == (0, 6):
        return str(gettext("Every day"))
    if first == last:
        return weekday_name(first)
    return str(gettext("%(first)s–%(last)s", first=weekday_name(first), last=weekday_name(last)))
