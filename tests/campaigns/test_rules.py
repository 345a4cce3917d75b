"""States, actions and shares."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engage.campaigns import rules

AT = dt.datetime(2026, 11, 22, 2, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("late", "state"),
    [
        (dt.timedelta(), "running"),
        (dt.timedelta(hours=6), "running"),
        (dt.timedelta(hours=6, seconds=1), "missed"),
    ],
)
def test_six_hours_late_is_not_too_late(late: dt.timedelta, state: str) -> None:
    assert rules.begins(AT, AT + late) == state


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ("scheduled", ["start", "end"]),
        ("missed", ["start", "end"]),
        ("running", ["pause", "end"]),
        ("paused", ["resume", "end"]),
        ("finished", []),
        ("ended", []),
    ],
)
def test_what_can_be_done_in_each_state(state: str, names: list[str]) -> None:
    assert list(rules.actions(state)) == names


def test_every_state_has_a_colour_and_every_action_leads_to_one() -> None:
    assert set(rules.TONES) == set(rules.STATES)
    assert {action.to for action in rules.ACTIONS.values()} <= set(rules.STATES)


@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_only_all_is_a_hundred_percent_and_only_none_is_nothing(count: int, whole: int) -> None:
    part = rules.share(count, whole)
    assert 0 <= part.percent <= 100
    if whole:
        assert (part.percent == 100) == (count >= whole)
        assert (part.percent == 0) == (count == 0)
