"""Many workers ask for leave to send at once: together they get no more than there is (P17)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.notifications.models import Pace
from engage.notifications.services import pace
from engage.notifications.services.pace import Limits
from tests.booking.scenes import Scene, make_scene
from tests.concurrency.race import race
from tests.conftest import Chain

pytestmark = pytest.mark.enable_socket

WORKERS, EACH = 20, 10
Take = Callable[[Session, int, int, Limits, dt.datetime], int]


def taken(app: Flask, scene: Scene, allowed: Limits, *, guarded: bool = True) -> int:
    """Let all ask at once; gives how many they got together."""
    now = clock.now()
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        pace.take(session, scene.account_id, 0, allowed, now=now)

    def ask(session: Session) -> int:
        if guarded:
            return pace.take(session, scene.account_id, EACH, allowed, now=now)
        return read_then_write(session, scene.account_id, allowed)

    got = race(app, scene.chain.id, [ask] * WORKERS)
    refused = [one for one in got if isinstance(one, Exception)]
    assert refused == []
    return sum(got)


def read_then_write(session: Session, account_id: int, allowed: Limits) -> int:
    """The control: look, then take."""
    row = session.execute(sa.select(Pace.tokens, Pace.used).where(Pace.account_id == account_id)).one()
    count = max(0, min(EACH, int(row.tokens), allowed.per_day - row.used))
    session.execute(sa.select(sa.func.pg_sleep(0.05)))
    session.execute(
        sa.update(Pace)
        .where(Pace.account_id == account_id)
        .values(tokens=row.tokens - count, used=row.used + count)
        .execution_options(synchronize_session=False)
    )
    return count


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain)


@pytest.mark.parametrize(
    "allowed", [Limits(per_second=73, per_day=1000), Limits(per_second=1000, per_day=73)], ids=["rate", "day"]
)
def test_together_they_get_what_there_is(app: Flask, scene: Scene, allowed: Limits) -> None:
    assert taken(app, scene, allowed) == 73


def test_control_who_looks_first_gets_too_much(app: Flask, scene: Scene) -> None:
    assert taken(app, scene, Limits(per_second=73, per_day=1000), guarded=False) > 73
