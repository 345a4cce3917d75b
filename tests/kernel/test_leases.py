"""Work that is rows: who may work on what, and until when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from engage.kernel import leases, outbox
from engage.kernel.db import Session, db
from engage.kernel.leases import Claim
from engage.kernel.outbox import OutboxRow
from tests.conftest import Chain

NOW = dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)
TICK = dt.timedelta(microseconds=1)
EVENT = "test.happened"


def nothing(session: Session, payload: object, *, now: dt.datetime) -> None:
    """Do nothing."""


@pytest.fixture
def ids(session: Session, react: Callable[..., None]) -> list[int]:
    """Six rows, the later the number the later due."""
    react(EVENT, nothing)
    for number in range(6):
        outbox.record(session, EVENT, now=NOW + number * TICK, number=number)
    return list(session.scalars(sa.select(OutboxRow.id).order_by(OutboxRow.available_at)))


def claim(session: Session, *, now: dt.datetime = NOW + 6 * TICK, batch: int = 200) -> Claim:
    return leases.claim(session, OutboxRow, outbox.QUEUE, now=now, batch=batch)


def test_the_oldest_due_are_taken_first(session: Session, ids: list[int]) -> None:
    assert list(claim(session, batch=2).ids) == ids[:2]
    assert list(claim(session, now=NOW + 3 * TICK).ids) == ids[2:4]
    assert list(claim(session).ids) == ids[4:]
    assert not claim(session)


def test_a_lease_that_runs_keeps_others_away(session: Session, ids: list[int]) -> None:
    now = NOW + 6 * TICK
    first = claim(session, now=now)
    assert not claim(session, now=now + leases.LEASE - TICK)
    second = claim(session, now=now + leases.LEASE)
    assert second
    assert first.lease != second.lease


def test_a_lease_that_ran_out_gives_the_row_to_another(session: Session, ids: list[int]) -> None:
    late = claim(session, batch=1)
    assert [row.id for row in leases.held(session, OutboxRow, late)] == ids[:1]
    taken_over = claim(session, now=NOW + 2 * leases.LEASE)
    while ids[0] not in taken_over.ids:
        taken_over = claim(session, now=NOW + 2 * leases.LEASE)
    assert list(leases.held(session, OutboxRow, late)) == []
    assert [row.id for row in leases.held(session, OutboxRow, taken_over)] == ids[:1]


def test_a_row_tried_before_is_claimed_alone(session: Session, ids: list[int]) -> None:
    claim(session, batch=3)
    later = NOW + 2 * leases.LEASE
    assert sorted(claim(session, now=later).ids) == sorted(ids[3:])
    for expected in ids[:3]:
        assert list(claim(session, now=later).ids) == [expected]
    assert not claim(session, now=later)


def test_each_claim_counts_as_an_attempt(session: Session, react: Callable[..., None]) -> None:
    react(EVENT, nothing)
    outbox.record(session, EVENT, now=NOW)
    for number in range(3):
        assert claim(session, now=NOW + number * leases.LEASE)
    assert session.scalar(sa.select(OutboxRow.attempts)) == 3


def test_what_is_settled_is_held_by_nobody(session: Session, ids: list[int]) -> None:
    claimed = claim(session)
    for row in leases.held(session, OutboxRow, claimed):
        leases.settle(row)
    session.flush()
    assert list(leases.held(session, OutboxRow, claimed)) == []
    assert leases.next_at(session, OutboxRow, outbox.QUEUE) is None


def test_the_next_time_is_the_earliest_of_retries_and_leases(session: Session, ids: list[int]) -> None:
    assert leases.next_at(session, OutboxRow, outbox.QUEUE) == NOW
    now = NOW + 6 * TICK
    claimed = claim(session, now=now)
    assert leases.next_at(session, OutboxRow, outbox.QUEUE) == now + leases.LEASE
    row = leases.held(session, OutboxRow, claimed)[0]
    assert leases.postpone(row, "not now", now=now)
    session.flush()
    assert leases.next_at(session, OutboxRow, outbox.QUEUE) == now + leases.backoff(1)


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 2), (2, 10), (3, 60), (4, 300), (5, 1800), (6, 7200), (7, 7200), (100, 7200)],
)
def test_waits_grow_up_to_two_hours(attempts: int, seconds: int) -> None:
    assert leases.backoff(attempts) == dt.timedelta(seconds=seconds)


def test_an_error_is_kept_short() -> None:
    row = OutboxRow(attempts=1)
    leases.postpone(row, "x" * 10_000, now=NOW)
    assert len(row.error) == 2000


@pytest.fixture
def sessions(chain: Chain, app: object) -> Iterator[list[Session]]:
    """Two transactions of one tenant."""
    opened = [Session(db, expire_on_commit=False) for _ in range(2)]
    for one in opened:
        one.info["tenant_id"] = chain.id
    yield opened
    for one in opened:
        one.close()


def test_two_workers_at_once_get_different_rows(sessions: list[Session], react: Callable[..., None]) -> None:
    react(EVENT, nothing)
    first, second = sessions
    for number in range(4):
        outbox.record(first, EVENT, now=NOW, number=number)
    first.commit()
    mine, theirs = claim(first, batch=2), claim(second, batch=4)
    assert len(mine.ids) == 2
    assert len(theirs.ids) == 2
    assert not set(mine.ids) & set(theirs.ids)
