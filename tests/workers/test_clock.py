"""The clock goes on after the database failed it."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from engage.kernel.db import db, unit_of_work
from workers import clock


def test_a_tick_that_fails_leaves_the_lease_to_the_next(app, monkeypatch):
    stop, rings = threading.Event(), []

    def ring() -> int:
        rings.append(1)
        if len(rings) == 1:
            with unit_of_work() as session:
                session.execute(sa.text("set local statement_timeout = 50"))
                session.execute(sa.text("select pg_sleep(5)"))
        stop.set()
        return 0

    monkeypatch.setattr(clock, "ring_due", ring)
    db.engine.dispose()
    with pytest.raises(sa.exc.OperationalError):
        clock._tick_while_leading(stop)
    clock._tick_while_leading(stop)
    assert len(rings) == 2


def test_of_two_clocks_one_rings_and_the_other_takes_over(app, monkeypatch):
    stop, rings = threading.Event(), []
    asked = threading.Event()

    def ring() -> int:
        rings.append(1)
        stop.set()
        return 0

    monkeypatch.setattr(clock, "ring_due", ring)
    monkeypatch.setattr(clock, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(stop, "wait", lambda seconds: asked.set() or threading.Event().wait(seconds))

    def second_clock() -> None:
        with app.app_context():
            clock._tick_while_leading(stop)

    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as first:
        first.execute(sa.select(sa.func.pg_advisory_lock(clock.LEASE)))
        thread = threading.Thread(target=second_clock)
        thread.start()
        assert asked.wait(10)  # it has looked, and waits for its next tick
        assert rings == []
        first.execute(sa.select(sa.func.pg_advisory_unlock(clock.LEASE)))
        thread.join(10)
    assert rings == [1]
