"""States, reasons and what an answer of WeChat asks for, as tables (NT-1, NT-4)."""

from __future__ import annotations

import datetime as dt

import pytest

from engage.kernel import clock
from engage.notifications import rules
from engage.notifications.rules import KINDS, LABELS, PLACEHOLDERS, REASONS, STATES

PERSONAL = {"patient", "name", "item", "complaint", "birth", "sex"}


def test_no_placeholder_tells_who_comes_or_for_what():
    assert not PERSONAL & set(PLACEHOLDERS)
    for kind in KINDS.values():
        assert set(kind.placeholders) <= set(PLACEHOLDERS)


def test_every_kind_and_settled_state_has_its_word():
    assert set(KINDS) < set(LABELS)
    assert set(rules.SETTLED_BY_HAND) | set(rules.UNDER_WAY) < set(STATES)


@pytest.mark.parametrize(
    ("status", "ends"),
    [
        ("success", ("delivered", None)),
        ("failed:user block", ("failed", "user block")),
        ("failed: system failed", ("failed", "system failed")),
        ("failed", ("failed", "failed")),
    ],
)
def test_a_finish_event_settles_with_its_reason(status, ends):
    assert rules.reason_of(status) == ends
    assert ends[1] in {None, "failed"} or ends[1] in REASONS


def test_only_templates_are_repeated_and_for_nine_minutes():
    now = clock.now()
    assert rules.may_repeat("custom", None, now)
    assert not rules.may_repeat("custom", now, now)
    assert rules.may_repeat("template", now - rules.REPEAT_WITHIN + dt.timedelta(seconds=1), now)
    assert not rules.may_repeat("template", now - rules.REPEAT_WITHIN, now)
