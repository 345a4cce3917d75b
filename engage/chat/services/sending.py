"""Messages of staff: claimed in their order, sent with no transaction open, settled."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import orm

from engage.chat import queries, rules
from engage.chat.models import ChatMessage, Conversation
from engage.chat.services.changing import touch
from engage.kernel import leases
from engage.kernel.db import Session
from engage.kernel.leases import Claim
from engage.wechat.outcomes import Outcome, Refused, Sent


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed message, free of the session, for the sender.

    One that was out before without an answer is not `fresh`: it is settled and not sent again.
    """

    id: int
    lease: uuid.UUID
    conversation_id: int
    account_id: int
    fan_id: int
    text: str | None
    file: str | None
    fresh: bool


def claim(session: Session, *, now: dt.datetime) -> Parcel | None:
    """Take the next message to send, and say that it goes out now; commit before sending.

    Messages of one conversation go one after the other: none is taken while an earlier one waits.
    """
    row = session.scalar(
        sa.select(ChatMessage)
        .where(*_due(), ChatMessage.available_at <= now)
        .order_by(ChatMessage.available_at, ChatMessage.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if row is None:
        return None
    fresh = row.first_tried_at is None
    lease = uuid.uuid4()
    row.lease, row.available_at, row.attempts = lease, now + leases.LEASE, row.attempts + 1
    row.state, row.first_tried_at = "sending", row.first_tried_at or now
    of = session.execute(
        sa.select(Conversation.account_id, Conversation.fan_id).where(Conversation.id == row.conversation_id)
    ).one()
    return Parcel(row.id, lease, row.conversation_id, of.account_id, of.fan_id, row.text, row.file, fresh)


def settle(session: Session, parcel: Parcel, outcome: Outcome, *, now: dt.datetime) -> None:
    """Record what became of a message, unless another claimed it meanwhile."""
    conversation = queries.locked(session, parcel.conversation_id)
    for row in leases.held(session, ChatMessage, Claim(parcel.lease, [parcel.id])):
        if isinstance(outcome, Sent):
            row.sent_at = now
            _end(session, conversation, row, "sent", None)
        elif isinstance(outcome, Refused):
            _refused(session, conversation, row, outcome, now=now)
        else:
            _end(session, conversation, row, "unknown", "no_answer")
        session.flush()


def spent(session: Session, fan_id: int) -> None:
    """Count a customer-service message that went to a fan beside the conversation."""
    conversation_id = queries.of_fan(session, fan_id)
    if conversation_id is None:
        return
    conversation = queries.locked(session, conversation_id)
    if conversation.window_left > 0:
        conversation.window_left -= 1
        touch(session, conversation)
        session.flush()


def next_at(session: Session) -> dt.datetime | None:
    """Give when the next message is due that no earlier one holds up."""
    return session.scalar(sa.select(sa.func.min(ChatMessage.available_at)).where(*_due()))


def _due() -> tuple[sa.ColumnElement[bool], ...]:
    earlier = orm.aliased(ChatMessage)
    waits = sa.exists().where(
        earlier.tenant_id == ChatMessage.tenant_id,
        earlier.conversation_id == ChatMessage.conversation_id,
        earlier.seq < ChatMessage.seq,
        earlier.queue == rules.OUTGOING,
        earlier.available_at.is_not(None),
    )
    return ChatMessage.queue == rules.OUTGOING, ChatMessage.available_at.is_not(None), ~waits


def _refused(
    session: Session, conversation: Conversation, row: ChatMessage, refusal: Refused, *, now: dt.datetime
) -> None:
    if refusal.trouble in rules.NOT_NOW and row.attempts < rules.TRIES:
        leases.postpone(row, f"{refusal.errcode} {refusal.errmsg}", now=now)
        row.state, row.first_tried_at = "pending", None  # not taken for certain
        return
    reason = rules.reason_of(refusal)
    if row.seq > conversation.last_in_seq:  # the fan has not opened another window since
        if reason == "window_over":
            conversation.window_until = min(now, conversation.window_until or now)
        elif reason == "window_used_up":
            conversation.window_left = 0
        elif reason != "gone":  # who leaves has no window
            conversation.window_left = min(conversation.window_left + 1, rules.MOST)
    _end(session, conversation, row, "failed", reason)


def _end(
    session: Session, conversation: Conversation, row: ChatMessage, state: str, reason: str | None
) -> None:
    leases.settle(row)
    row.state, row.reason = state, reason
    row.changed_seq = touch(session, conversation)
