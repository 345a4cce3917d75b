"""The drain of campaigns: begins, works, finishes, and says when to look again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from rq import Queue
from rq.serializers import JSONSerializer

from engage.audit.services import OPERATOR
from engage.campaigns import queries, services
from engage.campaigns.models import Campaign, Recipient
from engage.chat.rules import OUTGOING as CHATS
from engage.coupons.models import CouponGrant
from engage.kernel import clock, doorbell
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.due import Due
from engage.notifications.models import Bundle, Delivery
from engage.notifications.services import BULK
from tests.campaigns.scenes import Town, settle_town
from tests.conftest import Chain
from workers import campaigns
from workers.queues import DRAINS

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def town(chain: Chain) -> Town:
    return settle_town(chain, followers=5)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch):
    """Move the worker's clock."""

    def move(moment: dt.datetime) -> None:
        monkeypatch.setattr(clock, "now", lambda: moment)

    return move


@pytest.fixture(autouse=True)
def _scope(town: Town) -> Iterator[None]:
    with tenant_scope(town.chain.id):
        yield


def plan(town: Town, **changes: object) -> Campaign:
    with unit_of_work() as session:
        return services.schedule(session, town.push(**changes), by=OPERATOR, now=clock.now())


def marks(town: Town) -> list[dt.datetime]:
    with unit_of_work() as session:
        wanted = sa.select(Due.at).where(Due.tenant_id == town.chain.id, Due.queue == services.QUEUE)
        return sorted(session.scalars(wanted))


def now_is(campaign: Campaign) -> Campaign:
    with unit_of_work() as session:
        return queries.campaign(session, campaign.id)


def count(model: type) -> int:
    with unit_of_work() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def test_the_queue_has_its_drain() -> None:
    assert DRAINS[services.QUEUE] is campaigns.drain


def test_before_its_time_nothing_happens_and_the_mark_stays(town, at):
    campaign = plan(town)
    campaigns.drain()
    assert now_is(campaign).state == "scheduled"
    assert marks(town) == [campaign.starts_at]
    assert count(Recipient) == 0


def test_a_run_gives_everybody_theirs_and_finishes_after_the_last_message(town, at, monkeypatch):
    monkeypatch.setattr(services.working, "CHUNK", 2)
    campaign = plan(town)
    at(campaign.starts_at)
    campaigns.drain()
    assert now_is(campaign).state == "running"
    assert (count(CouponGrant), count(Delivery)) == (5, 5)
    assert marks(town) == [campaign.starts_at + services.working.BEAT]
    with unit_of_work() as session:
        session.execute(sa.update(Delivery).values(state="sent", available_at=None))
        session.execute(sa.update(Bundle).values(available_at=None))
    at(campaign.starts_at + services.working.BEAT)
    campaigns.drain()
    assert now_is(campaign).state == "finished"
    assert marks(town) == []


def test_a_start_has_time_for_a_million_rows(town, at, monkeypatch):
    """Thirteen seconds they took here, and other statements are cut after fifteen."""
    allowed = []

    def asked(session: Session, **more: dt.datetime) -> Campaign | None:
        allowed.append(session.scalar(sa.text("select current_setting('statement_timeout')")))
        return begin(session, **more)

    begin = services.start_due
    monkeypatch.setattr(services, "start_due", asked)
    campaigns.drain()
    assert allowed == ["2min"]


def test_two_campaigns_take_turns(town, at):
    first, second = plan(town), plan(town)
    at(first.starts_at + dt.timedelta(seconds=1))
    campaigns.drain()
    with unit_of_work() as session:
        by_cause = session.execute(
            sa.select(CouponGrant.cause_id, sa.func.count()).group_by(CouponGrant.cause_id)
        )
        assert dict(map(tuple, by_cause)) == {first.id: 5, second.id: 5}


def test_a_long_run_lets_others_have_a_turn_and_comes_back(town, at, monkeypatch):
    monkeypatch.setattr(campaigns, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(services.working, "CHUNK", 2)
    campaign = plan(town)
    at(campaign.starts_at)
    had = []
    for _turn in range(4):
        campaigns.drain()
        had.append(count(CouponGrant))
        (again,) = marks(town)
        at(again)
    assert had == [0, 2, 4, 5]  # the start is a turn too


@pytest.mark.parametrize(("queue", "had"), [(CHATS, 2), (services.QUEUE, 5), (BULK, 5)])
def test_it_makes_way_for_what_one_person_waits_for_and_rings_for_the_rest(
    town, at, monkeypatch, queue: str, had: int
):
    monkeypatch.setattr(campaigns, "GIVES_WAY_SECONDS", 0.0)
    monkeypatch.setattr(services.working, "CHUNK", 2)
    campaign = plan(town)
    with unit_of_work() as session:
        services.start(session, campaign.id, by=OPERATOR, now=clock.now())
    doorbell.connection().flushdb()
    doorbell.ring(town.chain.id, queue)
    campaigns.drain()
    assert count(CouponGrant) == had
    rings = Queue(services.QUEUE, connection=doorbell.connection(), serializer=JSONSerializer).count
    assert rings == (queue in {CHATS, services.QUEUE})


def test_a_paused_campaign_has_no_mark_and_costs_nothing(town, at):
    campaign = plan(town)
    at(campaign.starts_at)
    with unit_of_work() as session:
        services.start(session, campaign.id, by=OPERATOR, now=campaign.starts_at)
        services.pause(session, campaign.id, by=OPERATOR, now=campaign.starts_at)
    campaigns.drain()
    assert (marks(town), count(CouponGrant)) == ([], 0)
