"""A connection whose backend is gone is noticed, and replaced before anybody is refused for it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

from engage.clinic.models import Store
from engage.kernel import db as kernel
from engage.kernel.db import BRIEF, db, read_alone, scoped
from tests.conftest import Chain

STORE = Store.__table__
ONE = scoped(sa.select(STORE.c.id, sa.func.pg_backend_pid().label("pid")).select_from(STORE))
NEVER = 1e9  # seconds after which a connection would be asked whether it lives
WAIT = 30  # seconds after which the test has failed; nothing is released by it


@pytest.fixture
def broken(scope: Chain) -> Iterator[int]:
    """The pool's one connection, whose backend was ended while it rested; gives the backend's number."""
    db.engines[BRIEF].dispose()
    pid = read_alone(ONE, {}).pid
    with db.engine.connect() as other:
        assert other.scalar(sa.select(sa.func.pg_terminate_backend(pid)))
        until = time.monotonic() + WAIT
        lives = sa.text("select exists (select from pg_stat_activity where pid = :pid)")
        while other.scalar(lives, {"pid": pid}):
            assert time.monotonic() < until
            other.rollback()
    yield pid
    db.engines[BRIEF].dispose()


def test_one_that_rested_is_asked_and_replaced(broken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "PING_AFTER_SECONDS", 0)
    assert read_alone(ONE, {}).pid != broken


def test_one_that_broke_in_use_is_replaced_by_the_next_statement(
    broken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Used again so soon that nobody asked: one statement is refused, and the next is not."""
    monkeypatch.setattr(kernel, "PING_AFTER_SECONDS", NEVER)
    with pytest.raises(psycopg.OperationalError):
        read_alone(ONE, {})
    assert read_alone(ONE, {}).pid != broken


def test_control_one_that_nobody_asks_stays_in_the_pool(broken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "PING_AFTER_SECONDS", NEVER)
    sa.event.remove(sa.Pool, "checkin", kernel._note_the_time)
    try:
        for _ in range(2):
            with pytest.raises(psycopg.OperationalError):
                read_alone(ONE, {})
    finally:
        sa.event.listen(sa.Pool, "checkin", kernel._note_the_time)
