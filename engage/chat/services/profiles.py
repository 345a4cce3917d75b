"""Profiles wait where agents are: in the conversation, as a message of the fan (PT-6)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.chat import queries
from engage.chat.models import ChatMessage, Conversation
from engage.chat.rules import MEDIA, OUTGOING, Window, check_text
from engage.chat.services.changing import answered, touch
from engage.kernel import due
from engage.kernel.db import Session
from engage.patients import services as patients
from engage.patients import waiting
from engage.patients.services import Decision

if TYPE_CHECKING:
    from engage.patients.models import Patient, ProfileSubmission

# Keys of messages are made of the profile's: what it said when, and what was answered to it.
_ARRIVED: Final = uuid.UUID("5c1c2b0d-2d3d-4d57-8f6c-3a1de26f5a11")
_REJECTED: Final = uuid.UUID("0f4f7f3e-8a6a-4c0e-9d64-7f0e6f6a4b22")


def hand_in(
    session: Session,
    *,
    account_id: int,
    fan_id: int,
    typed: Mapping[str, str],
    key: uuid.UUID,
    now: dt.datetime,
) -> ProfileSubmission:
    """Hand in a profile: it waits in the fan's conversation, which begins with it if there is none.

    Raises:
        Invalid, PhoneNotVerified: as `patients.services.submit`.
    """
    handed = patients.submit(session, fan_id, typed, account_id=account_id, key=key, now=now)
    if handed.is_news:
        conversation = _conversation(session, account_id, fan_id, now=now)
        _arrive(session, conversation, handed.row, now=now)
    return handed.row


def create_from(session: Session, decision: Decision, *, now: dt.datetime) -> Patient:
    """Make a chart of a profile and bind it.

    Raises:
        NotFound, ProfileDecided, ProfileChanged: as `patients.services.create_from`.
    """
    chart = patients.create_from(session, decision, now=now)
    _decided(session, decision)
    return chart


def attach(
    session: Session,
    decision: Decision,
    patient_id: int,
    *,
    replace: Collection[str] = (),
    now: dt.datetime,
) -> Patient:
    """Add a profile to a chart and bind that.

    Raises:
        NotFound, ChartMoved, ChartErased, ProfileDecided, ProfileChanged: as `patients.services.attach`.
    """
    chart = patients.attach(session, decision, patient_id, replace=replace, now=now)
    _decided(session, decision)
    return chart


def reject(session: Session, decision: Decision, reason: str, *, page_url: str, now: dt.datetime) -> None:
    """Say why a profile is not taken; written to the fan while WeChat takes a message.

    Raises:
        NotFound, NoReason, ProfileDecided, ProfileChanged: as `patients.services.reject`.
    """
    row = patients.reject(session, decision, reason, now=now)
    conversation = _decided(session, decision)
    if conversation is None:
        return
    window = Window(conversation.window_left, conversation.window_until)
    if window.is_open(now):
        _say(session, conversation, row, f"{row.reason}\n{page_url}", decision.by_staff, now=now)


def _conversation(session: Session, account_id: int, fan_id: int, *, now: dt.datetime) -> Conversation:
    """Lock the conversation of a fan, begun if there is none."""
    session.execute(
        insert(Conversation)
        .values(
            account_id=account_id,
            fan_id=fan_id,
            seq=0,
            touched_at=sa.func.clock_timestamp(),
            last_at=now,
            last_in_seq=0,
            answered_seq=0,
            window_left=0,
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "fan_id"])
    )
    conversation_id = session.scalars(sa.select(Conversation.id).where(Conversation.fan_id == fan_id)).one()
    return queries.locked(session, conversation_id)


def _arrive(
    session: Session, conversation: Conversation, row: ProfileSubmission, *, now: dt.datetime
) -> None:
    """Write down that the profile came: whoever handed it in waits for an answer."""
    seq = touch(session, conversation)
    conversation.last_in_seq = seq
    conversation.waiting_since = conversation.waiting_since or now
    conversation.last_at = max(conversation.last_at, now)
    conversation.ignored_by = conversation.ignored_at = None
    session.add(
        ChatMessage(
            queue=MEDIA,
            conversation_id=conversation.id,
            seq=seq,
            changed_seq=seq,
            direction="in",
            kind="profile",
            data={"submission_id": row.id},
            key=uuid.uuid5(_ARRIVED, str(row.key)),
            state="received",
            at=now,
        )
    )
    session.flush()


def _decided(session: Session, decision: Decision) -> Conversation | None:
    """Let the conversation wait no more where nothing but profiles waits in it; screens are told anyhow."""
    fan_id = waiting.submission(session, decision.submission_id).fan_id
    conversation_id = queries.of_fan(session, fan_id)
    if conversation_id is None:
        return None
    conversation = queries.locked(session, conversation_id)
    wrote = sa.exists().where(
        ChatMessage.conversation_id == conversation.id,
        ChatMessage.direction == "in",
        ChatMessage.seq > conversation.answered_seq,
        ChatMessage.kind != "profile",
    )
    if not session.scalar(sa.select(wrote)):
        answered(session, conversation, conversation.last_in_seq)
    touch(session, conversation)
    session.flush()
    return conversation


def _say(
    session: Session,
    conversation: Conversation,
    row: ProfileSubmission,
    text: str,
    by_staff: int,
    *,
    now: dt.datetime,
) -> None:
    """Write to the fan beside any session: nobody's turn is taken by it."""
    conversation.window_left -= 1
    conversation.last_at = max(conversation.last_at, now)
    seq = touch(session, conversation)
    session.add(
        ChatMessage(
            queue=OUTGOING,
            available_at=now,
            conversation_id=conversation.id,
            seq=seq,
            changed_seq=seq,
            direction="out",
            author_id=by_staff,
            kind="text",
            text=check_text(text),
            data={},
            key=rejection_key(row.key),
            state="pending",
            at=now,
        )
    )
    session.flush()
    due.mark(session, OUTGOING, at=now)


def rejection_key(profile_key: uuid.UUID) -> uuid.UUID:
    """Give the key of the message that says why a profile is not taken."""
    return uuid.uuid5(_REJECTED, str(profile_key))
