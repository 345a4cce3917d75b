"""When a fan is asked for name and picture, and how a nickname is shown."""

from __future__ import annotations

import datetime as dt

import pytest

from engage.fans import rules

NOW = dt.datetime(2026, 11, 22, 6, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("ask_at", "wanted"),
    [(None, True), (NOW, True), (NOW - dt.timedelta(days=1), True), (NOW + dt.timedelta(seconds=1), False)],
)
def test_who_was_asked_is_left_in_peace(ask_at: dt.datetime | None, wanted: bool):
    assert rules.wants_profile(ask_at, NOW) is wanted


@pytest.mark.parametrize(
    ("nickname", "shown"),
    [
        ("王小红", "王小红"),
        ("  A \n B\t", "A B"),
        ("🌸花", "🌸花"),
        ("\u202eevil", "evil"),
        ("\x00", ""),
        ("a" * 100, "a" * 64),
        ("", ""),
    ],
)
def test_a_nickname_fits_on_a_page(nickname: str, shown: str):
    assert rules.shown_name(nickname) == shown
