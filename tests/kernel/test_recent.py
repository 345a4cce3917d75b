"""Answers that may be a little old are found once a second, each tenant's its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engage.kernel import recent


@pytest.fixture
def kept() -> Iterator[None]:
    """This process keeps answers, as a web process does."""
    recent.keep()
    yield
    recent.keep(kept=False)


def test_elsewhere_each_time_is_asked() -> None:
    found = iter(range(9))
    assert [recent.answer("key", lambda: next(found)) for _ in range(3)] == [0, 1, 2]


@pytest.mark.usefixtures("kept")
def test_within_a_second_it_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found, now = iter(range(9)), [100.0]
    monkeypatch.setattr("engage.kernel.recent.time.monotonic", lambda: now[0])
    assert [recent.answer(("a", 1), lambda: next(found)) for _ in range(3)] == [0, 0, 0]
    assert recent.answer(("a", 2), lambda: next(found)) == 1
    now[0] += recent.SECONDS
    assert recent.answer(("a", 1), lambda: next(found)) == 2


@pytest.mark.usefixtures("kept")
def test_it_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "AT_MOST", 3)
    for key in range(10):
        recent.answer(key, lambda: None)
    assert recent._kept is not None
    assert len(recent._kept) <= 3


def test_elsewhere_nothing_is_noted() -> None:
    recent.note("key")
    assert not recent.noted("key")


@pytest.mark.usefixtures("kept")
def test_what_was_noted_holds_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("engage.kernel.recent.time.monotonic", lambda: now[0])
    assert not recent.noted("key")
    recent.note("key")
    assert recent.noted("key")
    assert not recent.noted("another")
    now[0] += recent.SECONDS
    assert not recent.noted("key")
