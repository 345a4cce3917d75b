"""Staff talk: reply, end, ignore, send again; sessions end by themselves."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

import sqlalchemy as sa

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.chat import queries, rules
from engage.chat.errors import FanLeft, NotFailed, NotTheHolder, SessionHeld
from engage.chat.models import ChatMessage, ChatSession, Conversation
from engage.chat.rules import OUTGOING, SESSIONS, Window
from engage.chat.services.changing import answered, touch
from engage.fans import queries as fans
from engage.kernel import due, outbox
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.tenancy import queries as tenancy

# The key of a message that is sent again is made of the first one's id, so that a double tap sends it once.
_AGAIN = uuid.UUID("8f2d6f0e-6d4e-4a4c-9a53-4f3a4f6b1c55")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to send: its key in `kernel.files`, and its size in pixels."""

    file: str
    width: int
    height: int


def reply(
    session: Session,
    conversation_id: int,
    *,
    text: str | None = None,
    picture: Picture | None = None,
    key: uuid.UUID,
    seen: int,
    by_staff: int,
    now: dt.datetime,
) -> ChatMessage:
    """Write to a fan: a text or a picture, once per `key`; a worker sends it.

    Opens a session if there is none. `seen` is the conversation's number that was on the screen: the
    fan's messages up to it are answered.

    Raises:
        NotFound: there is no such conversation.
        EmptyMessage, TooLong: what was written cannot be sent.
        SessionHeld: somebody else talks with the fan.
        FanLeft, WindowOver, WindowUsedUp: WeChat takes no message for the fan.
    """
    words = None if picture is not None else rules.check_text(text or "")
    conversation = queries.locked(session, conversation_id)
    earlier = _by_key(session, conversation_id, key)
    if earlier is not None:
        return earlier
    held = _open_session(session, conversation, now=now)
    if held is not None and held.staff_id != by_staff:
        raise SessionHeld(name=tenancy.staff_member(session, held.staff_id).name)
    _check_window(session, conversation, now=now)
    held = held or _open(session, conversation, by_staff, now=now)
    _dedicate(session, conversation, by_staff, now=now)
    answered(session, conversation, seen)
    conversation.ignored_by = conversation.ignored_at = None
    seq = touch(session, conversation)
    conversation.window_left -= 1
    conversation.talked_at = now
    conversation.last_at = max(conversation.last_at, now)
    message = ChatMessage(
        queue=OUTGOING,
        available_at=now,
        conversation_id=conversation_id,
        seq=seq,
        changed_seq=seq,
        direction="out",
        author_id=by_staff,
        session_id=held.id,
        kind="text" if picture is None else "image",
        text=words,
        file=None if picture is None else picture.file,
        data={} if picture is None else {"width": picture.width, "height": picture.height},
        key=key,
        state="pending",
        at=now,
    )
    session.add(message)
    session.flush()
    due.mark(session, OUTGOING, at=now)
    return message


def retry(session: Session, message_id: int, *, by_staff: int, now: dt.datetime) -> ChatMessage:
    """Send a message again that failed, or may have: as a new one, once.

    Raises:
        NotFound: there is no such message of staff.
        NotFailed: it was sent.
        SessionHeld, FanLeft, WindowOver, WindowUsedUp: as `reply`.
    """
    conversation_id = session.scalar(
        sa.select(ChatMessage.conversation_id).where(
            ChatMessage.id == message_id, ChatMessage.direction == "out"
        )
    )
    if conversation_id is None:
        raise NotFound(message=message_id)
    conversation = queries.locked(session, conversation_id)
    first = session.get_one(ChatMessage, (session.tenant_id, message_id), populate_existing=True)
    if first.state not in rules.SENT_AGAIN:
        raise NotFailed
    picture = None
    if first.file is not None:
        picture = Picture(first.file, first.data["width"], first.data["height"])
    again = reply(
        session,
        conversation_id,
        text=first.text,
        picture=picture,
        key=uuid.uuid5(_AGAIN, str(message_id)),
        seen=0,
        by_staff=by_staff,
        now=now,
    )
    if first.data.get("again") is None:
        first.data = {**first.data, "again": again.id}
        first.changed_seq = touch(session, conversation)
        session.flush()
    return again


