"""When a visit is spoken of before it takes place, and after nobody came: the confirmation ladder."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from engage.kernel import clock
from engage.kernel.errors import N_

# The rungs of the ladder that are messages: what each is called.
REMINDERS: Final = {
    "halfway": N_("Half-way"),
    "fortnight": N_("14 days before"),
    "week": N_("7 days before"),
    "two_days": N_("48 hours before"),
    "evening": N_("The evening before"),
}
# Those that are calls: tasks for staff, of the same names.
CALLS: Final = ("call_new", "call_far", "call_confirm", "call_no_show")
# What is done by itself: `plan` finds the rungs of a visit, `day_close` ends what nobody came to,
# `unanswered` what was asked for and nobody had looked at when its time began.
UNANSWERED: Final = "unanswered"
OWN: Final = ("plan", "day_close", UNANSWERED)
# Why such a visit is declined; it stands in this one way, and is translated where it is shown.
NOT_ANSWERED: Final = N_("Nobody could answer in time")

TOUCH_STATES: Final = ("planned", "done", "dropped")

# Nothing is planned outside these hours of the store's day: the last reminders at eight in the evening.
DAYTIME: Final = (8, 20)
CALLING: Final = (9, 20)
# One that was held up goes out until the night, from then on none before the morning.
NIGHT: Final = dt.time(21)
EVENING: Final = dt.time(19)
FORENOON: Final = dt.time(10)

CONFIRM_BEFORE: Final = dt.timedelta(hours=24)
CALL_FAR_DAYS: Final = 5
# The half-way reminder is left out where that of 14 days follows as soon as this.
APART_BY: Final = dt.timedelta(days=2)
NO_SHOW_AFTER: Final = dt.timedelta(minutes=15)
# A request that waits for an answer so shortly before its time stands first.
SOON: Final = dt.timedelta(hours=24)
# Nobody is called any more about a visit that was missed as long ago as this.
OF_USE_FOR: Final = dt.timedelta(hours=48)

# What a patient books so soon after a visit that they missed is booked in its place.
REBOOKED_WITHIN: Final = dt.timedelta(days=30)


class Missed(Protocol):
    """What of a visit decides whether another was booked in its place."""

    @property
    def state(self) -> str:
        """One of the states of visits."""

    @property
    def starts_at(self) -> dt.datetime:
        """When it began."""

    @property
    def ends_at(self) -> dt.datetime:
        """When its time was over."""


@dataclass(frozen=True, slots=True)
class Touch:
    """Something that is due about a visit."""

    kind: str
    at: dt.datetime


def is_far(booked_at: dt.datetime, starts_at: dt.datetime, zone: str) -> bool:
    """Whether a visit was booked more than a month ahead, by the store's calendar."""
    booked, day = clock.local(booked_at, zone).date(), clock.local(starts_at, zone).date()
    return day > a_month_after(booked)


def a_month_after(day: dt.date) -> dt.date:
    """Give the same day of the next month, or its last where it is shorter."""
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return dt.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def ladder(
    booked_at: dt.datetime, starts_at: dt.datetime, zone: str, hours: tuple[int, int] = DAYTIME
) -> Sequence[Touch]:
    """Give the reminders of a visit that was agreed upon at `booked_at`, by time.

    Days are those of the store's calendar, so that a change of its clocks moves nothing. None lies
    before `booked_at`, none at night, none at or after the visit's begin.
    """
    start = clock.local(starts_at, zone)
    wanted = {
        "week": _on(start.date() - dt.timedelta(days=7), start.time(), zone, hours),
        "two_days": _on(start.date() - dt.timedelta(days=2), start.time(), zone, hours),
        "evening": _on(start.date() - dt.timedelta(days=1), EVENING, zone, hours),
    }
    if is_far(booked_at, starts_at, zone):
        half = clock.local(booked_at + (starts_at - booked_at) / 2, zone)
        wanted["halfway"] = _on(half.date(), half.time(), zone, hours)
        wanted["fortnight"] = _on(start.date() - dt.timedelta(days=14), start.time(), zone, hours)
        if abs(wanted["fortnight"] - wanted["halfway"]) <= APART_BY:
            del wanted["halfway"]
    return _in_order(wanted, booked_at, starts_at)


