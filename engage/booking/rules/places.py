"""Arithmetic of places: what a visit takes of the ledger, and open time cut into slots."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Final, NamedTuple

GRID: Final = dt.timedelta(minutes=5)
HOUR: Final = dt.timedelta(hours=1)
HOLD: Final = dt.timedelta(minutes=5)
LONGEST: Final = dt.timedelta(hours=12)
NEAREST: Final = 3
_SECOND: Final = dt.timedelta(seconds=1)


def resource_of(store_id: int, doctor_id: int | None) -> str:
    """Give the ledger's name of a doctor's time, or of a store's places without a named doctor."""
    return f"store:{store_id}:any" if doctor_id is None else f"doctor:{doctor_id}"


@dataclass(frozen=True, slots=True)
class Span:
    """Time of one resource."""

    resource: str
    starts_at: dt.datetime
    ends_at: dt.datetime

    @property
    def steps(self) -> Iterator[dt.datetime]:
        """The steps of the ledger that the span takes, in order.

        A doctor's time is cut into five minutes, so that rosters with other slot lengths never
        overlap; a store's places without a doctor are counted by the hour.
        """
        seconds = _steps(self.resource, _second(self.starts_at), _second(self.ends_at))
        return (dt.datetime.fromtimestamp(second, dt.UTC) for second in seconds)


Key = tuple[str, dt.datetime]
# How many places are taken, by resource and the second of the epoch at which a step begins.
Taken = Mapping[str, Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the ledger, and how many places are taken (more than 0) or given back."""

    resource: str
    grid_start: dt.datetime
    places: int
    capacity: int


def moves(leaves: Iterable[Span], takes: Span | None = None, capacity: int = 0) -> list[Move]:
    """Give the rows to move in the ledger's order; a step that is left and taken is not moved."""
    places: Counter[Key] = Counter()
    if takes is not None:
        places.update((takes.resource, step) for step in takes.steps)
    for span in leaves:
        places.subtract((span.resource, step) for step in span.steps)
    return [
        Move(resource, step, count, capacity)
        for (resource, step), count in sorted(places.items())
        if count != 0
    ]


def taken_by(spans: Iterable[tuple[str, int, int, int]]) -> Taken:
    """Count the places that visits and holds take: resource, the seconds of begin and end, and how many."""
    steps: dict[str, list[range]] = defaultdict(list)
    for resource, begin, end, count in spans:
        steps[resource].extend(repeat(_steps(resource, begin, end), count))
    return {resource: Counter(chain.from_iterable(taken)) for resource, taken in steps.items()}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Open time of a doctor, or of a store's places without one, cut into slots counted from `anchor`."""

    store_id: int
    doctor_id: int | None
    starts_at: dt.datetime
    ends_at: dt.datetime
    anchor: dt.datetime
    slot: dt.timedelta
    capacity: int

    @property
    def resource(self) -> str:
        """The ledger's name of it."""
        return resource_of(self.store_id, self.doctor_id)


class Slot(NamedTuple):
    """A time that may be booked: half-open, with the places left in it. A month has ten thousand."""

    store_id: int
    doctor_id: int | None
    starts_at: dt.datetime
    ends_at: dt.datetime
    capacity: int
    free: int

    @property
    def span(self) -> Span:
        """What it takes of the ledger."""
        return Span(resource_of(self.store_id, self.doctor_id), self.starts_at, self.ends_at)


def grid(stretches: Iterable[Stretch], taken: Taken, *, now: dt.datetime, minutes: int = 0) -> Iterator[Slot]:
    """Cut open time into slots and say how many places each has left; slots that have begun are left out.

    A visit of `minutes` that is longer than a slot takes as many as it needs. What does not fit into
    the rest of a stretch is not offered.
    """
    for stretch in stretches:
        begin = stretch.anchor + _ceiling(stretch.starts_at - stretch.anchor, stretch.slot)
        length = max(stretch.slot, _ceiling(dt.timedelta(minutes=minutes), stretch.slot))
        there = taken.get(stretch.resource, {})
        step, beat = _beat(stretch.resource)
        second, seconds = _second(begin), length // _SECOND
        while (end := begin + length) <= stretch.ends_at:
            if begin > now:
                free = stretch.capacity
                steps = range(second - second % beat, second + seconds, step)
                if not there.keys().isdisjoint(steps):
                    free = max(0, free - max(map(there.get, steps, repeat(0))))
                yield Slot(stretch.store_id, stretch.doctor_id, begin, end, stretch.capacity, free)
            begin += stretch.slot
            second += stretch.slot // _SECOND


def nearest(slots: Iterable[Slot], wished: dt.datetime, *, count: int = NEAREST) -> list[Slot]:
    """Give the free slots nearest to a wish, in the order of time."""
    free = (slot for slot in slots if slot.free > 0 and slot.starts_at != wished)
    closest = sorted(free, key=lambda slot: (abs(slot.starts_at - wished), slot.starts_at))[:count]
    return sorted(closest, key=lambda slot: slot.starts_at)


def _steps(resource: str, begin: int, end: int) -> range:
    """Give the seconds at which the steps of a resource begin that a time takes."""
    step, beat = _beat(resource)
    return range(begin - begin % beat, end, step)


def _beat(resource: str) -> tuple[int, int]:
    """Give how many seconds a step of a resource has, and of what its beginning is a multiple."""
    if resource.endswith(":any"):
        return HOUR // _SECOND, 1  # hours of the store's clock, which some zones shift
    return GRID // _SECOND, GRID // _SECOND


def _second(at: dt.datetime) -> int:
    return int(at.timestamp())


def _ceiling(length: dt.timedelta, unit: dt.timedelta) -> dt.timedelta:
    return -(-length // unit) * unit
