"""Hints: sent after the commit and only then; a Redis that is away is no reason to fail."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import redis
import sqlalchemy as sa
from flask import Flask

from engage import config
from engage.kernel import doorbell, live
from engage.kernel.db import SCOPE, Session, run_alone, unit_of_work
from tests.conftest import Chain


@pytest.fixture
def heard(app: Flask, settings: config.Config) -> Iterator[object]:
    """Listen to hints; gives a function that says whose came since it was last asked."""
    with (
        contextlib.closing(redis.Redis.from_url(settings.redis_url)) as server,
        server.pubsub(ignore_subscribe_messages=True) as ear,
    ):
        ear.subscribe(live.CHANNEL)

        def since() -> list[int]:
            server.publish(live.CHANNEL, "end")
            told: list[bytes] = []
            while b"end" not in told:
                if message := ear.get_message(timeout=5):
                    told.append(message["data"])
            return [int(each) for each in told[:-1]]

        since()
        yield since


def test_a_commit_sends_one_hint(scope: Chain, heard) -> None:
    with unit_of_work() as session:
        live.hint(session)
        live.hint(session)
        session.execute(sa.text("select 1"))
        assert heard() == []
    assert heard() == [scope.id]


def test_what_is_rolled_back_sends_none(scope: Chain, heard) -> None:
    with contextlib.suppress(ZeroDivisionError), unit_of_work() as session:
        live.hint(session)
        raise ZeroDivisionError
    assert heard() == []


def test_a_statement_alone_hints_where_it_gave_something(scope: Chain, heard) -> None:
    one = sa.select(sa.literal_column("1")).select_from(SCOPE)
    nothing = one.where(sa.literal_column("false"))
    assert run_alone(one, {}, hinted=True) == 1
    assert run_alone(nothing, {}, hinted=True) is None
    assert run_alone(one, {}) == 1
    assert heard() == [scope.id]


def test_without_redis_the_commit_stands(scope: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_redis", redis.Redis.from_url("unix:///nowhere.sock"))
    with unit_of_work() as session:
        _write(session)
        live.hint(session)
    with unit_of_work() as session:
        assert session.scalar(sa.text("select 1 from due where queue = 'hint-test'")) == 1
        session.execute(sa.text("delete from due where queue = 'hint-test'"))


def _write(session: Session) -> None:
    session.execute(
        sa.text("insert into due (tenant_id, queue, at) values (:id, 'hint-test', now())"),
        {"id": session.tenant_id},
    )