def calls(
    booked_at: dt.datetime,
    starts_at: dt.datetime,
    zone: str,
    *,
    first_call: dt.datetime | None = None,
    hours: tuple[int, int] = CALLING,
) -> Sequence[Touch]:
    """Give when somebody calls before a visit, by time.

    A new patient at the next moment in the hours after `first_call`, one who booked more than a month ahead
    five days before, anybody 24 hours before who has not said that they will come. A call that would come
    too late is left out.
    """
    wanted = {"call_confirm": _within(starts_at - CONFIRM_BEFORE, zone, hours)}
    if is_far(booked_at, starts_at, zone):
        day = clock.local(starts_at, zone).date() - dt.timedelta(days=CALL_FAR_DAYS)
        wanted["call_far"] = _on(day, FORENOON, zone, hours)
    if first_call is not None:
        wanted["call_new"] = soon(first_call, zone, hours)
    return _in_order(wanted, booked_at, starts_at)


def afterwards(starts_at: dt.datetime, ends_at: dt.datetime, zone: str) -> Sequence[Touch]:
    """Give when a visit is looked for to which nobody came, and when its day closes."""
    _, midnight = clock.day_bounds(clock.local(starts_at, zone).date(), zone)
    return (Touch("call_no_show", starts_at + NO_SHOW_AFTER), Touch("day_close", max(midnight, ends_at)))


def until_answered(starts_at: dt.datetime) -> Sequence[Touch]:
    """Give when a visit that was asked for is over unless somebody has answered: at its begin."""
    return (Touch(UNANSWERED, starts_at),)


def soon(at: dt.datetime, zone: str, hours: tuple[int, int] = CALLING) -> dt.datetime:
    """Give the next moment in the hours of the store's day."""
    here = clock.local(at, zone)
    if here.time() > dt.time(hours[1]):
        return _on(here.date() + dt.timedelta(days=1), dt.time(hours[0]), zone, hours)
    return _within(at, zone, hours)


def is_rebooked(missed: Missed, booked_at: dt.datetime) -> bool:
    """Whether what a patient books by themselves at a moment is booked in the place of a visit.

    Of one that they did not come to, at most thirty days before; one that nobody has noted as a no-show
    yet counts once its time is over.
    """
    is_missed = missed.state == "no_show" or (missed.state == "confirmed" and missed.ends_at <= booked_at)
    return is_missed and missed.starts_at < booked_at <= missed.starts_at + REBOOKED_WITHIN


def until_night(now: dt.datetime, zone: str) -> dt.datetime | None:
    """Give when the night of the store's day begins; None if it is night."""
    here = clock.local(now, zone)
    if not dt.time(DAYTIME[0]) <= here.time() < NIGHT:
        return None
    return dt.datetime.combine(here.date(), NIGHT, ZoneInfo(zone)).astimezone(dt.UTC)


def _in_order(wanted: dict[str, dt.datetime], first: dt.datetime, end: dt.datetime) -> Sequence[Touch]:
    touches = [Touch(kind, at) for kind, at in wanted.items() if first <= at < end]
    return sorted(touches, key=lambda touch: touch.at)


def _on(day: dt.date, time: dt.time, zone: str, hours: tuple[int, int]) -> dt.datetime:
    """Give a time of a local day, moved into the hours; one that the clocks skip is the one after."""
    first, last = dt.time(hours[0]), dt.time(hours[1])
    at = dt.datetime.combine(day, min(max(time, first), last), ZoneInfo(zone))
    return at.astimezone(dt.UTC)


def _within(at: dt.datetime, zone: str, hours: tuple[int, int]) -> dt.datetime:
    here = clock.local(at, zone)
    if dt.time(hours[0]) <= here.time() <= dt.time(hours[1]):
        return at
    return _on(here.date(), here.time(), zone, hours)
