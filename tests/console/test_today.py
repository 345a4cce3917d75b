"""Today: what each role sees of the day, and that it costs the same however much there is."""

from __future__ import annotations

import datetime as dt
import re
import uuid

import pytest

from engage.accounts.services import NewAccount
from engage.accounts.services import connect as connect_account
from engage.audit.services import OPERATOR
from engage.booking import queries as booking
from engage.booking import services as visits
from engage.campaigns import services as campaigns
from engage.campaigns.services import NewPush
from engage.chat import queries as chats
from engage.chat import services as chat
from engage.coupons import services as coupons
from engage.coupons.rules import CASH, Terms
from engage.coupons.services import NewCoupon
from engage.fans import queries as fan_queries
from engage.fans import services as fans
from engage.inbound import services as inbound
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.replies.book import EMPTY
from engage.wechat import messages
from tests.booking.scenes import AES_KEY
from tests.console.conftest import Desk, words
from tests.contracts.callers import log_in_directly
from tests.wechat import pushes

ZONE = "Asia/Shanghai"


def heard(desk: Desk, openid: str, text: str, *, account_id: int | None = None, ago: int = 0) -> int:
    """Let a fan write so many minutes ago; gives the conversation's id."""
    at, number = clock.now() - dt.timedelta(minutes=ago), uuid.uuid4().hex
    rest = f"<Content>{text}</Content><MsgId>{int(number[:12], 16)}</MsgId>"
    body = pushes.message(openid, rest=rest, at=int(at.timestamp()))
    message, account_id = messages.parse(body), account_id or desk.scene.account_id
    with tenant_scope(desk.scene.chain.id):
        push = inbound.arrived(account_id, message, timestamp=number, nonce="1", body=body, xml=body)
        inbound.receive(push, message, book=EMPTY, now=at)
        with unit_of_work() as session:
            fan = fan_queries.by_openid(session, account_id, openid)
            assert fan
            fans.record_profile(session, fan.id, nickname=f"N-{openid}", avatar=None, now=at)
            found = chats.of_fan(session, fan.id)
    assert found
    return found


def planned(desk: Desk, name: str = "P-spring") -> int:
    """Plan a push for tomorrow; gives its id."""
    now = clock.now()
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        new = NewCoupon("C-spring", Terms(CASH, amount_minor=50_00, valid_days=30))
        coupon = coupons.create(session, new, by=desk.owner_actor, now=now)
        coupons.publish(session, coupon.id, online=True, offline=False, by=desk.owner_actor, now=now)
        push = NewPush(name, coupon.id, None, now + dt.timedelta(days=1))
        return campaigns.schedule(session, push, by=desk.owner_actor, now=now).id


def of_another_store(desk: Desk) -> int:
    """Connect an account of the second store; gives its id."""
    new = NewAccount(
        app_id=f"wx{uuid.uuid4().hex[:16]}",
        slug=f"s{uuid.uuid4().hex[:8]}",
        name="Pudong",
        secret="s",
        token="t",
        encoding_aes_key=AES_KEY,
        store_id=desk.other_store_id,
    )
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        return connect_account(session, new, by=OPERATOR, now=clock.now()).id


def today(desk: Desk, *roles: str, app, store_id: int | None = None) -> str:
    person = log_in_directly(app, desk.scene.chain, *roles, store_id=store_id)
    return words(person.client.get("/console/"))


@pytest.mark.parametrize(
    ("role", "sees", "misses"),
    [
        ("owner", ["Appointments", "Waiting for an answer", "Campaigns", "New fans", "Visits"], []),
        ("agent", ["Appointments", "Waiting for an answer"], ["P-spring", "New fans"]),
        ("marketer", ["P-spring", "C-spring", "New fans"], ["No appointments", "N-early", "Visits"]),
        ("doctor", ["Appointments"], ["N-early", "P-spring", "New fans"]),
        ("accountant", ["Nothing to do here"], ["Appointments today", "N-early", "P-spring", "New fans"]),
    ],
)
def test_a_role_sees_what_it_works_with(desk: Desk, app, role, sees, misses) -> None:
    heard(desk, "early", "hello")
    planned(desk)
    shown = today(desk, role, app=app)
    for text in sees:
        assert text in shown
    for text in misses:
        assert text not in shown


