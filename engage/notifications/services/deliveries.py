"""Messages to patients: written as rows, claimed, let out, sent with no transaction open, settled."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.fans import queries as fans
from engage.kernel import due, leases, outbox
from engage.kernel.db import Session
from engage.kernel.errors import N_, Invalid
from engage.kernel.leases import Claim
from engage.notifications import queries, rules
from engage.notifications.errors import NotUnknown
from engage.notifications.models import Delivery
from engage.notifications.services import pace
from engage.wechat.outcomes import Outcome, Refused, Sent, Unheard
from engage.wechat.rules import Trouble, day_ends_at

QUEUE = "deliveries"


@dataclass(frozen=True, slots=True)
class Message:
    """A message to be sent: what about, to whom, with which fields of the template or which text.

    `title` and `text` are the same as it is read. Neither names the patient or tells what they come for.
    """

    kind: str
    channel: str
    subject_id: int
    subject_version: int
    account_id: int
    fan_id: int
    template_id: str
    fields: dict[str, str]
    page: str
    title: str = ""
    text: str = ""
    patient_id: int | None = None
    expires_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed message, free of the session, for the sender."""

    id: int
    lease: uuid.UUID
    channel: str
    account_id: int
    fan_id: int
    template_id: str
    fields: dict[str, Any]
    page: str


