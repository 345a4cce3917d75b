"""Planning, beginning, working, pausing and ending campaigns."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR
from engage.campaigns import queries, services
from engage.campaigns.errors import InThePast, NotOnline, NotPossible, OverByThen, Stale, TooFarAhead
from engage.campaigns.models import Campaign, Recipient
from engage.coupons import services as coupons
from engage.coupons.models import CouponGrant
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.due import Due
from engage.kernel.errors import NotFound
from engage.notifications import services as notifications
from engage.notifications.models import Batch, Bundle, Delivery
from tests.campaigns.scenes import Town, leave, name, publish, run, settle_town

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def now() -> dt.datetime:
    return clock.now()


@pytest.fixture
def plan(session, town, now):
    """Plan a push: `plan(**changes)` gives the campaign."""

    def make(**changes) -> Campaign:
        return services.schedule(session, town.push(**changes), by=OPERATOR, now=now)

    return make


def grants(session, campaign) -> list[int]:
    found = sa.select(CouponGrant.fan_id).where(CouponGrant.cause_id == campaign.id)
    return sorted(session.scalars(found))


def states(session, campaign) -> Counter:
    rows = sa.select(Recipient.state, Recipient.reason).where(Recipient.campaign_id == campaign.id)
    return Counter(map(tuple, session.execute(rows)))


def messages(session, campaign) -> Counter:
    rows = sa.select(Delivery.state, Delivery.reason).where(Delivery.subject_id == campaign.id)
    return Counter(map(tuple, session.execute(rows)))


def test_a_plan_waits_for_its_time_and_marks_it(session, plan):
    campaign = plan()
    assert (campaign.state, campaign.version, campaign.audience) == ("scheduled", 1, {"v": 1})
    mark = sa.select(Due.at).where(Due.tenant_id == session.tenant_id, Due.queue == services.QUEUE)
    assert session.scalars(mark).all() == [campaign.starts_at]
    assert services.start_due(session, now=campaign.starts_at - dt.timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"starts_at": dt.timedelta()}, InThePast),
        ({"starts_at": -HOUR}, InThePast),
        ({"starts_at": dt.timedelta(days=367)}, TooFarAhead),
        ({"coupon_id": 2**40}, NotFound),
        ({"account_id": 2**40}, NotFound),
    ],
)
def test_a_plan_that_cannot_be_is_refused(session, plan, now, changes, refusal):
    if "starts_at" in changes:
        changes = {"starts_at": now + changes["starts_at"]}
    with pytest.raises(refusal):
        plan(**changes)


def test_only_what_is_online_and_good_by_then_is_pushed(session, town, plan, now):
    ends = (clock.local(now, "Asia/Shanghai") + dt.timedelta(days=2)).date()
    short = publish(session, now=now, valid_days=None, valid_until=ends)
    plan(coupon_id=short, starts_at=now + dt.timedelta(days=1))
    with pytest.raises(OverByThen):
        plan(coupon_id=short, starts_at=now + dt.timedelta(days=4))
    coupons.withdraw(session, town.coupon_id, by=OPERATOR, now=now)
    with pytest.raises(NotOnline):
        plan()


@pytest.fixture
def foreign(other_chain) -> Town:
    return settle_town(other_chain)


def test_another_tenants_coupon_is_not_found(foreign, plan):
    with pytest.raises(NotFound):
        plan(coupon_id=foreign.coupon_id)
    with pytest.raises(NotFound):
        plan(account_id=foreign.account_ids[0])


def test_a_plan_is_changed_until_it_begins(session, town, plan, now):
    campaign = plan()
    later = town.push(name="改了", starts_at=now + 2 * HOUR)
    services.edit(session, campaign.id, later, version=1, by=OPERATOR, now=now)
    assert (campaign.name, campaign.version, campaign.starts_at) == ("改了", 2, now + 2 * HOUR)
    with pytest.raises(Stale):
        services.edit(session, campaign.id, later, version=1, by=OPERATOR, now=now)
    assert services.start_due(session, now=now + HOUR) is None
    run(session, now=now + 2 * HOUR)
    with pytest.raises(NotPossible):
        services.edit(session, campaign.id, later, version=2, by=OPERATOR, now=now)


def test_the_audience_is_who_follows_at_the_start(session, town, plan, now):
    campaign = plan()
    leave(session, town.fan_ids[0])
    late = fans.follow(session, town.account_ids[0], "late", changed_at=now, now=now)
    run(session, now=campaign.starts_at)
    after = fans.follow(session, town.account_ids[0], "after", changed_at=now, now=now)
    run(session, now=campaign.starts_at)
    assert grants(session, campaign) == sorted({*town.fan_ids[1:], late})
    assert campaign.targeted == len(town.fan_ids)
    assert after not in grants(session, campaign)


def test_all_accounts_means_everybody_told_by_their_own(session, town, plan):
    campaign = plan(account_id=None)
    run(session, now=campaign.starts_at)
    assert grants(session, campaign) == sorted({*town.fan_ids, *town.other_fan_ids})
    by_account = session.execute(
        sa.select(Delivery.account_id, sa.func.count()).group_by(Delivery.account_id)
    )
    assert dict(map(tuple, by_account)) == {town.account_ids[0]: 6, town.account_ids[1]: 2}


@pytest.mark.parametrize("batch", [1, 4, 1000])
def test_everybody_gets_one_coupon_and_one_message_however_it_is_cut(session, town, plan, batch):
    campaign = plan()
    run(session, now=campaign.starts_at, batch=batch)
    run(session, now=campaign.starts_at, batch=batch)
    assert grants(session, campaign) == sorted(town.fan_ids)
    assert states(session, campaign) == {("granted", None): 6}
    assert messages(session, campaign) == {("pending", None): 6}
    assert len(session.scalars(sa.select(Batch)).all()) == 1
    told = session.scalars(sa.select(Batch)).one()
    until = clock.local(campaign.starts_at, "Asia/Shanghai").date() + dt.timedelta(days=30)
    assert told.fields == {"thing1": "到店礼 50 元", "date2": f"{until:%Y-%m-%d} 23:59"}
    assert told.page.endswith("/coupons")


def test_who_gets_no_coupon_gets_no_message_and_a_reason(session, town, plan, now):
    scarce = publish(session, stock=4, per_person=1, now=now)
    first = plan(coupon_id=scarce, account_id=town.account_ids[1])
    run(session, now=first.starts_at)
    second = plan(coupon_id=scarce, account_id=None)
    run(session, now=second.starts_at)
    assert states(session, second) == {
        ("granted", None): 2,
        ("skipped", "limited"): 2,
        ("skipped", "out_of_stock"): 4,
    }
    assert messages(session, second).total() == 2


def test_a_coupon_withdrawn_on_the_way_leaves_the_rest_without(session, town, plan):
    campaign = plan()
    services.start_due(session, now=campaign.starts_at)
    assert services.work(session, campaign.id, now=campaign.starts_at, batch=2)
    coupons.withdraw(session, town.coupon_id, by=OPERATOR, now=campaign.starts_at)
    run(session, now=campaign.starts_at)
    assert states(session, campaign) == {("granted", None): 2, ("skipped", "closed"): 4}


def test_who_left_meanwhile_keeps_the_coupon_and_is_not_written_to(session, town, plan):
    campaign = plan()
    services.start_due(session, now=campaign.starts_at)
    leave(session, town.fan_ids[0])
    run(session, now=campaign.starts_at)
    assert grants(session, campaign) == sorted(town.fan_ids)
    assert messages(session, campaign) == {("pending", None): 5, ("skipped", "not_following"): 1}


def test_without_wording_the_coupon_arrives_and_the_reason_is_kept(session, town, plan, now):
    notifications.set_wording(
        session,
        town.account_ids[0],
        "coupon_arrived",
        enabled=False,
        template_id="t",
        title="",
        content="{{thing1.DATA}}",
        fields=[{"key": "thing1", "text": "{coupon}"}],
        by=OPERATOR,
        now=now,
    )
    campaign = plan()
    run(session, now=campaign.starts_at)
    assert messages(session, campaign) == {}
    counted = queries.progress(session, campaign)
    assert counted.untold == {"switched_off": 6}
    assert services.finish(session, campaign.id, now=campaign.starts_at)


def test_a_run_over_midnight_tells_the_new_last_day(session, town, plan):
    campaign = plan()
    services.start_due(session, now=campaign.starts_at)
    services.work(session, campaign.id, now=campaign.starts_at, batch=3)
    services.work(session, campaign.id, now=campaign.starts_at + dt.timedelta(days=1), batch=3)
    first, second = session.scalars(sa.select(Batch.fields).order_by(Batch.id))
    assert first["date2"] != second["date2"]
    assert first["thing1"] == second["thing1"]


def test_finished_means_nobody_waits_for_coupon_or_message(session, town, plan):
    campaign = plan()
    now = campaign.starts_at
    services.start_due(session, now=now)
    assert not services.finish(session, campaign.id, now=now)
    run(session, now=now)
    assert not services.finish(session, campaign.id, now=now)
    session.execute(sa.update(Delivery).values(available_at=None, state="sent", sent_at=now))
    session.execute(sa.update(Bundle).values(available_at=None))
    assert services.finish(session, campaign.id, now=now)
    assert (campaign.state, campaign.granted) == ("finished", 6)
    assert set(session.scalars(sa.select(Batch.state))) == {"closed"}
    assert not services.finish(session, campaign.id, now=now)


def test_six_hours_late_runs_and_later_waits_for_a_person(session, plan, now):
    late, missed = plan(), plan(starts_at=now + 2 * HOUR)
    at = missed.starts_at + dt.timedelta(hours=6, minutes=1)
    late.starts_at = at - dt.timedelta(hours=6)
    session.flush()
    while services.start_due(session, now=at):
        pass
    assert (late.state, missed.state) == ("running", "missed")
    assert session.scalars(sa.select(Recipient).where(Recipient.campaign_id == missed.id)).all() == []
    services.start(session, missed.id, by=OPERATOR, now=at)
    run(session, now=at)
    assert states(session, missed) == {("granted", None): 6}


def test_a_missed_one_can_be_planned_anew(session, town, plan, now):
    campaign = plan()
    at = campaign.starts_at + dt.timedelta(hours=7)
    services.start_due(session, now=at)
    again = town.push(starts_at=at + HOUR)
    services.edit(session, campaign.id, again, version=1, by=OPERATOR, now=at)
    assert campaign.state == "scheduled"
    assert services.start_due(session, now=at + HOUR) is campaign


def test_pause_stops_coupons_and_messages_and_resume_goes_on(session, town, plan):
    campaign = plan()
    now = campaign.starts_at
    services.start_due(session, now=now)
    services.work(session, campaign.id, now=now, batch=2)
    services.pause(session, campaign.id, by=OPERATOR, now=now)
    services.pause(session, campaign.id, by=OPERATOR, now=now)
    assert not services.work(session, campaign.id, now=now)
    assert set(session.scalars(sa.select(Batch.state))) == {"paused"}
    assert services.next_at(session, now=now) is None
    services.resume(session, campaign.id, by=OPERATOR, now=now)
    assert set(session.scalars(sa.select(Batch.state))) == {"open"}
    run(session, now=now)
    assert grants(session, campaign) == sorted(town.fan_ids)


def test_a_batch_that_is_opened_while_others_rest_is_no_way_around_a_pause(session, town, plan):
    """A chunk opens a batch only of a campaign that runs, and holds its row meanwhile."""
    campaign = plan(account_id=None)
    now = campaign.starts_at
    services.start_due(session, now=now)
    services.pause(session, campaign.id, by=OPERATOR, now=now)
    run(session, now=now)
    assert session.scalars(sa.select(Batch)).all() == []


def test_ending_leaves_what_was_given_and_says_why_others_got_nothing(session, town, plan):
    campaign = plan()
    now = campaign.starts_at
    services.start_due(session, now=now)
    services.work(session, campaign.id, now=now, batch=2)
    services.end(session, campaign.id, by=OPERATOR, now=now)
    services.end(session, campaign.id, by=OPERATOR, now=now)
    assert states(session, campaign) == {("granted", None): 2, ("skipped", "ended"): 4}
    assert messages(session, campaign) == {("skipped", "campaign_ended"): 2}
    assert (campaign.state, campaign.granted) == ("ended", 2)
    run(session, now=now)
    assert len(grants(session, campaign)) == 2


def test_cancelling_before_the_start_reaches_nobody(session, plan):
    campaign = plan()
    services.end(session, campaign.id, by=OPERATOR, now=campaign.created_at)
    assert services.start_due(session, now=campaign.starts_at) is None
    assert states(session, campaign) == {}


@pytest.mark.parametrize("action", [services.pause, services.resume])
def test_what_is_over_cannot_be_paused_or_resumed(session, plan, action, now):
    campaign = plan()
    services.end(session, campaign.id, by=OPERATOR, now=now)
    with pytest.raises(NotPossible):
        action(session, campaign.id, by=OPERATOR, now=now)
    with pytest.raises(NotPossible):
        services.start(session, campaign.id, by=OPERATOR, now=now)


def test_who_did_what_stands_in_the_trail(session, plan, now):
    campaign = plan()
    services.start(session, campaign.id, by=OPERATOR, now=now)
    services.pause(session, campaign.id, by=OPERATOR, now=now)
    services.end(session, campaign.id, by=OPERATOR, now=now)
    session.flush()
    told = sa.select(AuditEntry.action).where(AuditEntry.subject_kind == "campaign").order_by(AuditEntry.id)
    assert session.scalars(told).all() == [
        "campaign.scheduled",
        "campaign.started",
        "campaign.paused",
        "campaign.ended",
    ]


def test_the_clock_is_told_when_to_look_again(session, plan, now):
    assert services.next_at(session, now=now) is None
    campaign = plan()
    assert services.next_at(session, now=now) == campaign.starts_at
    services.start(session, campaign.id, by=OPERATOR, now=now)
    assert services.next_at(session, now=now) > now


def test_everybody_is_somewhere_and_can_be_found(session, town, plan, now):
    name(session, town.fan_ids[2], "小雨Rain")
    campaign = plan()
    run(session, now=campaign.starts_at, batch=4)
    counted = queries.progress(session, campaign)
    assert (counted.targeted, counted.granted, counted.pending, counted.under_way) == (6, 6, 0, 6)
    page = queries.recipients(session, campaign, "granted", cursor=None)
    assert [one.fan_id for one in page.items] == sorted(town.fan_ids)
    assert {one.told for one in page.items} == {("pending", None)}
    (found,) = queries.lookup(session, campaign, "RAIN", with_patients=False)
    assert (found.fan_id, found.state) == (town.fan_ids[2], "granted")
    assert queries.recipients(session, campaign, "skipped:out_of_stock", cursor=None).items == []
    assert len(queries.recipients(session, campaign, "notice-pending", cursor=None).items) == 6
    assert queries.recipients(session, campaign, "redeemed", cursor=None).items == []
