"""Arithmetic of booking."""

from __future__ import annotations

import datetime as dt

import pytest

from engage.booking import rules
from engage.booking.rules import Slot, Stretch

TEN = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
HALF = dt.timedelta(minutes=30)


def stretch(minutes: int, *, slot: int = 30, per_slot: int = 2) -> Stretch:
    return Stretch(1, TEN, TEN + dt.timedelta(minutes=minutes), dt.timedelta(minutes=slot), per_slot)


def slot(number: int, free: int = 1) -> Slot:
    return Slot(1, TEN + number * HALF, TEN + (number + 1) * HALF, 2, free)


@pytest.mark.parametrize(
    ("minutes", "slot_minutes", "count"),
    [(60, 30, 2), (59, 30, 1), (29, 30, 0), (30, 30, 1), (100, 45, 2), (240, 240, 1)],
)
def test_open_time_is_cut_into_whole_slots(minutes: int, slot_minutes: int, count: int) -> None:
    slots = list(rules.grid([stretch(minutes, slot=slot_minutes)], {}, now=TEN - HALF))
    assert [one.starts_at for one in slots] == [
        TEN + dt.timedelta(minutes=slot_minutes) * number for number in range(count)
    ]
    assert all(one.ends_at - one.starts_at == dt.timedelta(minutes=slot_minutes) for one in slots)


@pytest.mark.parametrize(
    ("now", "first"),
    [
        (TEN - dt.timedelta(microseconds=1), TEN),
        (TEN, TEN + HALF),
        (TEN + dt.timedelta(microseconds=1), TEN + HALF),
        (TEN + HALF, None),
    ],
)
def test_what_has_begun_is_not_offered(now: dt.datetime, first: dt.datetime | None) -> None:
    slots = rules.grid([stretch(60)], {}, now=now)
    assert next((one.starts_at for one in slots), None) == first


@pytest.mark.parametrize(("taken", "free"), [(0, 2), (1, 1), (2, 0), (3, 0)])
def test_places_taken_are_not_free(taken: int, free: int) -> None:
    """More taken than there are places: the roster was cut after they were booked."""
    (one,) = rules.grid([stretch(30)], {TEN: taken}, now=TEN - HALF)
    assert (one.free, one.capacity) == (free, 2)


@pytest.mark.parametrize(
    ("free", "wished", "expected"),
    [
        ([1, 1, 1, 1, 1], 2, [0, 1, 3]),
        ([1, 1, 1, 1, 1], 0, [1, 2, 3]),
        ([1, 1, 1, 1, 1], 4, [1, 2, 3]),
        ([1, 0, 0, 0, 1], 2, [0, 4]),
        ([0, 0, 1, 0, 0], 2, []),
        ([], 0, []),
    ],
)
def test_nearest_are_free_by_distance_and_in_the_order_of_time(
    free: list[int], wished: int, expected: list[int]
) -> None:
    slots = [slot(number, left) for number, left in enumerate(free)]
    found = rules.nearest(slots, TEN + wished * HALF)
    assert [one.starts_at for one in found] == [TEN + number * HALF for number in expected]


def test_every_state_has_a_tone() -> None:
    assert set(rules.TONES) == set(rules.STATES)
