"""Messages: written once, never sent twice, each ends with a reason (NT-4)."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.accounts import services as accounts
from engage.inbound import rules
from engage.inbound import services as inbound
from engage.kernel import clock, leases
from engage.kernel.db import tenant_scope, unit_of_work
from engage.notifications import services
from engage.notifications.models import Delivery
from engage.notifications.rules import Refused, Sent, Unheard
from engage.notifications.services import Message
from engage.wechat import messages
from tests.booking.scenes import make_scene
from workers import pushes

SPENT = Refused(45009, "reach max api daily quota limit")
SILENCE, BUSY, TAKEN = Unheard("ReadTimeout"), Refused(-1, "system busy"), Sent(7_000_000_000_000_000_001)


@pytest.fixture
def scene(chain):
    """An account with fans, inside the chain's scope."""
    made = make_scene(chain)
    with tenant_scope(chain.id):
        yield made


def write(scene, subject: int = 1, *, now: dt.datetime) -> None:
    """Write a message down."""
    account, fan = scene.account_id, scene.fan_ids[0]
    message = Message("appointment_created", "template", subject, 1, account, fan, "template", {}, "/p")
    with unit_of_work() as session:
        services.write(session, message, now=now)


def run(outcomes: list, now: dt.datetime) -> int:
    """Let the tries end so, each when it is due; gives how many were made."""
    for number, outcome in enumerate(outcomes):
        with unit_of_work() as session:
            claimed, parcels = services.claim(session, now=now, batch=5)
        if not parcels:
            return number
        with unit_of_work() as session:
            services.settle(session, claimed, {parcels[0].id: outcome}, now=now)
            due_at = services.next_at(session)
        if due_at is None:
            return number + 1
        now = due_at
    return len(outcomes)


def state() -> tuple[str, str | None]:
    """Give state and reason of the one message."""
    with unit_of_work() as session:
        return session.execute(sa.select(Delivery.state, Delivery.reason)).one()


@pytest.mark.parametrize(
    ("outcomes", "tries", "ends"),
    [
        ([TAKEN], 1, "sent"),
        ([SILENCE, TAKEN], 2, "sent"),
        ([BUSY, BUSY, TAKEN], 3, "sent"),
        ([Refused(40001, "invalid credential"), TAKEN], 2, "sent"),
        ([Refused(43004, "require subscribe")], 1, "failed"),
        ([Refused(47003, "argument invalid")], 1, "failed"),
        ([BUSY] * 8, 8, "failed"),
        ([SPENT, SPENT, TAKEN], 3, "sent"),
        ([SPENT] * 12 + [TAKEN], 13, "sent"),
        ([SILENCE, SPENT, TAKEN], 2, "unknown"),
        ([Refused(40164, "invalid ip"), TAKEN], 2, "sent"),
        ([Refused(50002, "user limited"), TAKEN], 1, "failed"),
    ],
)
def test_what_becomes_of_a_message(scene, outcomes, tries, ends):
    now = clock.now()
    write(scene, now=now)
    assert run(outcomes, now) == tries
    assert state()[0] == ends


def test_a_spent_quota_is_waited_for_until_wechats_next_day(scene):
    now = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
    write(scene, now=now)
    run([SPENT], now)
    with unit_of_work() as session:
        assert services.next_at(session) == dt.datetime(
            2026, 11, 22, 16, 0, tzinfo=dt.UTC
        )  # midnight in China


def test_a_message_that_may_have_arrived_is_not_sent_again_after_ten_minutes(scene):
    now = clock.now()
    write(scene, now=now)
    assert run([SILENCE, BUSY, BUSY, BUSY, BUSY, TAKEN], now) < 6
    assert state() == ("unknown", "no_answer")


def test_a_message_is_written_once(scene):
    for _ in range(2):
        write(scene, now=clock.now())
    with unit_of_work() as session:
        assert session.scalar(sa.select(sa.func.count(Delivery.id))) == 1


def test_a_customer_service_message_is_never_sent_twice(scene):
    now = clock.now()
    with unit_of_work() as session:
        late = services.late_reply(1, scene.account_id, scene.fan_ids[0], "欢迎")
        services.write(session, late, now=now)
    assert run([BUSY, SILENCE, TAKEN], now) == 2
    assert state() == ("unknown", "no_answer")


def test_a_customer_service_message_does_not_wait_for_tomorrow(scene):
    with unit_of_work() as session:
        late = services.late_reply(1, scene.account_id, scene.fan_ids[0], "欢迎")
        services.write(session, late, now=clock.now())
    assert run([SPENT, TAKEN], clock.now()) == 1
    assert state()[0] == "failed"


def test_receipts_of_others_messages_hold_nobody_up(scene, monkeypatch):
    monkeypatch.setattr(leases, "BATCH", 5)
    now = clock.now()
    write(scene, now=now)
    run([TAKEN], now)
    for msg_id in [*range(1, 8), 10**25, TAKEN.msg_id]:
        _receipt(scene.account_id, msg_id)
    pushes.drain()
    assert state() == ("delivered", None)


def test_a_drain_comes_to_an_end_while_receipts_wait(scene, monkeypatch):
    """Receipts of others' messages, more than a batch, due again at once."""
    monkeypatch.setattr(leases, "BATCH", 5)
    monkeypatch.setattr(rules, "receipt_again_at", lambda _received_at, now: now)
    for msg_id in range(1, 20):
        _receipt(scene.account_id, msg_id)
    pushes.drain()
    with unit_of_work() as session:
        assert accounts.next_at(session) is not None


def test_receipts_are_looked_at_ever_more_seldom():
    begun, now, looks = clock.now(), clock.now(), 0
    while again_at := rules.receipt_again_at(begun, now):
        looks, now = looks + 1, again_at
    assert 10 <= looks <= 25
    assert rules.RECEIPT_WAITS <= now - begun < 2 * rules.RECEIPT_WAITS


def test_receipts_of_others_messages_are_let_go(scene, monkeypatch):
    _receipt(scene.account_id, 1)
    pushes.drain()
    with unit_of_work() as session:
        again_at = accounts.next_at(session)
    assert again_at > clock.now()
    later = clock.now() + rules.RECEIPT_WAITS
    monkeypatch.setattr(clock, "now", lambda: later)
    pushes.drain()
    with unit_of_work() as session:
        assert accounts.next_at(session) is None


def _receipt(account_id: int, msg_id: int) -> None:
    xml = (
        "<xml><ToUserName>gh</ToUserName><FromUserName>o</FromUserName><CreateTime>1</CreateTime>"
        "<MsgType>event</MsgType><Event>TEMPLATESENDJOBFINISH</Event>"
        f"<MsgID>{msg_id}</MsgID><Status>success</Status></xml>"
    ).encode()
    message = messages.parse(xml)
    push = inbound.arrived(account_id, message, timestamp="1", nonce=str(msg_id), body=xml, xml=xml)
    with unit_of_work() as session:
        inbound.put_off(session, push, late=False, now=clock.now())
