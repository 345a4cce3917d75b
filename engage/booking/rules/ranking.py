"""Which free times suit a patient best (BK-13): soon, on their usual weekday, at their usual hour."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Final

from engage.booking.rules.places import Slot
from engage.kernel import clock

# Of how many visits a habit is made: what somebody did years ago says little.
REMEMBERED: Final = 6
SUGGESTED: Final = 3

# What a day later, another weekday and an hour's difference count against a time, in days.
OTHER_WEEKDAY: Final = 2.5
AN_HOUR_APART: Final = 1.0
HOURS_COUNTED: Final = 4.0
# So near, in minutes, a time is the usual one.
USUAL_WITHIN: Final = 60


@dataclass(frozen=True, slots=True)
class Habit:
    """When somebody usually comes: a weekday (0 is Monday) and a minute of the local day."""

    weekday: int
    minute: int


def habit(visits: Iterable[dt.datetime], zone: str) -> Habit | None:
    """Give when somebody usually comes, of the visits to which they came; None who never came.

    The weekday is the most frequent one, of several the latest; the hour is the middle one.
    """
    latest = sorted(visits, reverse=True)[:REMEMBERED]
    if not latest:
        return None
    locals_ = [clock.local(at, zone) for at in latest]
    (weekday, _count), *_others = Counter(at.weekday() for at in locals_).most_common(1)
    return Habit(weekday, median_low(_minute(at) for at in locals_))


def cost(starts_at: dt.datetime, usual: Habit | None, *, zone: str, near: dt.date) -> float:
    """Say how ill a time suits; 0 is today, or another day that is wished, at the usual hour."""
    local = clock.local(starts_at, zone)
    days = float(abs((local.date() - near).days))
    if usual is None:
        return days
    hours = abs(_minute(local) - usual.minute) / 60
    other = 0.0 if local.weekday() == usual.weekday else OTHER_WEEKDAY
    return days + other + min(hours * AN_HOUR_APART, HOURS_COUNTED)


def ranked(slots: Iterable[Slot], usual: Habit | None, *, zone: str, near: dt.date) -> list[Slot]:
    """Give the free slots, those that suit best first; what suits as well, in the order of time."""
    return sorted(
        (slot for slot in slots if slot.free > 0),
        key=lambda slot: (cost(slot.starts_at, usual, zone=zone, near=near), slot.starts_at),
    )


def suggested(
    slots: Iterable[Slot], usual: Habit | None, *, zone: str, near: dt.date, count: int = SUGGESTED
) -> Sequence[Slot]:
    """Give the few times that suit best, of different days."""
    found: dict[dt.date, Slot] = {}
    for slot in ranked(slots, usual, zone=zone, near=near):
        found.setdefault(clock.local(slot.starts_at, zone).date(), slot)
        if len(found) == count:
            break
    return list(found.values())


def is_usual(starts_at: dt.datetime, usual: Habit | None, zone: str) -> bool:
    """Whether a time is the weekday and about the hour at which somebody usually comes."""
    if usual is None:
        return False
    local = clock.local(starts_at, zone)
    return local.weekday() == usual.weekday and abs(_minute(local) - usual.minute) <= USUAL_WITHIN


def _minute(local: dt.datetime) -> int:
    return local.hour * 60 + local.minute
