"""Arithmetic of places: what a visit takes of the ledger, and open time cut into slots."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

GRID: Final = dt.timedelta(minutes=5)
HOUR: Final = dt.timedelta(hours=1)
HOLD: Final = dt.timedelta(minutes=5)
LONGEST: Final = dt.timedelta(hours=12)
NEAREST: Final = 3


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
        grid = HOUR if self.resource.endswith(":any") else GRID
        begin = self.starts_at
        if grid is GRID:
            begin -= (begin - dt.datetime.min.replace(tzinfo=dt.UTC)) % GRID
        while begin < self.ends_at:
            yield begin
            begin += grid


Key = tuple[str, dt.datetime]
Taken = Mapping[str, Mapping[dt.datetime, int]]


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


def taken_by(spans: Iterable[Span]) -> Taken:
    """Count the places that visits and holds take, by resource and step."""
    taken: dict[str, Counter[dt.datetime]] = {}
    for span in spans:
        taken.setdefault(span.resource, Counter()).update(span.steps)
    return taken


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


@dataclass(frozen=True, slots=True)
class Slot:
    """A time that may be booked: half-open, with the places left in it."""

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
        while begin + length <= stretch.ends_at:
            if begin > now:
                yield _slot(stretch, begin, begin + length, there)
            begin += stretch.slot


def nearest(slots: Iterable[Slot], wished: dt.datetime, *, count: int = NEAREST) -> list[Slot]:
    """Give the free slots nearest to a wish, in the order of time."""
    free = (slot for slot in slots if slot.free > 0 and slot.starts_at != wished)
    closest = sorted(free, key=lambda slot: (abs(slot.starts_at - wished), slot.starts_at))[:count]
    return sorted(closest, key=lambda slot: slot.starts_at)


def _slot(stretch: Stretch, begin: dt.datetime, end: dt.datetime, taken: Mapping[dt.datetime, int]) -> Slot:
    free = stretch.capacity
    if taken:
        most = max(taken.get(step, 0) for step in Span(stretch.resource, begin, end).steps)
        free = max(0, stretch.capacity - most)
    return Slot(stretch.store_id, stretch.doctor_id, begin, end, stretch.capacity, free)


def _ceiling(length: dt.timedelta, unit: dt.timedelta) -> dt.timedelta:
    return -(-length // unit) * unit
