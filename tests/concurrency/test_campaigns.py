"""Two clocks start a campaign, two workers work on it, a person pauses it: each once, each in turn."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR
from engage.campaigns import queries, services
from engage.campaigns.models import Campaign, Recipient
from engage.campaigns.services import NewPush
from engage.coupons.models import Coupon, CouponGrant
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.notifications.models import Delivery
from tests.campaigns.scenes import Town, settle_town
from tests.concurrency.race import race
from tests.conftest import Chain

CLOCKS = 8


@pytest.fixture
def town(chain: Chain) -> Town:
    return settle_town(chain, followers=40, stock=30)


@pytest.fixture
def campaign(town: Town) -> Campaign:
    """A campaign that is planned; the tests' time is its start."""
    wished = town.push()
    with tenant_scope(town.chain.id), unit_of_work() as session:
        return services.schedule(session, wished, by=OPERATOR, now=wished.starts_at - dt.timedelta(hours=1))


def unguarded(session: Session, campaign_id: int, *, now: dt.datetime) -> None:
    """Begin as a clock would that reads the state and then writes it, without the lock."""
    campaign = queries.campaign(session, campaign_id)
    if campaign.state == "scheduled":
        services.starting.begin(session, campaign, by=OPERATOR, now=now)


def rows(town: Town, model: type) -> int:
    with tenant_scope(town.chain.id), unit_of_work() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def run(app: Flask, town: Town, calls: list[Callable[[Session], object]]) -> list[object]:
    return race(app, town.chain.id, calls)


def test_without_the_lock_several_clocks_would_begin_it(app, town, campaign):
    """Control: what then stops them is the key of the recipients, by an error."""
    calls = [lambda session: unguarded(session, campaign.id, now=campaign.starts_at)] * CLOCKS
    outcomes = Counter(type(one).__name__ for one in run(app, town, calls))
    assert outcomes["IntegrityError"] > 0, outcomes


def test_many_clocks_begin_it_once(app, town, campaign):
    calls = [lambda session: services.start_due(session, now=campaign.starts_at)] * CLOCKS
    began = [one for one in run(app, town, calls) if one is not None]
    assert [type(one).__name__ for one in began] == ["Campaign"]
    assert rows(town, Recipient) == 40


def work_off(session: Session, campaign: Campaign) -> int:
    """Work as a worker does, in one transaction; gives how many chunks it had."""
    return 1 if services.work(session, campaign.id, now=campaign.starts_at, batch=5) else 0


def test_many_workers_give_each_person_one(app, town, campaign):
    with tenant_scope(town.chain.id), unit_of_work() as session:
        services.start_due(session, now=campaign.starts_at)
    while True:
        chunks = run(app, town, [lambda session: work_off(session, campaign)] * 4)
        assert all(isinstance(one, int) for one in chunks), chunks
        if not sum(chunks):
            break
    with tenant_scope(town.chain.id), unit_of_work() as session:
        per_fan = Counter(session.scalars(sa.select(CouponGrant.fan_id)))
        states = Counter(session.scalars(sa.select(Recipient.state)))
        granted = session.scalar(sa.select(Coupon.granted).where(Coupon.id == town.coupon_id))
    assert set(per_fan.values()) == {1}
    assert states == {"granted": 30, "skipped": 10}
    assert granted == len(per_fan) == rows(town, Delivery) == 30


def test_who_was_paused_gets_nothing_after_it(app, town, campaign):
    with tenant_scope(town.chain.id), unit_of_work() as session:
        services.start_due(session, now=campaign.starts_at)

    def pause(session: Session) -> str:
        return services.pause(session, campaign.id, by=OPERATOR, now=campaign.starts_at).state

    outcomes = run(app, town, [lambda session: work_off(session, campaign)] * 3 + [pause])
    assert "paused" in outcomes
    before = rows(town, CouponGrant)
    assert run(app, town, [lambda session: work_off(session, campaign)] * 3) == [0, 0, 0]
    assert rows(town, CouponGrant) == before <= 5


def test_a_form_that_is_sent_twice_at_once_makes_one_campaign(app, town):
    wished = town.push()
    early = wished.starts_at - dt.timedelta(hours=1)

    def plan(session: Session) -> int:
        return services.schedule(session, wished, by=OPERATOR, now=early).id

    made = run(app, town, [plan] * 6)
    assert len(set(made)) == 1
    assert rows(town, Campaign) == 1
    other = NewPush(wished.name, wished.coupon_id, wished.account_id, wished.starts_at)
    with tenant_scope(town.chain.id), unit_of_work() as session:
        services.schedule(session, other, by=OPERATOR, now=early)
    assert rows(town, Campaign) == 2
