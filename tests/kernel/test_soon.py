"""What Redis is told after a commit: at once, or in a web process soon and once for many."""

from __future__ import annotations

import threading

import pytest

from engage.kernel import soon
from tests.running.processes import wait_for


@pytest.fixture
def gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process gathers, as a web process does; threads of other tests hear nothing of this one."""
    monkeypatch.setattr(soon, "_thread", None)
    monkeypatch.setattr(soon, "_woken", threading.Event())
    monkeypatch.setattr(soon, "_waiting", {})
    soon.gather()


def test_without_a_thread_it_is_told_at_once() -> None:
    told: list[tuple[int, str]] = []
    for _ in range(2):
        soon.tell(lambda *what: told.append(what), 1, "events")
    assert told == [(1, "events")] * 2


@pytest.mark.usefixtures("gathering")
def test_what_is_told_again_meanwhile_is_told_once() -> None:
    told: list[tuple[int, str]] = []
    begun, may_go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        begun.set()
        may_go_on.wait(10)

    def tell(*what: int | str) -> None:
        told.append(what)

    soon.tell(slowly)
    assert begun.wait(10)
    for queue in ("events", "events", "chats", "events"):
        soon.tell(tell, 1, queue)
    assert told == []
    may_go_on.set()
    assert wait_for(lambda: told == [(1, "events"), (1, "chats")], seconds=10)


@pytest.mark.usefixtures("gathering")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_breaks_it_does_not_end_it() -> None:
    told: list[int] = []
    soon.tell(lambda: [][0])
    assert soon._thread is not None
    soon._thread.join(10)
    assert not soon._thread.is_alive()
    soon.tell(told.append, 7)
    assert wait_for(lambda: told == [7], seconds=10)


@pytest.mark.usefixtures("gathering")
def test_what_comes_after_is_told_again() -> None:
    told: list[int] = []
    for number in (1, 2):
        soon.tell(told.append, 7)
        assert wait_for(lambda number=number: told == [7] * number, seconds=10)
