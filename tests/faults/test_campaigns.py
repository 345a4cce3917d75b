"""A campaign gives everybody one coupon and one message, wherever its worker dies (R2, I3, I4)."""

from __future__ import annotations

import datetime as dt
import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from engage import config
from engage.audit.services import OPERATOR
from engage.campaigns import services
from engage.campaigns.models import Campaign, Recipient
from engage.coupons.models import Coupon, CouponGrant
from engage.kernel import clock, doorbell
from engage.kernel.db import tenant_scope, unit_of_work
from engage.notifications.models import Delivery
from tests.campaigns.scenes import Town, settle_town
from tests.conftest import Chain
from tests.faults.campaigner import CHUNK, STEPS
from tests.faults.killable import Worker, kill
from workers import runtime
from workers.clock import ring_due

PEOPLE = 3

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def worker(settings: config.Config) -> Iterator[Worker]:
    started = Worker("tests.faults.campaigner", settings)
    yield started
    started.end()


@pytest.fixture(autouse=True)
def _world(app: Flask, settings: config.Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process is a worker and a clock as well; afterwards its time is the usual one."""
    monkeypatch.setattr(runtime, "application", lambda: app)
    yield
    (settings.home / "clock-offset").unlink(missing_ok=True)
    doorbell.connection().flushdb()


@pytest.fixture
def town(chain: Chain) -> Town:
    """As many people as two chunks hold, and a coupon that is due."""
    town = settle_town(chain, followers=PEOPLE, stock=PEOPLE)
    with tenant_scope(chain.id), unit_of_work() as session:
        plan = town.push(starts_at=clock.now() + dt.timedelta(seconds=30))
        services.schedule(session, plan, by=OPERATOR, now=clock.now())
    clock.advance(31)
    return town


def is_right(town: Town) -> None:
    """Assert I3 and I4, and that stock, grants, turns and messages agree."""
    with tenant_scope(town.chain.id), unit_of_work() as session:
        grants = Counter(session.scalars(sa.select(CouponGrant.fan_id)))
        told = Counter(session.scalars(sa.select(Delivery.fan_id)))
        turns = Counter(session.scalars(sa.select(Recipient.state)))
        stock = session.scalar(sa.select(Coupon.granted).where(Coupon.id == town.coupon_id))
    assert grants == told == Counter(town.fan_ids)
    assert turns == {"granted": PEOPLE}
    assert stock == PEOPLE


def test_the_steps_are_those_that_are_killed_at(worker: Worker, town: Town) -> None:
    assert PEOPLE == CHUNK + 1
    taken = worker.drain(town.chain.id)
    assert [step for step in taken if step in STEPS] == list(STEPS)
    is_right(town)


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_next_worker_finishes_it(worker: Worker, town: Town, step: str) -> None:
    assert worker.drain(town.chain.id, stop_at=step)[-1] == step
    assert ring_due() > 0, "the clock still knows of it"
    runtime.answer(town.chain.id, services.QUEUE)
    is_right(town)


@pytest.mark.parametrize("step", STEPS)
def test_redis_emptied_at_any_step_loses_nothing(worker: Worker, town: Town, step: str) -> None:
    def forget_and_kill(pid: int) -> None:
        doorbell.connection().flushall()
        kill(pid)

    worker.drain(town.chain.id, stop_at=step, then=forget_and_kill)
    assert ring_due() > 0
    runtime.answer(town.chain.id, services.QUEUE)
    is_right(town)


def test_a_worker_that_settled_first_would_leave_people_without(worker: Worker, town: Town) -> None:
    """Control: the very kill that does no harm to the real order."""
    worker.drain(town.chain.id, stop_at="settled before 1", settle_first=True)
    runtime.answer(town.chain.id, services.QUEUE)
    with pytest.raises(AssertionError):
        is_right(town)


def test_a_connection_cut_in_the_middle_of_a_chunk_loses_nothing(worker: Worker, town: Town) -> None:
    """As a restart of PostgreSQL does to every connection."""

    def cut_off(_pid: int) -> None:
        with unit_of_work() as session:
            session.execute(
                sa.text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = 'campaigner' and usename = current_user"
                )
            )

    def cut_and_go_on(pid: int) -> None:
        cut_off(pid)
        os.kill(pid, signal.SIGUSR1)

    worker.drain(town.chain.id, stop_at="granted 1", then=cut_and_go_on)
    with tenant_scope(town.chain.id), unit_of_work() as session:
        assert session.scalars(sa.select(Campaign.state)).all() == ["running"]
        assert session.scalars(sa.select(CouponGrant)).all() == []
    assert ring_due() > 0
    runtime.answer(town.chain.id, services.QUEUE)
    is_right(town)
