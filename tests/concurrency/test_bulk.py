"""A campaign is ended while a worker settles what it had out: nobody is left waiting for ever."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.notifications import services
from engage.notifications.models import Batch, Bundle
from engage.notifications.services import batches, bulk
from engage.notifications.services.pace import Limits
from engage.wechat.outcomes import Sent
from tests.booking.scenes import Scene, make_scene
from tests.concurrency.race import race
from tests.conftest import Chain
from tests.notifications import crowds

pytestmark = pytest.mark.enable_socket

FREE = Limits(per_second=10_000, per_day=100_000)
ROUNDS, SIZE, EACH = 6, 40, 5
Step = Callable[[Session], None]


@pytest.fixture
def scene(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(batches, "BUNDLE", EACH)
    return make_scene(chain)


def out(scene: Scene, subject: int, *, workers: int) -> tuple[int, list[services.Load]]:
    """Write to a crowd, of which each worker has a bundle out; gives the batch and what they have."""
    with tenant_scope(scene.chain.id):
        batch_id = crowds.open_batch(scene, subject=subject)
        crowds.write(batch_id, crowds.crowd(scene, [f"o-{subject}-{place}" for place in range(SIZE)]))
        loads = []
        for _ in range(workers):
            with unit_of_work() as session:
                loads.append(services.claim_bulk(session, batch_id, FREE, now=clock.now()))
    return batch_id, loads


def waiting(scene: Scene, batch_id: int) -> int:
    """Count the bundles that still wait, for nobody."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        left = sa.select(sa.func.count()).where(Bundle.batch_id == batch_id, Bundle.available_at.is_not(None))
        return session.scalar(left) or 0


def settling(load: services.Load, now: dt.datetime) -> Step:
    """Settle the first message alone: the rest did not go out."""
    return lambda session: services.settle_bulk(
        session, load, {load.addressees[0].id: Sent(load.addressees[0].id)}, now=now
    )


def test_ended_while_workers_settle(app: Flask, scene: Scene) -> None:
    for subject in range(ROUNDS):
        batch_id, loads = out(scene, subject, workers=SIZE // EACH - 1)
        now = clock.now()
        calls: list[Step] = [settling(load, now) for load in loads]
        calls.append(lambda session, batch_id=batch_id, now=now: services.close(session, [batch_id], now=now))
        assert race(app, scene.chain.id, calls) == [None] * len(calls)
        assert waiting(scene, batch_id) == 0


def test_control_who_asks_for_the_batch_before_the_bundle_leaves_some(app: Flask, scene: Scene) -> None:
    """A worker that looked before it held the bundle puts it back into a batch that was ended since."""
    batch_id, (load,) = out(scene, ROUNDS, workers=1)
    now = clock.now()

    def settled(session: Session) -> None:
        state = session.scalar(sa.select(Batch.state).where(Batch.id == batch_id))
        with ThreadPoolExecutor(1) as pool:
            pool.submit(ended).result()
        assert bulk._is_held(session, load)
        assert state == "open"
        bulk._put_back(session, load.bundle_id)

    def ended() -> None:
        with app.app_context(), tenant_scope(scene.chain.id), unit_of_work() as session:
            services.close(session, [batch_id], now=now)

    assert race(app, scene.chain.id, [settled]) == [None]
    assert waiting(scene, batch_id) == 1