def late_reply(push_id: int, account_id: int, fan_id: int, fields: dict[str, str]) -> Message:
    """Give the customer-service message that replies to a push after its answer was due.

    `fields` hold a `text`, the `media_id` of a picture, or `title`, `description`, `url` and `picture_url`
    of a card.
    """
    return Message(
        kind="late_reply",
        channel="custom",
        subject_id=push_id,
        subject_version=0,
        account_id=account_id,
        fan_id=fan_id,
        template_id="",
        fields=fields,
        page="",
        text=fields.get("text") or fields.get("title") or "",
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
            patient_id=message.patient_id,
            template_id=message.template_id,
            fields=message.fields,
            title=message.title,
            text=message.text,
            page=message.page,
            state="skipped" if skip else "pending",
            reason=skip,
            created_at=now,
            expires_at=message.expires_at,
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


def withdraw(session: Session, kinds: Collection[str], subject_id: int, *, now: dt.datetime) -> None:
    """Let no message of these kinds about a thing out any more: what it says is no longer so.

    Belongs into the transaction of the change itself. A message that was never tried is skipped, also
    one that a worker has claimed; one whose try went unheard is not repeated. One that is on its way at
    this moment arrives or not, but is not tried again.
    """
    _withdraw(session, Delivery.kind.in_(kinds), Delivery.subject_id == subject_id, now=now)


def withdraw_each(
    session: Session, kinds: Collection[str], subject_ids: Collection[int], *, now: dt.datetime
) -> None:
    """Let no message of these kinds about any of some things out any more, as `withdraw` does for one."""
    _withdraw(session, Delivery.kind.in_(kinds), Delivery.subject_id.in_(subject_ids), now=now)


def withdraw_from(
    session: Session, kinds: Collection[str], *, fan_id: int, patient_id: int, now: dt.datetime
) -> None:
    """Let no message of these kinds about a patient out to a fan, who speaks for the patient no more."""
    whose = (Delivery.fan_id == fan_id, Delivery.patient_id == patient_id)
    _withdraw(session, Delivery.kind.in_(kinds), *whose, now=now)


def _withdraw(session: Session, *which: sa.ColumnElement[bool], now: dt.datetime) -> None:
    waiting = (*which, Delivery.available_at.is_not(None), Delivery.withdrawn_at.is_(None))
    over = (Delivery.state == "pending") | Delivery.lease.is_(None)
    session.execute(
        sa.update(Delivery)
        .where(*waiting)
        .values(
            withdrawn_at=now,
            reason="superseded",
            state=sa.case(
                (Delivery.state == "pending", "skipped"),
                (Delivery.lease.is_(None), "unknown"),
                else_=Delivery.state,
            ),
            ended_at=sa.case((over, now), else_=None),
            available_at=sa.case((over, None), else_=Delivery.available_at),
            lease=sa.case((over, None), else_=Delivery.lease),
        )
        .execution_options(synchronize_session=False)
    )


def claim(session: Session, *, now: dt.datetime, batch: int) -> tuple[Claim, Sequence[Parcel]]:
    """Take messages to send; commit before sending, and let each out just before its own call.

    A message whose first try is too long ago to be repeated safely becomes `unknown`: its finish
    event or a person settles it, it is never sent blindly (design §3.5). So does one that was
    withdrawn, or became of no use, while a worker that died had it out.
    """
    claimed = leases.claim(session, Delivery, QUEUE, now=now, batch=batch)
    parcels = []
    rows = leases.held(session, Delivery, claimed)
    closed = fans.closed_of(session, {row.fan_id for row in rows})
    for row in rows:
        if why := _why_not(row, now=now) or closed.get(row.fan_id):
            _end(row, "unknown" if row.first_tried_at else "skipped", why, now=now)
            _tell_if_lost(session, row, now=now)
            continue
        parcels.append(
            Parcel(
                row.id,
                claimed.lease,
                row.channel,
                row.account_id,
                row.fan_id,
                row.template_id,
                row.fields,
                row.page,
            )
        )
    return claimed, parcels


def let_out(session: Session, parcel: Parcel, *, now: dt.datetime) -> bool:
    """Say that a message goes out now; False if it may not: withdrawn since, or no longer this worker's,
    or the person left or wants no more since; the next claim says so.

    Commit before the call. Whoever withdraws waits for this row or is waited for, so a change that
    is committed holds back every message that is not let out yet.
    """
    out = session.scalar(
        sa.update(Delivery)
        .where(
            Delivery.id == parcel.id,
            Delivery.lease == parcel.lease,
            Delivery.available_at > now,
            Delivery.withdrawn_at.is_(None),
            fans.closed(Delivery.fan_id).is_(None),
        )
        .values(state="sending", first_tried_at=sa.func.coalesce(Delivery.first_tried_at, now))
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    if out is not None and parcel.channel == "template":
        pace.count_one(session, parcel.account_id, now=now)
    return out is not None


def resolve(session: Session, delivery_id: int, state: str, *, by: Actor, now: dt.datetime) -> None:
    """A person says what became of a message that nobody knew of: `delivered` or `failed`.

    Raises:
        NotFound: there is no such message.
        Invalid: a person cannot say this of a message.
        NotUnknown: somebody, or WeChat, was faster.
    """
    row = queries.delivery(session, delivery_id, for_update=True)
    if state not in rules.SETTLED_BY_HAND:
        raise Invalid({"state": [N_("Please choose what became of the message.")]})
    if row.state != "unknown":
        raise NotUnknown
    row.state, row.reason, row.ended_at = state, "settled_by_staff", now
    audit.record(session, f"message.{state}", by=by, subject=("message", delivery_id), now=now)


def settle(session: Session, claimed: Claim, outcomes: dict[int, Outcome], *, now: dt.datetime) -> None:
    """Record what became of each sent message; those claimed by another meanwhile are left alone."""
    for row in leases.held(session, Delivery, Claim(claimed.lease, list(outcomes))):
        outcome = outcomes[row.id]
        if isinstance(outcome, Sent):
            leases.settle(row)
            row.state, row.reason, row.msg_id, row.sent_at = "sent", None, outcome.msg_id, now
        elif isinstance(outcome, Refused):
            _refused(row, outcome, now=now)
        else:
            _unheard(row, outcome, now=now)
        _tell_if_lost(session, row, now=now)


def finished(session: Session, account_id: int, msg_id: int, status: str, *, now: dt.datetime) -> bool:
    """Settle the message that a finish event is about; False while no message has this id."""
    state, reason = rules.reason_of(status)
    settled = session.scalar(
        sa.update(Delivery)
        .where(Delivery.account_id == account_id, Delivery.msg_id == msg_id)
        .values(state=state, reason=reason, ended_at=now)
        .returning(Delivery)
        .execution_options(populate_existing=True)
    )
    if settled is not None:
        _tell_if_lost(session, settled, now=now)
    return settled is not None


def next_at(session: Session) -> dt.datetime | None:
    """Give when the next message is due."""
    return leases.next_at(session, Delivery, QUEUE)


def _tell_if_lost(session: Session, row: Delivery, *, now: dt.datetime) -> None:
    """Record that a watched message did not arrive, or that nobody knows; not of one that was withdrawn."""
    is_lost = row.state in {"failed", "unknown"} or row.reason == rules.TOO_LATE
    is_new = row.ended_at == now and row.withdrawn_at is None
    if is_lost and is_new and row.kind in rules.WATCHED:
        told = {"message_id": row.id, "kind": row.kind, "subject_id": row.subject_id}
        outbox.record(session, "notifications.lost", now=now, **told)


def _why_not(row: Delivery, *, now: dt.datetime) -> str | None:
    """Say why a claimed message is not to be sent (again)."""
    if row.withdrawn_at is not None:
        return "superseded"
    if row.expires_at is not None and row.expires_at <= now:
        return rules.TOO_LATE
    return None if rules.may_repeat(row.channel, row.first_tried_at, now) else "no_answer"


def _end(row: Delivery, state: str, reason: str, *, now: dt.datetime) -> None:
    leases.settle(row)
    row.state, row.reason, row.ended_at = state, reason, now


def _unheard(row: Delivery, outcome: Unheard, *, now: dt.datetime) -> None:
    if row.withdrawn_at is not None:
        _end(row, "unknown", "superseded", now=now)
    elif leases.postpone(row, outcome.why, now=now):
        row.reason = "unheard"
    else:
        _end(row, "unknown", "no_answer", now=now)


def _refused(row: Delivery, refusal: Refused, *, now: dt.datetime) -> None:
    row.reason = f"{refusal.errcode} {refusal.errmsg}"[:200]
    if row.withdrawn_at is not None:
        # Not taken for certain this time; an earlier try may have arrived.
        _end(row, "skipped" if _is_first_try(row) else "unknown", "superseded", now=now)
    elif refusal.trouble is Trouble.QUOTA and row.channel == "template":
        _wait_for_tomorrow(row, now=now)
    elif refusal.trouble in rules.NOT_NOW and row.attempts < leases.ATTEMPTS:
        is_first_try = _is_first_try(row)
        leases.postpone(row, row.reason, now=now)
        if is_first_try:
            # Not taken for certain: the ten minutes of safe repeats have not begun.
            row.state, row.first_tried_at = "pending", None
    else:
        # An earlier try that went unheard may have arrived, whatever is said of this one.
        _end(row, "failed" if _is_first_try(row) else "unknown", row.reason, now=now)


def _is_first_try(row: Delivery) -> bool:
    """Whether the message was never out before this claim: what was just refused cannot have arrived."""
    claimed_at = row.available_at - leases.LEASE if row.available_at else None
    return claimed_at is not None and row.first_tried_at is not None and row.first_tried_at >= claimed_at


def _wait_for_tomorrow(row: Delivery, *, now: dt.datetime) -> None:
    """The day's calls are spent. A customer-service message does not come here: its window would close."""
    if _is_first_try(row):
        row.state, row.first_tried_at = "pending", None
        leases.defer(row, day_ends_at(now))
        return
    # An earlier try may have arrived, and tomorrow is too late to repeat it safely.
    _end(row, "unknown", row.reason or "no_answer", now=now)
