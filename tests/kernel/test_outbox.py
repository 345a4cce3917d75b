"""Events: recorded with what happened, and reacted to row by row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from engage.kernel import due, leases, outbox
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.outbox import OutboxRow, UnknownEvent
from engage.kernel.settings import Stored

NOW = dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)
EVENT = "test.happened"


def write(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Leave a row behind."""
    session.add(Stored(name=f"written {payload['number']}", value=payload["number"]))


def write_and_break(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Leave a row and break."""
    write(session, payload, now=now)
    session.flush()
    raise ZeroDivisionError("broken on purpose")


def break_in_the_database(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Break a constraint, which spoils the transaction without a savepoint."""
    session.execute(sa.text("select 1 / 0"))


def lose_the_database(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Meet a server that went away."""
    raise sa.exc.OperationalError("select", {}, ConnectionError("gone"))


def happen(session: Session, count: int = 1, *, at: dt.datetime = NOW) -> list[OutboxRow]:
    for number in range(count):
        outbox.record(session, EVENT, now=at, number=number)
    return rows(session)


def rows(session: Session) -> list[OutboxRow]:
    refresh(session)
    return list(session.scalars(sa.select(OutboxRow).order_by(OutboxRow.id)))


def drain(session: Session, *, now: dt.datetime = NOW) -> outbox.Drained:
    claimed = outbox.claim(session, now=now)
    refresh(session)
    return outbox.work(session, claimed, now=now)


def refresh(session: Session) -> None:
    """Forget what was read: a worker claims and works in two sessions."""
    session.flush()
    session.expire_all()


def written(session: Session) -> list[int]:
    return list(session.scalars(sa.select(Stored.value).order_by(Stored.name)))


def test_an_event_is_one_row_for_each_handler(session: Session, react: Callable[..., None]) -> None:
    react(EVENT, write, write_and_break)
    event_id = outbox.record(session, EVENT, now=NOW, number=7)
    found = rows(session)
    assert [row.handler for row in found] == ["test_outbox.write", "test_outbox.write_and_break"]
    assert {(row.event_id, row.payload["number"], row.available_at) for row in found} == {(event_id, 7, NOW)}
    assert len(due.seen(session, outbox.QUEUE, now=NOW)) == 1


def test_an_event_nobody_listed_is_refused(session: Session) -> None:
    with pytest.raises(UnknownEvent):
        outbox.record(session, "test.never_listed", now=NOW)


def test_an_event_without_handlers_is_no_work(session: Session, react: Callable[..., None]) -> None:
    react(EVENT)
    outbox.record(session, EVENT, now=NOW)
    assert (rows(session), due.seen(session, outbox.QUEUE, now=NOW)) == ([], [])


def test_what_a_handler_wrote_is_there_with_its_row_settled(
    session: Session, react: Callable[..., None]
) -> None:
    react(EVENT, write)
    happen(session, 3)
    assert drain(session) == outbox.Drained(done=3, failed=0)
    assert written(session) == [0, 1, 2]
    assert {(row.settled_at, row.available_at, row.lease, row.attempts) for row in rows(session)} == {
        (NOW, None, None, 1)
    }
    assert drain(session) == outbox.Drained(0, 0)
    assert leases.next_at(session, OutboxRow, outbox.QUEUE) is None


@pytest.mark.parametrize("poison", [write_and_break, break_in_the_database])
def test_a_broken_handler_stops_itself_alone(
    session: Session, react: Callable[..., None], poison: Callable[..., None]
) -> None:
    react(EVENT, poison, write)
    happen(session, 2)
    assert drain(session) == outbox.Drained(done=2, failed=2)
    assert written(session) == [0, 1]
    failed = [row for row in rows(session) if row.settled_at is None]
    assert {row.handler for row in failed} == {f"test_outbox.{poison.__name__}"}
    assert {row.available_at for row in failed} == {NOW + leases.backoff(1)}


def test_its_error_says_what_and_where(session: Session, react: Callable[..., None]) -> None:
    react(EVENT, write_and_break)
    happen(session)
    drain(session)
    (row,) = rows(session)
    assert row.error.startswith("ZeroDivisionError at write_and_break:")
    assert row.error.endswith(": broken on purpose")


def test_a_database_that_went_away_is_nobodys_fault(session: Session, react: Callable[..., None]) -> None:
    react(EVENT, lose_the_database)
    happen(session)
    claimed = outbox.claim(session, now=NOW)
    with pytest.raises(sa.exc.OperationalError):
        outbox.work(session, claimed, now=NOW)
    (row,) = rows(session)
    assert (row.error, row.available_at) == (None, NOW + leases.LEASE)


def test_it_waits_longer_each_time_and_then_for_a_person(
    session: Session, react: Callable[..., None]
) -> None:
    react(EVENT, write_and_break)
    happen(session)
    now, waits = NOW, []
    for _ in range(leases.ATTEMPTS - 1):
        assert drain(session, now=now) == outbox.Drained(0, 1)
        (row,) = rows(session)
        waits.append(row.available_at - now)
        assert drain(session, now=row.available_at - dt.timedelta(microseconds=1)) == outbox.Drained(0, 0)
        now = row.available_at
    assert waits == [*leases.BACKOFF, leases.BACKOFF[-1]]
    assert drain(session, now=now) == outbox.Drained(0, 1)
    (row,) = rows(session)
    assert (row.available_at, row.settled_at, row.attempts) == (None, None, leases.ATTEMPTS)
    assert drain(session, now=now + dt.timedelta(days=365)) == outbox.Drained(0, 0)


def test_a_person_has_it_tried_again(session: Session, react: Callable[..., None]) -> None:
    react(EVENT, write_and_break)
    (row,) = happen(session)
    row.attempts = leases.ATTEMPTS - 1
    drain(session)
    session.execute(sa.delete(due.Due))
    later = NOW + dt.timedelta(days=1)
    outbox.retry(session, row.id, now=later)
    assert len(due.seen(session, outbox.QUEUE, now=later)) == 1
    assert drain(session, now=later) == outbox.Drained(0, 1)
    (row,) = rows(session)
    assert (row.attempts, row.available_at) == (1, later + leases.backoff(1))


def test_what_is_settled_is_not_tried_again(session: Session, react: Callable[..., None]) -> None:
    react(EVENT, write)
    (row,) = happen(session)
    drain(session)
    for row_id in (row.id, 0):
        with pytest.raises(NotFound):
            outbox.retry(session, row_id, now=NOW)


def test_a_row_that_ended_its_workers_is_given_up(session: Session, react: Callable[..., None]) -> None:
    react(EVENT, write)
    (row,) = happen(session)
    now = NOW
    for _ in range(leases.ATTEMPTS):
        assert outbox.claim(session, now=now)
        now += leases.LEASE
    assert drain(session, now=now) == outbox.Drained(0, 1)
    (row,) = rows(session)
    assert (row.settled_at, row.available_at, row.error) == (None, None, "each attempt ended its worker")
    assert written(session) == []


def parity(_session: Session, payloads: Sequence[Mapping[str, Any]]) -> list[int]:
    """Say that events are about whether their number is odd."""
    return [payload["number"] % 2 for payload in payloads]


@outbox.once_for(parity, rank=2)
def look(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Leave the number of the event behind with which it was told."""
    write(session, payload, now=now)


@outbox.once_for(parity, rank=1)
def look_before(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Be told before `look`; break on odd numbers."""
    session.add(Stored(name=f"before {payload['number']}", value=len(written(session))))
    if payload["number"] % 2:
        raise ZeroDivisionError("broken on purpose")


def test_a_handler_that_looks_is_told_once_of_each_thing(
    session: Session, react: Callable[..., None]
) -> None:
    react(EVENT, look)
    happen(session, 5)
    assert drain(session) == outbox.Drained(done=5, failed=0)
    assert written(session) == [3, 4]
    assert {(row.settled_at, row.available_at) for row in rows(session)} == {(NOW, None)}


def test_those_that_look_come_last_by_rank_and_fail_by_thing(
    session: Session, react: Callable[..., None]
) -> None:
    react(EVENT, look, look_before, write_and_break)
    happen(session, 4)
    assert drain(session) == outbox.Drained(done=6, failed=6)
    before = session.execute(sa.select(Stored.name, Stored.value).where(Stored.name.startswith("before")))
    assert before.all() == [("before 2", 0)]
    assert sorted(written(session)) == [0, 2, 3]
    failed = [row for row in rows(session) if row.handler == "test_outbox.look_before" and row.error]
    assert [row.payload["number"] for row in failed] == [1, 3]
    assert {(row.available_at, row.lease) for row in failed} == {(NOW + leases.backoff(1), None)}
