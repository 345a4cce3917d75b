"""Windows, texts and times, as plain functions."""

from __future__ import annotations

import datetime as dt

import pytest

from engage.chat import rules
from engage.chat.rules import REASONS, Trigger, Window
from engage.wechat.outcomes import Refused

NOW = dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
NEVER = Window(0, None)


@pytest.mark.parametrize(
    ("before", "trigger", "after"),
    [
        (NEVER, Trigger.MESSAGE, Window(5, NOW + 48 * HOUR)),
        (NEVER, Trigger.MENU, Window(3, NOW + MINUTE)),
        (NEVER, Trigger.FOLLOW, Window(3, NOW + MINUTE)),
        (NEVER, Trigger.SCAN, Window(3, NOW + MINUTE)),
        (Window(1, NOW + HOUR), Trigger.MENU, Window(3, NOW + HOUR)),
        (Window(4, NOW + HOUR), Trigger.MENU, Window(4, NOW + HOUR)),
        (Window(2, NOW + HOUR), Trigger.MESSAGE, Window(5, NOW + 48 * HOUR)),
        (Window(5, NOW), Trigger.MENU, Window(3, NOW + MINUTE)),  # over: counts for nothing
    ],
)
def test_windows_are_not_added_up(before: Window, trigger: Trigger, after: Window):
    assert rules.widened(before, trigger, NOW) == after


@pytest.mark.parametrize(
    ("window", "is_open"),
    [
        (NEVER, False),
        (Window(1, NOW + MINUTE), True),
        (Window(0, NOW + MINUTE), False),
        (Window(1, NOW), False),
    ],
)
def test_a_window_is_open_while_both_last(window: Window, is_open: bool):
    assert window.is_open(NOW) is is_open


@pytest.mark.parametrize(
    ("created", "shown"),
    [(-10, -10), (-299, -299), (-301, 0), (1, 0)],
)
def test_wechats_time_is_the_messages_where_it_can_be_right(created: int, shown: int):
    assert rules.time_of(NOW + dt.timedelta(seconds=created), NOW) == NOW + dt.timedelta(seconds=shown)


@pytest.mark.parametrize("text", ["a" * 1000, "汉" * 682, "  您好\n"])
def test_a_text_is_sent_without_space_around_it(text: str):
    assert rules.check_text(text) == text.strip()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (45015, "window_over"),
        (45047, "window_used_up"),
        (45009, "quota"),
        (43004, "gone"),
        (-1, "busy"),
        (40001, "set_up"),
        (48001, "set_up"),
    ],
)
def test_what_wechat_refuses_is_told_in_words(code: int, reason: str):
    assert rules.reason_of(Refused(code, "…")) == reason
    assert reason in REASONS


def test_other_refusals_are_wechats_own_words():
    assert rules.reason_of(Refused(40007, "invalid media_id")) == "40007 invalid media_id"
