"""Arithmetic of booking, as pure functions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from engage.kernel.errors import N_

STATES: Final = {
    "requested": N_("Requested"),
    "confirmed": N_("Confirmed"),
    "checked_in": N_("Checked in"),
    "in_treatment": N_("In treatment"),
    "completed": N_("Completed"),
    "cancelled": N_("Cancelled"),
    "no_show": N_("No-show"),
}

# The colour family of a state, the same everywhere (faces).
TONES: Final = {
    "requested": "waiting",
    "confirmed": "confirmed",
    "checked_in": "good",
    "in_treatment": "good",
    "completed": "good",
    "cancelled": "ended",
    "no_show": "bad",
}

CHANNELS: Final = {
    "wechat": N_("WeChat"),
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Open time of one doctor at one store, cut into slots."""

    store_id: int
    starts_at: dt.datetime
    ends_at: dt.datetime
    slot: dt.timedelta
    per_slot: int


@dataclass(frozen=True, slots=True)
class Slot:
    """A time that may be booked: half-open, with the places left in it."""

    store_id: int
    starts_at: dt.datetime
    ends_at: dt.datetime
    capacity: int
    free: int


def grid(
    stretches: Iterable[Stretch], taken: Mapping[dt.datetime, int], *, now: dt.datetime
) -> Iterator[Slot]:
    """Cut open time into slots and say how many places each has left; slots that have begun are left out.

    The rest of a stretch that is shorter than a slot is not offered.
    """
    for stretch in stretches:
        begin = stretch.starts_at
        while begin + stretch.slot <= stretch.ends_at:
            if begin > now:
                free = max(0, stretch.per_slot - taken.get(begin, 0))
                yield Slot(stretch.store_id, begin, begin + stretch.slot, stretch.per_slot, free)
            begin += stretch.slot


def nearest(slots: Iterable[Slot], wished: dt.datetime, *, count: int = 3) -> list[Slot]:
    """Give the free slots nearest to a wish, in the order of time."""
    free = (slot for slot in slots if slot.free > 0 and slot.starts_at != wished)
    closest = sorted(free, key=lambda slot: (abs(slot.starts_at - wished), slot.starts_at))[:count]
    return sorted(closest, key=lambda slot: slot.starts_at)
