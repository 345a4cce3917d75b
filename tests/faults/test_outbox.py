"""Reactions are done exactly once in effect, wherever the worker dies and whatever Redis forgets."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from rq import Queue
from rq.serializers import JSONSerializer

from engage import config
from engage.audit.models import AuditEntry
from engage.kernel import clock, doorbell, embedded, leases, outbox
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.due import Due
from engage.kernel.outbox import OutboxRow
from engage.reactions import HANDLERS as REACTIONS
from tests.conftest import Chain
from tests.faults.drainer import STEPS
from tests.faults.handlers import EVENT, HANDLERS
from tests.faults.killable import Worker, kill
from workers import runtime
from workers.clock import ring_due

ONCE = {"first": 1, "second": 1}


@pytest.fixture(scope="module")
def worker(settings: config.Config) -> Iterator[Worker]:
    started = Worker("tests.faults.drainer", settings)
    yield started
    started.end()


@pytest.fixture(autouse=True)
def _world(app: Flask, settings: config.Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process is a worker and a clock as well; afterwards its time and handlers are the usual ones."""
    monkeypatch.setattr(runtime, "application", lambda: app)
    outbox.register(HANDLERS)
    yield
    outbox.register(REACTIONS)
    (settings.home / "clock-offset").unlink(missing_ok=True)
    doorbell.connection().flushdb()


def happen(chain: Chain, number: int = 1) -> None:
    """Record an event, committed; the doorbell rings."""
    with tenant_scope(chain.id), unit_of_work() as session:
        outbox.record(session, EVENT, now=clock.now(), number=number)


def traces(chain: Chain) -> dict[str, int]:
    """Count what the handlers left."""
    with tenant_scope(chain.id), unit_of_work() as session:
        found = session.scalars(sa.select(AuditEntry.action).where(AuditEntry.subject_kind == "test"))
        return dict(Counter(found))


def rows(chain: Chain) -> list[OutboxRow]:
    with tenant_scope(chain.id), unit_of_work() as session:
        return list(session.scalars(sa.select(OutboxRow).order_by(OutboxRow.id)))


def marks(chain: Chain) -> int:
    with unit_of_work() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Due).where(Due.tenant_id == chain.id))


def rung(chain: Chain) -> list[tuple[int, str]]:
    """Give the tenant's rings that wait for a worker."""
    queue = Queue(outbox.QUEUE, connection=doorbell.connection(), serializer=JSONSerializer)
    return [tuple(job.args) for job in queue.jobs if job.args[0] == chain.id]


def backends_are_gone(settings: config.Config) -> None:
    """Wait until PostgreSQL has noticed the death, so that its locks and transactions are gone."""
    statement = "select count(*) from pg_stat_activity where application_name = 'drainer'"
    deadline = time.monotonic() + 30
    with psycopg.connect(settings.owner_database_url.replace("+psycopg", ""), autocommit=True) as connection:
        while connection.execute(statement).fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def write_out(settings: config.Config) -> None:
    """Let what is committed survive: the servers of tests write it out later, those of clinics at once.

    A commit that waits for its own record waits for all before it.
    """
    with psycopg.connect(settings.owner_database_url.replace("+psycopg", "")) as connection:
        connection.execute("set synchronous_commit = on")
        connection.execute("create temp table written_out ()")


def recover(chain: Chain, settings: config.Config) -> None:
    """What happens after a death: Redis has forgotten, leases run out, the clock rings, a worker answers."""
    backends_are_gone(settings)
    doorbell.connection().flushdb()
    for _ in range(5):
        clock.advance(leases.LEASE.total_seconds() + 1)
        ring_due()
        waiting = rung(chain)
        assert bool(waiting) == bool(marks(chain))
        doorbell.connection().flushdb()
        for tenant_id, queue in waiting:
            runtime.answer(tenant_id, queue)
        if not marks(chain):
            return


def assert_done_once(chain: Chain) -> None:
    assert traces(chain) == ONCE
    assert all(row.settled_at and row.available_at is None and not row.error for row in rows(chain))
    assert marks(chain) == 0


def test_the_steps_are_all_there_are(worker: Worker, chain: Chain) -> None:
    happen(chain)
    assert worker.drain(chain.id) == list(STEPS)
    assert_done_once(chain)


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_at_a_step_loses_and_doubles_nothing(
    worker: Worker, chain: Chain, settings: config.Config, step: str
) -> None:
    happen(chain)
    steps = worker.drain(chain.id, stop_at=step)
    assert steps == list(STEPS[: STEPS.index(step) + 1])
    recover(chain, settings)
    assert_done_once(chain)
    assert all(row.attempts <= 2 for row in rows(chain))


def test_control_settling_before_the_work_loses_it(
    worker: Worker, chain: Chain, settings: config.Config
) -> None:
    happen(chain)
    worker.drain(chain.id, stop_at="settled before 1", settle_first=True)
    recover(chain, settings)
    assert marks(chain) == 0
    assert all(row.settled_at for row in rows(chain))
    assert traces(chain) == {}


