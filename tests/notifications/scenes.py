"""What tests of messages stand on: an account with a wording, and messages on their way."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.notifications import services
from engage.notifications.models import Delivery
from engage.notifications.rules import KINDS
from engage.notifications.services import Message, Parcel
from engage.wechat.outcomes import Outcome, Refused, Sent, Unheard
from tests.booking.scenes import Scene
from workers import events

SPENT = Refused(45009, "reach max api daily quota limit")
SILENCE, BUSY, TAKEN = Unheard("ReadTimeout"), Refused(-1, "system busy"), Sent(7_000_000_000_000_000_001)

TITLE = "预约通知"
CONTENT = "门店：{{thing1.DATA}}\n医生：{{thing2.DATA}}\n时间：{{time3.DATA}}"
TEXTS = (("thing1", "{store}"), ("thing2", "{doctor|到店安排}"), ("time3", "{time}"))
BINDING = "公众号：{{thing1.DATA}}\n时间：{{time2.DATA}}"
BINDING_TEXTS = (("thing1", "{account}"), ("time2", "{time}"))
COUPON = "优惠券：{{thing1.DATA}}\n有效期至：{{date2.DATA}}"
COUPON_TEXTS = (("thing1", "{coupon}"), ("date2", "{valid_until}"))


def word(scene: Scene, *kinds: str, enabled: bool = True, texts: tuple[tuple[str, str], ...] = ()) -> None:
    """Word some kinds of messages, or all but the one of a first visit, which takes another's place."""
    with unit_of_work() as session:
        for kind in kinds or KINDS.keys() - {"appointment_first"}:
            content, usual = _usual(kind)
            services.set_wording(
                session,
                scene.account_id,
                kind,
                template_id=f"template-{kind}",
                title=TITLE,
                content=content,
                fields=[{"key": key, "text": text} for key, text in texts or usual],
                enabled=enabled,
                by=OPERATOR,
                now=clock.now(),
            )


def _usual(kind: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Give a template's content and texts that suit a kind."""
    placeholders = KINDS[kind].placeholders
    if "store" in placeholders:
        return CONTENT, TEXTS
    return (COUPON, COUPON_TEXTS) if "coupon" in placeholders else (BINDING, BINDING_TEXTS)


def write(scene: Scene, subject: int = 1, *, now: dt.datetime, expires_at: dt.datetime | None = None) -> None:
    """Write a message down."""
    message = Message(
        "appointment_created",
        "template",
        subject,
        1,
        scene.account_id,
        scene.fan_ids[0],
        "template",
        {"thing1": "徐汇店"},
        "/p",
        TITLE,
        "门店：徐汇店",
        scene.patient_ids[0],
        expires_at,
    )
    with unit_of_work() as session:
        services.write(session, message, now=now)


def take(*, now: dt.datetime) -> tuple[services.Claim, Parcel] | None:
    """Claim the message that is due, as a worker does."""
    with unit_of_work() as session:
        claimed, parcels = services.claim(session, now=now, batch=5)
    return (claimed, parcels[0]) if parcels else None


def out(parcel: Parcel, *, now: dt.datetime) -> bool:
    """Let a claimed message out."""
    with unit_of_work() as session:
        return services.let_out(session, parcel, now=now)


def run(outcomes: list[Outcome], now: dt.datetime) -> int:
    """Let the tries end so, each when it is due; gives how many were made."""
    for number, outcome in enumerate(outcomes):
        taken = take(now=now)
        if taken is None:
            return number
        claimed, parcel = taken
        assert out(parcel, now=now)
        with unit_of_work() as session:
            services.settle(session, claimed, {parcel.id: outcome}, now=now)
            due_at = services.next_at(session)
        if due_at is None:
            return number + 1
        now = due_at
    return len(outcomes)


def withdraw(subject: int = 1, *, now: dt.datetime) -> None:
    """Withdraw what was written of a subject, as a change of it does."""
    with unit_of_work() as session:
        services.withdraw(session, ("appointment_created",), subject, now=now)


def states() -> list[tuple[str, str, str | None]]:
    """Give kind, state and reason of every message, in the order in which they were written."""
    with unit_of_work() as session:
        rows = session.execute(
            sa.select(Delivery.kind, Delivery.state, Delivery.reason).order_by(Delivery.id)
        )
        return [tuple(row) for row in rows]


def state() -> tuple[str, str | None]:
    """Give state and reason of the one message."""
    ((_kind, state, reason),) = states()
    return state, reason


def react() -> None:
    """Let what was recorded have its consequences."""
    events.drain()
