"""What is due: a mark is never lost, whatever happens while a queue is emptied."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.kernel import clock, due
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.due import Due
from tests.conftest import Chain

NOW = dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)
QUEUE = "test-queue"  # nobody drains it, and nobody is rung: the marks are made without a commit


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engage.kernel.doorbell.ring", lambda _tenant_id, _queue: True)


def marks(session: Session) -> list[dt.datetime]:
    return list(session.scalars(sa.select(Due.at).where(Due.tenant_id == session.tenant_id).order_by(Due.at)))


def test_what_is_marked_is_reached_in_its_time(session: Session, scope: Chain) -> None:
    due.mark(session, QUEUE, at=NOW)
    due.mark(session, QUEUE, at=NOW)
    due.mark(session, "other", at=LATER)
    assert (scope.id, QUEUE) in due.reached(session, now=NOW)
    assert due.reached(session, now=NOW).count((scope.id, QUEUE)) == 1
    assert (scope.id, "other") not in due.reached(session, now=NOW)
    assert (scope.id, "other") in due.reached(session, now=LATER)
    assert (scope.id, QUEUE) not in due.reached(session, now=NOW - dt.timedelta(microseconds=1))


def test_emptying_a_queue_removes_what_it_had_seen(session: Session) -> None:
    due.mark(session, QUEUE, at=NOW)
    due.mark(session, "other", at=NOW)
    due.answered(session, QUEUE, due.seen(session, QUEUE, now=NOW), next_at=None)
    assert due.seen(session, QUEUE, now=LATER) == []
    assert marks(session) == [NOW]


def test_a_mark_made_during_the_work_stays(session: Session) -> None:
    due.mark(session, QUEUE, at=NOW)
    seen = due.seen(session, QUEUE, now=NOW)
    due.mark(session, QUEUE, at=NOW)
    due.answered(session, QUEUE, seen, next_at=None)
    assert marks(session) == [NOW]


def test_a_mark_for_later_stays(session: Session) -> None:
    due.mark(session, QUEUE, at=LATER)
    due.answered(session, QUEUE, due.seen(session, QUEUE, now=NOW), next_at=None)
    assert marks(session) == [LATER]


def test_what_is_left_is_marked_for_its_time(session: Session) -> None:
    due.mark(session, QUEUE, at=NOW)
    due.answered(session, QUEUE, due.seen(session, QUEUE, now=NOW), next_at=LATER)
    assert marks(session) == [LATER]


def test_a_recorder_that_commits_late_is_not_overlooked(chain: Chain) -> None:
    """Its mark has the smaller id but was not to be seen: ids are given out before they are committed."""
    with tenant_scope(chain.id), unit_of_work() as slow:
        due.mark(slow, QUEUE, at=NOW)
        with unit_of_work() as quick:
            due.mark(quick, QUEUE, at=NOW)
        with unit_of_work() as drain:
            seen = due.seen(drain, QUEUE, now=NOW)
        assert len(seen) == 1
        slow.commit()
        with unit_of_work() as drain:
            due.answered(drain, QUEUE, seen, next_at=None)
    with tenant_scope(chain.id), unit_of_work() as session:
        assert marks(session) == [NOW]
        session.execute(sa.delete(Due).where(Due.tenant_id == chain.id))


def test_nobody_is_rung_when_nothing_was_committed(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[tuple[int, str]] = []
    monkeypatch.setattr("engage.kernel.doorbell.ring", lambda *who: rung.append(who))
    with tenant_scope(chain.id):
        with pytest.raises(ZeroDivisionError):
            _mark_and_break()
        assert rung == []
        with unit_of_work() as session:
            due.mark(session, QUEUE, at=NOW)
            due.mark(session, QUEUE, at=NOW)
            assert rung == []
        assert rung == [(chain.id, QUEUE)]
        with unit_of_work() as session:
            session.execute(sa.delete(Due).where(Due.tenant_id == chain.id))


def test_what_is_yet_to_come_is_rung_by_the_clock(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[tuple[int, str]] = []
    monkeypatch.setattr("engage.kernel.doorbell.ring", lambda *who: rung.append(who))
    with tenant_scope(chain.id):
        with unit_of_work() as session:
            due.mark(session, QUEUE, at=clock.now() + dt.timedelta(minutes=5))
        assert rung == []
        with unit_of_work() as session:
            session.execute(sa.delete(Due).where(Due.tenant_id == chain.id))


def _mark_and_break() -> None:
    with unit_of_work() as session:
        due.mark(session, QUEUE, at=NOW)
        raise ZeroDivisionError
