"""Messages to many: worded once, written once each, sent in bundles, paused, closed, paced (ADR 0012)."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import NotFound
from engage.notifications import queries, services
from engage.notifications.models import Bundle, Delivery, Pace
from engage.notifications.services import NewBatch, batches, pace
from engage.notifications.services.pace import Limits
from engage.wechat.outcomes import NotSent, Outcome, Refused, Sent, Unheard
from engage.wechat.rules import day_ends_at
from tests.booking.scenes import Scene
from tests.notifications import crowds
from tests.notifications.crowds import KIND, VALUES, became, strangers
from tests.notifications.scenes import BUSY, SILENCE, SPENT, out, take, word
from tests.notifications.scenes import write as write_single

FREE = Limits(per_second=10_000, per_day=100_000)
GONE = Refused(43004, "require subscribe")


def claim(batch_id: int, *, now: dt.datetime, allowed: Limits = FREE) -> services.Load | None:
    with unit_of_work() as session:
        return services.claim_bulk(session, batch_id, allowed, now=now)


def settle(load: services.Load, outcomes: dict[int, Outcome | NotSent], *, now: dt.datetime) -> None:
    with unit_of_work() as session:
        services.settle_bulk(session, load, outcomes, now=now)


def send(batch_id: int, outcome: Outcome | NotSent | None = None, *, now: dt.datetime) -> int:
    """Let a worker send the next load, all of it with one outcome; gives how many it was."""
    load = claim(batch_id, now=now)
    if load is None:
        return 0
    made = {one.id: outcome or Sent(10**15 + one.id) for one in load.addressees}
    settle(load, made, now=now)
    return len(made)


def next_at(now: dt.datetime) -> dt.datetime | None:
    with unit_of_work() as session:
        return services.next_bulk_at(session, now=now)


@pytest.fixture
def batch(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> int:
    """An open batch with messages to 25 fans, in bundles of ten."""
    monkeypatch.setattr(batches, "BUNDLE", 10)
    batch_id = crowds.open_batch(scene)
    assert crowds.write(batch_id, strangers(scene, 25)) == 25
    return batch_id


def test_it_is_worded_once_as_the_account_does(scene):
    batch_id = crowds.open_batch(scene)
    crowds.write(batch_id, strangers(scene, 2))
    load = claim(batch_id, now=clock.now())
    assert load.fields == {"thing1": "洗牙抵扣券", "date2": "2026-12-31 23:59"}
    assert (load.template_id, load.page) == (f"template-{KIND}", f"/p/{scene.account_slug}/coupons")
    with unit_of_work() as session:
        row = session.scalars(sa.select(Delivery).limit(1)).one()
        assert (row.fields, row.text) == ({}, None)
        assert queries.as_read(session, row).text == "优惠券：洗牙抵扣券\n有效期至：2026-12-31 23:59"


@pytest.mark.parametrize(
    ("worded", "reason"),
    [
        (None, "no_template"),
        ({"enabled": False}, "switched_off"),
        ({"texts": (("thing1", "{coupon}"), ("amount2", "{coupon}"))}, "bad_wording"),
    ],
)
def test_why_there_is_none(scene, worded, reason, monkeypatch):
    if worded is not None:
        monkeypatch.setattr("engage.notifications.fields.problems", lambda *_: {})
        word(scene, KIND, **worded)
    with unit_of_work() as session:
        new = NewBatch(KIND, 1, scene.account_id, VALUES, "coupons")
        assert services.open_batch(session, new, now=clock.now()) == (None, reason)


def test_each_fan_is_written_to_once_however_often_it_is_asked(scene):
    fan_ids, batch_id = strangers(scene, 7), crowds.open_batch(scene)
    assert crowds.write(batch_id, fan_ids[:5]) == 5
    assert crowds.write(batch_id, [*fan_ids, fan_ids[0]]) == 2
    other = crowds.open_batch(scene)  # of the same thing, as of another day
    assert crowds.write(other, fan_ids) == 0
    assert became() == {("pending", None): 7}


def test_who_left_is_skipped_and_who_is_no_fan_of_the_account_gets_nothing(scene):
    batch_id = crowds.open_batch(scene)
    gone = strangers(scene, 2, following=False)
    assert crowds.write(batch_id, [*strangers(scene, 3), *gone, 10**9]) == 5
    assert became() == {("pending", None): 3, ("skipped", "not_following"): 2}


def test_a_reason_skips_all(scene):
    batch_id = crowds.open_batch(scene)
    with unit_of_work() as session:
        services.write_many(session, batch_id, strangers(scene, 3), now=clock.now(), skip="superseded")
    assert became() == {("skipped", "superseded"): 3}
    assert next_at(clock.now()) is None


def test_a_batch_that_is_not_there(scene):
    with unit_of_work() as session, pytest.raises(NotFound):
        services.write_many(session, 10**9, [], now=clock.now())


def test_all_go_out_in_bundles(batch):
    now = clock.now()
    assert [send(batch, now=now) for _ in range(4)] == [10, 10, 5, 0]
    assert became() == {("sent", None): 25}
    assert next_at(now) is None
    with unit_of_work() as session:
        assert not queries.under_way(session, [batch])
        assert services.open_batches(session, now=now) == []
        first = session.scalars(sa.select(Delivery).order_by(Delivery.id).limit(1)).one()
        assert (first.first_tried_at, first.sent_at, first.available_at) == (now, now, None)


def test_two_workers_have_different_messages(batch):
    now = clock.now()
    loads = [claim(batch, now=now) for _ in range(4)]
    assert loads.pop() is None
    ids = [one.id for load in loads for one in load.addressees]
    assert len(ids) == len(set(ids)) == 25


@pytest.mark.parametrize(
    ("outcomes", "ends"),
    [
        ([SILENCE, Sent(1)], ("sent", None)),
        ([BUSY, BUSY, Sent(1)], ("sent", None)),
        ([Refused(40001, "invalid credential"), Sent(1)], ("sent", None)),
        ([GONE], ("failed", "43004 require subscribe")),
        ([Refused(47003, "argument invalid")], ("failed", "47003 argument invalid")),
        ([BUSY] * 8, ("failed", "-1 system busy")),
        ([SPENT, SPENT, Sent(1)], ("sent", None)),
        ([SPENT] * 12 + [Sent(1)], ("sent", None)),
        ([NotSent()] * 12 + [Sent(1)], ("sent", None)),
        ([SILENCE, SPENT], ("unknown", "45009 reach max api daily quota limit")),
        ([SILENCE, GONE], ("unknown", "43004 require subscribe")),
        ([SILENCE] * 5, ("unknown", "no_answer")),
        ([Refused(40164, "invalid ip"), Sent(1)], ("sent", None)),
    ],
)
def test_what_becomes_of_a_message(scene, outcomes, ends):
    batch_id, now = crowds.open_batch(scene), clock.now()
    crowds.write(batch_id, strangers(scene, 1), now=now)
    for outcome in outcomes:
        if became().keys() == {ends}:
            break
        assert send(batch_id, outcome, now=now) == 1
        now = next_at(now) or now
    assert became() == {ends: 1}
    assert next_at(now) is None


def test_each_of_a_bundle_ends_by_itself(batch):
    now = clock.now()
    load = claim(batch, now=now)
    ids = [one.id for one in load.addressees]
    kinds = [Sent(7), GONE, BUSY, Unheard("ReadTimeout"), NotSent()]
    settle(load, dict(zip(ids, kinds, strict=False)), now=now)
    assert became() == {
        ("sent", None): 1,
        ("failed", "43004 require subscribe"): 1,
        ("pending", "-1 system busy"): 1,
        ("sending", "unheard"): 1,
        ("pending", None): 21,
    }
    with unit_of_work() as session:
        assert session.scalar(sa.select(Pace.used)) == 4
    assert sum(send(batch, now=now) for _ in range(4)) == 21
    assert send(batch, now=now + dt.timedelta(seconds=3)) == 2


def test_what_a_dead_worker_had_is_sent_again_in_time_and_never_later(batch):
    now = clock.now()
    claim(batch, now=now)
    assert next_at(now) is not None
    later = now + dt.timedelta(seconds=61)
    loads = [claim(batch, now=later) for _ in range(3)]
    tried = {one.first_tried_at for load in loads for one in load.addressees}
    assert tried == {now, None}
    with unit_of_work() as session:
        lost = session.scalars(sa.select(Delivery.first_tried_at).where(Delivery.state == "sending"))
        assert lost.all() == [now] * 10
    too_late = now + dt.timedelta(minutes=9)
    assert send(batch, now=too_late) + send(batch, now=too_late) + send(batch, now=too_late) == 15
    assert became() == {("unknown", "no_answer"): 10, ("sent", None): 15}


def test_a_worker_that_slept_past_its_lease_settles_nothing(batch):
    now = clock.now()
    slow = claim(batch, now=now)
    later = now + dt.timedelta(seconds=61)
    with unit_of_work() as session:
        session.execute(sa.update(Bundle).where(Bundle.lease.is_(None)).values(available_at=None))
    fast = claim(batch, now=later)
    assert fast.bundle_id == slow.bundle_id
    settle(slow, {one.id: GONE for one in slow.addressees}, now=later)
    assert ("failed", "43004 require subscribe") not in became()
    settle(fast, {one.id: Sent(one.id) for one in fast.addressees}, now=later)
    assert became()[("sent", None)] == 10


def test_a_paused_batch_waits_and_goes_on(batch):
    now = clock.now()
    load = claim(batch, now=now)
    with unit_of_work() as session:
        services.pause(session, [batch])
        assert not services.is_open(session, batch)
        assert services.open_batches(session, now=now) == []
    assert claim(batch, now=now) is None
    assert next_at(now) is None
    settle(load, {load.addressees[0].id: Sent(1)}, now=now)  # the rest did not go out
    assert became() == {("sent", None): 1, ("pending", None): 24}
    with unit_of_work() as session:
        services.resume(session, [batch], now=now)
    assert sum(send(batch, now=now) for _ in range(4)) == 24


def test_a_closed_batch_ends_also_what_a_worker_has_out(batch):
    now = clock.now()
    load = claim(batch, now=now)
    with unit_of_work() as session:
        services.close(session, [batch], now=now)
    assert became() == {("skipped", "campaign_ended"): 15, ("pending", None): 10}
    ids = [one.id for one in load.addressees]
    settle(load, {ids[0]: Sent(1), ids[1]: Unheard("ReadTimeout"), ids[2]: BUSY}, now=now)
    assert became() == {
        ("sent", None): 1,
        ("unknown", "no_answer"): 1,
        ("skipped", "campaign_ended"): 23,
    }
    with unit_of_work() as session:
        services.resume(session, [batch], now=now)
        assert not services.is_open(session, batch)
        assert not queries.under_way(session, [batch])


def test_what_a_dead_worker_had_of_a_closed_batch_ends(batch):
    """A worker is killed with a bundle out, and somebody ends the campaign: nobody comes for it."""
    now = clock.now()
    dead = claim(batch, now=now)
    with unit_of_work() as session:
        services.close(session, [batch], now=now)
    lease_over = next_at(now)
    assert lease_over == now + dt.timedelta(seconds=60)
    with unit_of_work() as session:
        services.end_lost(session, now=now)
    assert became()[("pending", None)] == 10  # it may still be at work
    with unit_of_work() as session:
        services.end_lost(session, now=lease_over)
    assert became() == {("unknown", "no_answer"): 10, ("skipped", "campaign_ended"): 15}
    assert next_at(lease_over) is None
    settle(dead, {one.id: Sent(one.id) for one in dead.addressees}, now=lease_over)
    assert became()[("unknown", "no_answer")] == 10


def test_progress_is_counted_from_rows(batch):
    now = clock.now()
    send(batch, now=now)
    claim(batch, now=now)
    with unit_of_work() as session:
        assert queries.progress(session, KIND, 1) == {"sent": 10, "sending": 10, "pending": 5}
        assert queries.progress(session, KIND, 2) == {}
    send(batch, GONE, now=now)
    with unit_of_work() as session:
        assert queries.reasons(session, KIND, 1) == {("failed", "43004 require subscribe"): 5}
        fan_id = session.scalar(sa.select(Delivery.fan_id).where(Delivery.state == "failed").limit(1))
        assert queries.told(session, KIND, 1, [fan_id]) == {fan_id: ("failed", "43004 require subscribe")}


def test_the_statements_are_as_many_for_five_hundred_as_for_five(scene, count_queries):
    counts = []
    for number, size in enumerate((1, 5, 500)):  # the first of an account makes its pace
        batch_id = crowds.open_batch(scene, subject=number)
        fan_ids = crowds.crowd(scene, [f"o-{number}-{place}" for place in range(size)])
        now = clock.now()
        with count_queries() as counted:
            crowds.write(batch_id, fan_ids, now=now)
            load = claim(batch_id, now=now)
            ids = [one.id for one in load.addressees]
            mixed = {key: GONE if place % 2 else Sent(10**10 * number + key) for place, key in enumerate(ids)}
            settle(load, mixed, now=now)
        counts.append(counted.n)
    assert counts[1] == counts[2] <= 15


def test_no_more_than_the_pace_allows(scene):
    allowed, now = Limits(per_second=10, per_day=1000), clock.now()
    with unit_of_work() as session:
        assert pace.take(session, scene.account_id, 500, allowed, now=now) == 10
        assert pace.take(session, scene.account_id, 500, allowed, now=now) == 0
        later = now + dt.timedelta(seconds=0.5)
        assert pace.take(session, scene.account_id, 500, allowed, now=later) == 5
        much_later = now + dt.timedelta(hours=1)
        assert pace.take(session, scene.account_id, 500, allowed, now=much_later) == 20  # two seconds' worth


def test_the_target_rate_is_kept_over_a_minute(scene):
    """A worker that comes once a second, now and then late, sends what the rate says (P17)."""
    allowed, begun = Limits(per_second=200, per_day=100_000), clock.now()
    sent = 0
    with unit_of_work() as session:
        for tick in range(1, 61):
            late = 0.6 if tick % 7 == 0 else 0.0
            now = begun + dt.timedelta(seconds=tick + late)
            sent += pace.take(session, scene.account_id, 500, allowed, now=now)
    assert abs(sent - 200 * 60) <= 0.02 * 200 * 60


def test_the_days_reserve_is_left_alone_and_the_rest_carried_to_the_next_day(scene):
    crowds.allow(quota=30, reserve=10)
    now = clock.now()
    fan_ids, batch_id = strangers(scene, 25), crowds.open_batch(scene)
    crowds.write(batch_id, fan_ids, now=now)
    for subject in range(4):
        write_single(scene, subject, now=now)
        _claimed, parcel = take(now=now)
        assert out(parcel, now=now)  # single messages count, and ask nobody
    with unit_of_work() as session:
        allowed = services.limits(session)
    load = claim(batch_id, now=now, allowed=allowed)
    assert len(load.addressees) == 16
    settle(load, {one.id: Sent(one.id) for one in load.addressees}, now=now)
    assert claim(batch_id, now=now, allowed=allowed) is None
    tomorrow = day_ends_at(now)
    assert next_at(now) == tomorrow
    with unit_of_work() as session:
        assert services.spent(session, now=now) == {scene.account_id}
        assert services.spent(session, now=tomorrow) == frozenset()
    load = claim(batch_id, now=tomorrow, allowed=allowed)
    assert len(load.addressees) == 9


def test_a_spent_quota_holds_the_account_until_midnight_in_china(batch):
    now = clock.now()
    load = claim(batch, now=now)
    settle(load, {load.addressees[0].id: SPENT}, now=now)
    assert claim(batch, now=now) is None
    assert next_at(now) == day_ends_at(now)
    with unit_of_work() as session:
        assert len(services.spent(session, now=now)) == 1
    assert sum(send(batch, now=day_ends_at(now)) for _ in range(4)) == 25


@pytest.mark.parametrize(
    ("refused", "seconds"), [(Refused(40125, "invalid appsecret"), 60), (Refused(-1, "no token"), 10)]
)
def test_nothing_goes_out_for_a_while_where_there_is_no_token(batch, refused, seconds):
    now = clock.now()
    load = claim(batch, now=now)
    with unit_of_work() as session:
        services.settle_bulk(session, load, {}, now=now, refused=refused)
    assert claim(batch, now=now) is None
    assert next_at(now) == now + dt.timedelta(seconds=seconds)
    with unit_of_work() as session:
        assert services.spent(session, now=now) == frozenset()  # it passes; the day's calls are there
    assert became() == {("pending", None): 25}


def test_a_finish_event_settles_them_as_all_others(batch, scene):
    now = clock.now()
    load = claim(batch, now=now)
    settle(load, {one.id: Sent(one.id) for one in load.addressees}, now=now)
    first, second = (one.id for one in load.addressees[:2])
    with unit_of_work() as session:
        assert services.finished(session, scene.account_id, first, "success", now=now)
        assert services.finished(session, scene.account_id, second, "failed:user block", now=now)
    counted = became()
    assert (counted["delivered", None], counted["failed", "user block"]) == (1, 1)