def end(session: Session, conversation_id: int, *, by_staff: int, now: dt.datetime) -> None:
    """End the session one holds. One that is over already stays as it ended.

    Raises:
        NotFound: there is no such conversation.
        NotTheHolder: somebody else holds it.
    """
    conversation = queries.locked(session, conversation_id)
    held = _open_session(session, conversation, now=now)
    if held is None:
        return
    if held.staff_id != by_staff:
        raise NotTheHolder
    held.closed_at, held.closed_by, conversation.talked_at = now, by_staff, None
    touch(session, conversation)
    session.flush()


def ignore(
    session: Session, conversation_id: int, *, seen: int, by_staff: int, by: Actor, now: dt.datetime
) -> None:
    """Say that the fan's messages up to `seen` need no reply, until the next one.

    Raises:
        NotFound: there is no such conversation.
    """
    conversation = queries.locked(session, conversation_id)
    before = conversation.answered_seq
    answered(session, conversation, seen)
    if conversation.answered_seq == before:
        return
    conversation.ignored_by, conversation.ignored_at = by_staff, now
    touch(session, conversation)
    session.flush()
    audit.record(session, "chat.ignored", by=by, subject=("conversation", conversation_id), now=now)


def sweep(session: Session, *, now: dt.datetime, batch: int) -> int:
    """Write down the end of up to `batch` sessions that are over; gives how many conversations it looked at.

    Several may sweep at once. A conversation that somebody just writes in is left alone: it is not over,
    or the next sweep finds it.
    """
    over = session.scalars(
        sa.select(Conversation)
        .where(Conversation.talked_at <= now - rules.IDLE)
        .order_by(Conversation.talked_at, Conversation.id)
        .limit(batch)
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    for conversation in over:
        _open_session(session, conversation, now=now)
    session.flush()
    return len(over)


def sessions_next_at(session: Session) -> dt.datetime | None:
    """Give when the next session may be over."""
    first = session.scalar(
        sa.select(sa.func.min(Conversation.talked_at)).where(Conversation.talked_at.is_not(None))
    )
    return None if first is None else first + rules.IDLE


def _check_window(session: Session, conversation: Conversation, *, now: dt.datetime) -> None:
    """Let pass while WeChat takes a message.

    Raises:
        FanLeft, WindowOver, WindowUsedUp: it takes none, and why.
    """
    window = Window(conversation.window_left, conversation.window_until)
    if not window.is_open(now) and not fans.follows(session, conversation.fan_id):
        raise FanLeft
    rules.check_window(window, now)


def _by_key(session: Session, conversation_id: int, key: uuid.UUID) -> ChatMessage | None:
    return session.scalar(
        sa.select(ChatMessage).where(ChatMessage.conversation_id == conversation_id, ChatMessage.key == key)
    )


def _open_session(session: Session, conversation: Conversation, *, now: dt.datetime) -> ChatSession | None:
    """Give the session of a locked conversation. One that is over is written down as ended."""
    if conversation.talked_at is None:
        return None
    held = session.scalars(
        sa.select(ChatSession).where(
            ChatSession.conversation_id == conversation.id, ChatSession.closed_at.is_(None)
        )
    ).one()
    if rules.is_live(conversation.talked_at, now):
        return held
    held.closed_at, conversation.talked_at = conversation.talked_at + rules.IDLE, None
    touch(session, conversation)
    session.flush()  # the next one is opened while this one must be closed
    return None


def _open(session: Session, conversation: Conversation, staff_id: int, *, now: dt.datetime) -> ChatSession:
    opened = ChatSession(conversation_id=conversation.id, staff_id=staff_id, opened_at=now)
    session.add(opened)
    session.flush()
    outbox.record(session, "chat.session_opened", now=now, session_id=opened.id)
    due.mark(session, SESSIONS, at=now + rules.IDLE)
    return opened


def _dedicate(session: Session, conversation: Conversation, staff_id: int, *, now: dt.datetime) -> None:
    """Make who replies first the fan's dedicated agent (CH-3)."""
    if conversation.dedicated_staff_id is None:
        conversation.dedicated_staff_id = staff_id
        outbox.record(session, "chat.dedicated", now=now, conversation_id=conversation.id)