def test_a_worker_that_finds_all_leased_leaves_a_mark_for_the_end_of_the_lease(
    worker: Worker, chain: Chain, settings: config.Config
) -> None:
    happen(chain)
    worker.drain(chain.id, stop_at="commit 2")
    backends_are_gone(settings)
    runtime.answer(chain.id, outbox.QUEUE)
    assert traces(chain) == {}
    assert marks(chain) == 1
    recover(chain, settings)
    assert_done_once(chain)


@pytest.mark.parametrize("ends_with", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
@pytest.mark.parametrize(
    "step", ["ring heard 1", "rows claimed 1", "first done 1", "commit 3", "marks answered 1"]
)
def test_postgresql_restarted_at_a_step_loses_and_doubles_nothing(
    worker: Worker,
    chain: Chain,
    settings: config.Config,
    servers: embedded.Servers,
    step: str,
    ends_with: signal.Signals,
) -> None:
    """The worker goes on into whatever it finds."""

    def restart(pid: int) -> None:
        write_out(settings)
        servers.postgres.process.send_signal(ends_with)
        servers.postgres.process.wait(30)
        assert servers.revive() == ["PostgreSQL"]
        servers.wait_until_ready()
        os.kill(pid, signal.SIGUSR1)

    happen(chain)
    worker.drain(chain.id, stop_at=step, then=restart)
    recover(chain, settings)
    assert_done_once(chain)


def test_an_event_during_the_drain_is_not_forgotten(
    worker: Worker, chain: Chain, settings: config.Config
) -> None:
    """It came after the last look for work and before the marks went: its own mark stays."""
    happen(chain, number=1)
    worker.drain(chain.id, stop_at="commit 4", then=lambda pid: (happen(chain, number=2), kill(pid)))
    recover(chain, settings)
    assert traces(chain) == {"first": 2, "second": 2}


def test_a_row_that_kills_its_workers_waits_for_a_person(
    worker: Worker, chain: Chain, settings: config.Config
) -> None:
    happen(chain)
    for attempt in range(leases.ATTEMPTS):
        assert worker.drain(chain.id, stop_at="first done 1")[-1] == "first done 1"
        backends_are_gone(settings)
        clock.advance(leases.LEASE.total_seconds() + 1)
        assert rows(chain)[0].attempts == attempt + 1
    assert "first done 1" not in worker.drain(chain.id)
    first, second = rows(chain)
    assert (first.settled_at, first.available_at) == (None, None)
    assert first.error == "each attempt ended its worker"
    assert second.settled_at is not None
    assert traces(chain) == {"second": 1}
    assert marks(chain) == 0
    with tenant_scope(chain.id), unit_of_work() as session:
        outbox.retry(session, first.id, now=clock.now())
    recover(chain, settings)
    assert_done_once(chain)


def test_the_clock_rings_again_what_redis_forgot(chain: Chain, settings: config.Config) -> None:
    happen(chain)
    assert rung(chain) == [(chain.id, outbox.QUEUE)]
    doorbell.connection().flushall()
    assert rung(chain) == []
    ring_due()
    ring_due()
    assert rung(chain) == [(chain.id, outbox.QUEUE)]
    recover(chain, settings)
    assert_done_once(chain)


def test_an_event_is_kept_while_redis_is_away(
    chain: Chain, settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(doorbell, "_redis", None)
        doorbell.connect(f"unix://{settings.home}/nobody.sock")
        happen(chain)
        assert ring_due() == 0
    recover(chain, settings)
    assert_done_once(chain)


def test_a_poisoned_handler_is_seen_and_tried_again_by_hand(
    chain: Chain, settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first(session: object, payload: object, *, now: object) -> None:
        HANDLERS[EVENT][0](session, payload, now=now)
        raise ZeroDivisionError("poisoned")

    first.__module__ = HANDLERS[EVENT][0].__module__
    outbox.register({EVENT: (first, HANDLERS[EVENT][1])})
    happen(chain)
    for _ in range(leases.ATTEMPTS):
        runtime.answer(chain.id, outbox.QUEUE)
        clock.advance(leases.BACKOFF[-1].total_seconds() + 1)
    poisoned, other = rows(chain)
    assert (poisoned.settled_at, poisoned.available_at, poisoned.attempts) == (None, None, leases.ATTEMPTS)
    assert poisoned.error.startswith("ZeroDivisionError at first:")
    assert "poisoned" in poisoned.error
    assert other.settled_at is not None
    assert traces(chain) == {"second": 1}
    assert marks(chain) == 0
    outbox.register(HANDLERS)
    with tenant_scope(chain.id), unit_of_work() as session:
        outbox.retry(session, poisoned.id, now=clock.now())
    recover(chain, settings)
    assert_done_once(chain)
