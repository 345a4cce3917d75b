"""Arithmetic of booking."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import pytest

from engage.booking import rules
from engage.booking.rules import Slot, Span, Stretch
from engage.tenancy.rules import PERMISSIONS

TEN = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
HALF = dt.timedelta(minutes=30)


def stretch(minutes: int, *, slot: int = 30, per_slot: int = 2) -> Stretch:
    ends_at = TEN + dt.timedelta(minutes=minutes)
    return Stretch(1, 7, TEN, ends_at, TEN, dt.timedelta(minutes=slot), per_slot)


def slot(number: int, free: int = 1) -> Slot:
    return Slot(1, 7, TEN + number * HALF, TEN + (number + 1) * HALF, 2, free)


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
    there = {"doctor:7": {int((TEN + dt.timedelta(minutes=10)).timestamp()): taken}}
    (one,) = rules.grid([stretch(30)], there, now=TEN - HALF)
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


def test_slots_keep_the_rosters_beat_where_the_store_opens_later() -> None:
    """The roster begins at ten, the store opens at 10:40."""
    opens = TEN + dt.timedelta(minutes=40)
    slots = rules.grid([replace(stretch(120), starts_at=opens)], {}, now=TEN - HALF)
    assert [one.starts_at for one in slots] == [TEN + 2 * HALF, TEN + 3 * HALF]


@pytest.mark.parametrize(
    ("resource", "minutes", "count"),
    [("doctor:7", 30, 6), ("doctor:7", 5, 1), ("store:1:any", 60, 1), ("store:1:any", 120, 2)],
)
def test_steps_of_a_span(resource: str, minutes: int, count: int) -> None:
    steps = list(Span(resource, TEN, TEN + dt.timedelta(minutes=minutes)).steps)
    assert (len(steps), steps[0]) == (count, TEN)


def test_a_time_beside_the_grid_takes_the_steps_it_touches() -> None:
    at = TEN + dt.timedelta(minutes=2)
    steps = list(Span("doctor:7", at, at + dt.timedelta(minutes=5)).steps)
    assert steps == [TEN, TEN + dt.timedelta(minutes=5)]


def test_what_is_left_and_taken_is_not_moved() -> None:
    old = Span("doctor:7", TEN, TEN + HALF)
    new = Span("doctor:7", TEN + HALF / 2, TEN + HALF + HALF / 2)
    found = rules.moves([old], new, 4)
    assert [(move.grid_start - TEN, move.places) for move in found] == [
        (dt.timedelta(minutes=minutes), -1 if minutes < 15 else 1) for minutes in (0, 5, 10, 30, 35, 40)
    ]
    assert rules.moves([old], old, 4) == []
    assert {move.places for move in rules.moves([old, old])} == {-2}


def test_moves_are_in_the_order_of_the_ledger() -> None:
    found = rules.moves([Span("store:1:any", TEN, TEN + 2 * HALF)], Span("doctor:7", TEN, TEN + HALF), 1)
    keys = [(move.resource, move.grid_start) for move in found]
    assert keys == sorted(keys)


@pytest.mark.parametrize("name", rules.ACTIONS)
def test_the_table_of_actions_holds_together(name: str) -> None:
    action = rules.ACTIONS[name]
    assert set(action.from_states) <= set(rules.STATES)
    assert action.to is None or (action.to in rules.STATES and action.to not in action.from_states)
    assert action.by <= {rules.PATIENT, rules.STAFF}
    assert action.permission in PERMISSIONS


@dataclass
class Facts:
    """What decides about actions."""

    state: str = "confirmed"
    starts_at: dt.datetime = TEN
    ends_at: dt.datetime = TEN + HALF
    checked_in_at: dt.datetime | None = None
    called_at: dt.datetime | None = None
    treatment_at: dt.datetime | None = None
    completed_at: dt.datetime | None = None
    no_show_at: dt.datetime | None = None
    left_at: dt.datetime | None = None
    attendance_confirmed_at: dt.datetime | None = None


UNTIL = dt.timedelta(hours=2)


@pytest.mark.parametrize(
    ("facts", "who", "hours", "expected"),
    [
        (Facts(), rules.PATIENT, -3, {"attend", "change", "cancel"}),
        (Facts(), rules.PATIENT, -2, {"arrive", "attend", "change", "cancel"}),
        (Facts(), rules.PATIENT, -1, {"arrive", "attend", "cancel"}),
        (Facts(attendance_confirmed_at=TEN), rules.PATIENT, -1, {"arrive", "cancel"}),
        (Facts(), rules.PATIENT, 0, {"arrive"}),
        (Facts(), rules.PATIENT, 0.5, set()),
        (Facts("requested"), rules.PATIENT, -1, {"cancel"}),
        (Facts(), rules.STAFF, -24, {"attend", "change", "cancel"}),
        (Facts(), rules.STAFF, -1, {"check_in", "attend", "change", "cancel"}),
        (Facts(), rules.STAFF, 0, {"check_in", "change", "no_show", "cancel"}),
        (Facts("requested"), rules.STAFF, -1, {"approve", "decline", "change", "cancel"}),
        (
            Facts("checked_in", checked_in_at=TEN),
            rules.STAFF,
            0.25,
            {"call", "start", "complete", "leave", "undo_check_in"},
        ),
        (
            Facts("checked_in", checked_in_at=TEN, called_at=TEN),
            rules.STAFF,
            0.26,
            {"start", "complete", "leave"},
        ),
        (Facts("in_treatment", treatment_at=TEN), rules.STAFF, 0.25, {"complete", "leave", "undo_start"}),
        (Facts("in_treatment", treatment_at=TEN), rules.STAFF, 0.26, {"complete", "leave"}),
        (
            Facts("completed", treatment_at=TEN, completed_at=TEN + HALF),
            rules.STAFF,
            0.75,
            {"leave", "undo_complete"},
        ),
        (Facts("completed", completed_at=TEN), rules.STAFF, 0, {"leave", "reopen"}),
        (Facts("completed", completed_at=TEN), rules.STAFF, 0.26, {"leave"}),
        (Facts("completed", left_at=TEN), rules.STAFF, 0, {"undo_leave"}),
        (Facts("completed", left_at=TEN), rules.STAFF, 0.26, set()),
        (Facts("no_show", no_show_at=TEN), rules.STAFF, 72, {"correct"}),
        (Facts("no_show", no_show_at=TEN), rules.STAFF, 73, set()),
        (Facts("cancelled"), rules.STAFF, 0, set()),
        (Facts("checked_in"), rules.PATIENT, 0, set()),
    ],
)
def test_what_may_be_done(facts: Facts, who: str, hours: float, expected: set[str]) -> None:
    now = TEN + dt.timedelta(hours=hours)
    assert set(rules.actions(facts, who, now=now, change_until=UNTIL)) == expected