def test_who_waits_longest_stands_first_and_leads_to_the_conversation(desk: Desk) -> None:
    late, early = heard(desk, "late", "just now", ago=3), heard(desk, "early", "long ago", ago=45)
    page = desk.owner.client.get("/console/").text
    assert re.findall(r'class="waiter" href="([^"]+)"', page) == [
        f"/console/chats/{early}",
        f"/console/chats/{late}",
    ]
    assert re.findall(r'class="state tone-(\w+)"', page.split('class="waiters"')[1])[:2] == ["bad", "waiting"]
    assert desk.owner.client.get(f"/console/chats/{early}").status_code == 200


def test_who_is_answered_waits_no_more(desk: Desk) -> None:
    conversation_id = heard(desk, "early", "hello")
    assert "N-early" in words(desk.owner.client.get("/console/today/waiting"))
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        chat.reply(
            session,
            conversation_id,
            text="hello",
            key=uuid.uuid4(),
            seen=chats.locked(session, conversation_id).seq,
            by_staff=desk.owner.id,
            now=clock.now(),
        )
    shown = words(desk.owner.client.get("/console/today/waiting"))
    assert "N-early" not in shown
    assert "Nobody waits" in shown


def test_conversations_of_another_stores_account_are_not_shown(desk: Desk, app) -> None:
    there = of_another_store(desk)
    heard(desk, "mine", "hello")
    heard(desk, "theirs", "hello", account_id=there)
    person = log_in_directly(app, desk.scene.chain, "agent", store_id=desk.scene.chain.store.id)
    shown = words(person.client.get("/console/"))
    assert "N-mine" in shown
    assert "N-theirs" not in shown
    assert "N-theirs" in words(desk.owner.client.get("/console/"))


def test_a_campaign_leads_to_its_page(desk: Desk) -> None:
    push_id = planned(desk)
    page = desk.owner.client.get("/console/")
    assert f'href="/console/campaigns/{push_id}"' in page.text
    assert "Scheduled" in words(page)


def test_campaigns_of_all_stores_are_not_for_a_manager_of_one(desk: Desk, app) -> None:
    planned(desk)
    person = log_in_directly(app, desk.scene.chain, "manager", store_id=desk.scene.chain.store.id)
    assert "P-spring" not in words(person.client.get("/console/"))
    assert person.client.get("/console/today/campaigns").status_code == 403


def test_weeks_count_what_was_booked_and_what_took_place(desk: Desk) -> None:
    appointment_id = desk.book()
    desk.book_elsewhere()
    chain, opens_at = desk.scene.chain, desk.scene.opens_at
    with tenant_scope(chain.id), unit_of_work() as session:
        visits.act(session, appointment_id, "check_in", by=desk.owner_actor, now=opens_at)
        span = {"begin": opens_at - dt.timedelta(days=14), "end": opens_at + dt.timedelta(days=1)}
        everywhere = booking.weeks(session, **span, zone=ZONE, store_ids=None)
        here = booking.weeks(session, **span, zone=ZONE, store_ids=frozenset({chain.store.id}))
        before = booking.weeks(session, **span | {"end": opens_at}, zone=ZONE, store_ids=None)
    day = clock.local(opens_at, ZONE).date()
    monday = day - dt.timedelta(days=day.weekday())
    assert everywhere == {monday: booking.Week(booked=2, came=1)}
    assert here == {monday: booking.Week(booked=1, came=1)}
    assert before == {}


def test_a_person_is_new_in_the_week_they_were_seen_first(desk: Desk) -> None:
    # Sunday 23:30 and Monday 00:30 in Shanghai, both Sunday in UTC.
    sunday = dt.datetime(2026, 11, 15, 15, 30, tzinfo=dt.UTC)
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        for openid, at in (("a", sunday), ("b", sunday + dt.timedelta(hours=1))):
            fans.recognise(session, desk.scene.account_id, openid, now=at)
            fans.recognise(session, desk.scene.account_id, openid, now=at + dt.timedelta(days=20))
        found = fan_queries.new_by_week(
            session, begin=sunday - dt.timedelta(days=1), end=sunday + dt.timedelta(days=2), zone=ZONE
        )
    assert found == {dt.date(2026, 11, 9): 1, dt.date(2026, 11, 16): 1}


def test_the_page_costs_the_same_however_many_wait(desk: Desk, count_queries) -> None:
    heard(desk, "first", "hello")
    planned(desk, "first")
    desk.owner.client.get("/console/")
    with count_queries() as few:
        assert desk.owner.client.get("/console/").status_code == 200
    for number in range(4):
        heard(desk, f"further-{number}", "hello")
        planned(desk, f"further-{number}")
    with count_queries() as more:
        assert desk.owner.client.get("/console/").status_code == 200
    assert more.n == few.n
