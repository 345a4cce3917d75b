"""Messages: written once, never sent twice, withdrawn when overtaken, each ends with a reason (NT-4)."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.accounts import services as accounts
from engage.audit.services import OPERATOR
from engage.inbound import rules
from engage.inbound import services as inbound
from engage.kernel import clock, leases
from engage.kernel.db import unit_of_work
from engage.kernel.errors import NotFound
from engage.notifications import queries, services
from engage.notifications.errors import NotUnknown, WrongWording
from engage.notifications.models import Delivery
from engage.wechat import messages
from engage.wechat.outcomes import Refused
from tests.notifications.scenes import (
    BUSY,
    CONTENT,
    SILENCE,
    SPENT,
    TAKEN,
    TEXTS,
    out,
    run,
    state,
    take,
    withdraw,
    word,
    write,
)
from workers import pushes


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
        ([SILENCE, Refused(43004, "require subscribe")], 2, "unknown"),
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
        late = services.late_reply(1, scene.account_id, scene.fan_ids[0], {"text": "欢迎"})
        services.write(session, late, now=now)
    assert run([BUSY, SILENCE, TAKEN], now) == 2
    assert state() == ("unknown", "no_answer")


def test_a_customer_service_message_does_not_wait_for_tomorrow(scene):
    with unit_of_work() as session:
        late = services.late_reply(1, scene.account_id, scene.fan_ids[0], {"text": "欢迎"})
        services.write(session, late, now=clock.now())
    assert run([SPENT, TAKEN], clock.now()) == 1
    assert state()[0] == "failed"


def test_a_claimed_message_that_is_withdrawn_is_not_let_out(scene):
    now = clock.now()
    write(scene, now=now)
    _claimed, parcel = take(now=now)
    withdraw(now=now)
    assert not out(parcel, now=now)
    assert state() == ("skipped", "superseded")


def test_without_the_condition_of_let_out_a_withdrawn_message_would_leave(scene):
    """The control: what asks for the row alone, as any sender did before, finds it."""
    now = clock.now()
    write(scene, now=now)
    _claimed, parcel = take(now=now)
    withdraw(now=now)
    with unit_of_work() as session:
        by_id = sa.update(Delivery).where(Delivery.id == parcel.id).values(state="sending")
        assert session.execute(by_id.returning(Delivery.id)).all()


def test_a_message_of_another_subject_or_kind_stays(scene):
    now = clock.now()
    write(scene, 1, now=now)
    withdraw(2, now=now)
    with unit_of_work() as session:
        services.withdraw(session, ("appointment_changed",), 1, now=now)
    assert run([TAKEN], now) == 1
    assert state() == ("sent", None)


@pytest.mark.parametrize(
    ("outcome", "ends"),
    [
        (TAKEN, ("sent", None)),
        (BUSY, ("skipped", "superseded")),
        (SPENT, ("skipped", "superseded")),
        (SILENCE, ("unknown", "superseded")),
    ],
)
def test_a_message_that_is_out_when_it_is_withdrawn_is_not_tried_again(scene, outcome, ends):
    now = clock.now()
    write(scene, now=now)
    claimed, parcel = take(now=now)
    assert out(parcel, now=now)
    withdraw(now=now)
    with unit_of_work() as session:
        services.settle(session, claimed, {parcel.id: outcome}, now=now)
        assert services.next_at(session) is None
    assert state() == ends


def test_a_message_that_may_have_arrived_is_not_repeated_once_withdrawn(scene):
    now = clock.now()
    write(scene, now=now)
    assert run([SILENCE], now) == 1
    withdraw(now=now)
    assert state() == ("unknown", "superseded")
    assert run([TAKEN], now + leases.LEASE) == 0


def test_a_worker_that_died_with_a_message_withdrawn_meanwhile(scene):
    now = clock.now()
    write(scene, now=now)
    _claimed, parcel = take(now=now)
    assert out(parcel, now=now)
    withdraw(now=now)
    assert take(now=now + leases.LEASE) is None
    assert state() == ("unknown", "superseded")


def test_a_worker_that_slept_past_its_lease_lets_nothing_out(scene):
    now = clock.now()
    write(scene, now=now)
    _claimed, parcel = take(now=now)
    assert not out(parcel, now=now + leases.LEASE)
    _again, taken = take(now=now + leases.LEASE)
    assert not out(parcel, now=now)
    assert out(taken, now=now + leases.LEASE)


@pytest.mark.parametrize(
    ("outcomes", "ends"),
    [([], "skipped"), ([BUSY], "skipped"), ([SPENT], "skipped"), ([SILENCE], "unknown")],
)
def test_a_message_is_not_sent_once_it_is_of_no_use(scene, outcomes, ends):
    now = clock.now()
    over = now + leases.backoff(1)
    write(scene, now=now, expires_at=over)
    run(outcomes, now)
    with unit_of_work() as session:
        due_at = services.next_at(session)
    assert take(now=max(due_at, over)) is None
    assert state() == (ends, "too_late")


@pytest.mark.parametrize("ends", ["delivered", "failed"])
def test_a_person_settles_what_nobody_knew_of(scene, ends):
    now = clock.now()
    write(scene, now=now)
    run([SILENCE], now)
    withdraw(now=now)
    with unit_of_work() as session:
        (delivery_id,) = session.scalars(sa.select(Delivery.id))
    with unit_of_work() as session:
        services.resolve(session, delivery_id, ends, by=OPERATOR, now=now)
    assert state() == (ends, "settled_by_staff")
    with pytest.raises(NotUnknown), unit_of_work() as session:
        services.resolve(session, delivery_id, "failed", by=OPERATOR, now=now)
    with pytest.raises(NotFound), unit_of_work() as session:
        services.resolve(session, delivery_id + 1000, "failed", by=OPERATOR, now=now)


def test_a_wording_is_kept_and_replaced(scene):
    word(scene, "appointment_created", enabled=False)
    word(scene, "appointment_created")
    with unit_of_work() as session:
        kept = queries.wordings(session)
    ((key, wording),) = kept.items()
    assert key == (scene.account_id, "appointment_created")
    assert (wording.enabled, wording.content) == (True, CONTENT)
    assert [(field["key"], field["text"]) for field in wording.fields] == list(TEXTS)


@pytest.mark.parametrize(
    ("texts", "wrong"),
    [
        ((("thing1", "{store}"), ("thing2", "{doctor}"), ("time3", "{store}")), {"time3"}),
        ((("thing1", "{patient}"), ("thing2", "x" * 21), ("time3", "{time}")), {"thing1", "thing2"}),
        ((("thing1", "{store}"), ("time3", "{time}")), {"thing2"}),
    ],
)
def test_a_wording_that_wechat_would_refuse_is_not_kept(scene, texts, wrong):
    with pytest.raises(WrongWording) as refused:
        word(scene, "appointment_created", texts=texts)
    assert set(refused.value.problems) == wrong


def test_a_wording_belongs_to_an_account_and_a_kind_that_are_there(scene):
    with pytest.raises(NotFound), unit_of_work() as session:
        _set(session, scene.account_id + 1000, "appointment_created")
    with pytest.raises(NotFound), unit_of_work() as session:
        _set(session, scene.account_id, "greeting")


def _set(session, account_id: int, kind: str) -> None:
    services.set_wording(
        session,
        account_id,
        kind,
        template_id="t",
        title="",
        content="",
        fields=[],
        enabled=True,
        by=OPERATOR,
        now=clock.now(),
    )


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
