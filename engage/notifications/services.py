"""Messages to patients: written as rows, claimed, sent with no transaction open, settled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.kernel import due, leases
from engage.kernel.db import Session
from engage.kernel.leases import Claim
from engage.kernel.settings import Setting
from engage.notifications import rules
from engage.notifications.models import Delivery
from engage.notifications.rules import Outcome, Refused, Sent
from engage.wechat.rules import Trouble, day_ends_at

QUEUE = "deliveries"

APPOINTMENT_CREATED = Setting("notifications.appointment_created", default=True)


@dataclass(frozen=True, slots=True)
class Message:
    """A message to be sent: what about, to whom, with which fields of the template or which text."""

    kind: str
    channel: str
    subject_id: int
    subject_version: int
    account_id: int
    fan_id: int
    template_id: str
    fields: dict[str, str]
    page: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed message, free of the session, for the sender."""

    id: int
    channel: str
    account_id: int
    fan_id: int
    template_id: str
    fields: dict[str, Any]
    page: str


def late_reply(push_id: int, account_id: int, fan_id: int, text: str) -> Message:
    """Give the customer-service message that replies to a push after its answer was due."""
    return Message(
        kind="late_reply",
        channel="custom",
        subject_id=push_id,
        subject_version=0,
        account_id=account_id,
        fan_id=fan_id,
        template_id="",
        fields={"text": text},
        page="",
    )


def write(session: Session, message: Message, *, now: dt.datetime, skip: str | None = None) -> None:
    """Write a message down once per kind, subject, version and fan; `skip` says why it is not to be sent."""
    written = session.scalar(
        insert(Delivery)
        .values(
            queue=QUEUE,
            kind=message.kind,
            channel=message.channel,
            subject_id=message.subject_id,
            subject_version=message.subject_version,
            account_id=message.account_id,
            fan_id=message.fan_id,
            template_id=message.template_id,
            fields=message.fields,
            page=message.page,
            state="skipped" if skip else "pending",
            reason=skip,
            created_at=now,
            available_at=None if skip else now,
            ended_at=now if skip else None,
        )
        .on_conflict_do_nothing(
            index_elements=["tenant_id", "kind", "subject_id", "subject_version", "fan_id"]
        )
        .returning(Delivery.id)
    )
    if written is not None and not skip:
        due.mark(session, QUEUE, at=now)


def claim(session: Session, *, now: dt.datetime, batch: int) -> tuple[Claim, Sequence[Parcel]]:
    """Take messages to send; commit before sending.

    A message whose first try is too long ago to be repeated safely becomes `unknown`: its finish
    event or a person settles it, it is never sent blindly (design §3.5).
    """
    claimed = leases.claim(session, Delivery, QUEUE, now=now, batch=batch)
    parcels = []
    for row in leases.held(session, Delivery, claimed):
        if not rules.may_repeat(row.channel, row.first_tried_at, now):
            leases.settle(row)
            row.state, row.reason = "unknown", "no_answer"
            continue
        row.state, row.first_tried_at = "sending", row.first_tried_at or now
        parcels.append(
            Parcel(row.id, row.channel, row.account_id, row.fan_id, row.template_id, row.fields, row.page)
        )
    return claimed, parcels


def settle(session: Session, claimed: Claim, outcomes: dict[int, Outcome], *, now: dt.datetime) -> None:
    """Record what became of each sent message; those claimed by another meanwhile are left alone."""
    for row in leases.held(session, Delivery, Claim(claimed.lease, list(outcomes))):
        outcome = outcomes[row.id]
        if isinstance(outcome, Sent):
            leases.settle(row)
            row.state, row.msg_id, row.sent_at = "sent", outcome.msg_id, now
        elif isinstance(outcome, Refused):
            _refused(row, outcome, now=now)
        else:
            leases.postpone(row, outcome.why, now=now)
            row.state, row.reason = "sending", outcome.why
            if row.available_at is None:
                row.state = "unknown"


def finished(session: Session, account_id: int, msg_id: int, status: str, *, now: dt.datetime) -> bool:
    """Settle the message that a finish event is about; False while no message has this id."""
    state, reason = rules.reason_of(status)
    settled = session.scalar(
        sa.update(Delivery)
        .where(Delivery.account_id == account_id, Delivery.msg_id == msg_id)
        .values(state=state, reason=reason, ended_at=now)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    return settled is not None


def next_at(session: Session) -> dt.datetime | None:
    """Give when the next message is due."""
    return leases.next_at(session, Delivery, QUEUE)


def _refused(row: Delivery, refusal: Refused, *, now: dt.datetime) -> None:
    row.reason = f"{refusal.errcode} {refusal.errmsg}"[:200]
    # The claim of the first try set both times at once; later ones only moved the lease.
    is_first_try = row.first_tried_at is not None and row.available_at == row.first_tried_at + leases.LEASE
    if refusal.trouble is Trouble.QUOTA and row.channel == "template":
        _wait_for_tomorrow(row, is_first_try=is_first_try, now=now)
        return
    if refusal.trouble in rules.NOT_NOW and leases.postpone(row, row.reason, now=now):
        if is_first_try:
            # Not taken for certain: the ten minutes of safe repeats have not begun.
            row.state, row.first_tried_at = "pending", None
        return
    leases.settle(row)
    row.state, row.ended_at = "failed", now


def _wait_for_tomorrow(row: Delivery, *, is_first_try: bool, now: dt.datetime) -> None:
    """The day's calls are spent. A customer-service message does not come here: its window would close."""
    if is_first_try:
        row.state, row.first_tried_at = "pending", None
        leases.defer(row, day_ends_at(now))
        return
    # An earlier try may have arrived, and tomorrow is too late to repeat it safely.
    leases.settle(row)
    row.state, row.ended_at = "unknown", now
