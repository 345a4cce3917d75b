"""Reading messages of conversations."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from engage.chat.models import ChatMessage, Conversation
from engage.chat.rules import OUTGOING
from engage.kernel import leases
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.leases import Backlog
from engage.tenancy import queries as tenancy


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as it is shown. `author` is the name of the member of staff who wrote it.

    `fetching` says that its file is still to come from WeChat.
    """

    id: int
    conversation_id: int
    seq: int
    changed_seq: int
    direction: str
    author_id: int | None
    author: str | None
    session_id: int | None
    kind: str
    text: str | None
    file: str | None
    fetching: bool
    data: Mapping[str, Any]
    key: uuid.UUID | None
    state: str
    reason: str | None
    at: dt.datetime
    sent_at: dt.datetime | None


def messages(
    session: Session,
    conversation_id: int,
    *,
    after: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Sequence[MessageRow]:
    """Give messages of a conversation in their order.

    With `after` those that came or changed since that number, oldest change first in line for the limit;
    with `before` the last ones in front of that place; with neither the last ones.
    """
    statement = sa.select(ChatMessage).where(ChatMessage.conversation_id == conversation_id)
    if after is not None:
        statement = statement.where(ChatMessage.changed_seq > after).order_by(ChatMessage.changed_seq)
    else:
        if before is not None:
            statement = statement.where(ChatMessage.seq < before)
        statement = statement.order_by(ChatMessage.seq.desc())
    found = session.scalars(statement.limit(limit)).all()
    return _told(session, sorted(found, key=lambda row: row.seq))


def messages_since(session: Session, since: Mapping[int, int], *, limit: int = 500) -> Sequence[MessageRow]:
    """Give what came or changed in some conversations, each since a number of its own, in two statements."""
    if not since:
        return []
    known = (
        sa.values(sa.column("id", sa.BigInteger), sa.column("seq", sa.BigInteger))
        .data(list(since.items()))
        .alias("known")
    )
    found = session.scalars(
        sa.select(ChatMessage)
        .join(known, (ChatMessage.conversation_id == known.c.id) & (ChatMessage.changed_seq > known.c.seq))
        .order_by(ChatMessage.conversation_id, ChatMessage.changed_seq)
        .limit(limit)
    ).all()
    return _told(session, sorted(found, key=lambda row: (row.conversation_id, row.seq)))


def message(session: Session, message_id: int, within: Collection[int]) -> MessageRow:
    """Give one message of the conversations of the accounts in `within`.

    Raises:
        NotFound: there is none with this id, or it is of another account.
    """
    return _told(session, [_of(session, message_id, within)])[0]


def file_of(session: Session, message_id: int, within: Collection[int]) -> str:
    """Give the key in `kernel.files` of a message's file, of the accounts in `within`.

    Raises:
        NotFound: there is no such message, it is of another account, or has no file (yet).
    """
    found = _of(session, message_id, within)
    if found.file is None:
        raise NotFound(message=message_id)
    return found.file


def has_message(session: Session, fan_id: int, key: uuid.UUID) -> bool:
    """Whether a message of this key stands in the conversation of a fan."""
    its_own = (Conversation.tenant_id == ChatMessage.tenant_id) & (
        Conversation.id == ChatMessage.conversation_id
    )
    found = (
        sa.select(ChatMessage.id)
        .join(Conversation, its_own)
        .where(Conversation.fan_id == fan_id, ChatMessage.key == key)
    )
    return session.scalar(found) is not None


def backlog(session: Session) -> Backlog:
    """Give how many messages of staff wait to be sent; none of them waits for a person in the queue."""
    return Backlog(OUTGOING, *leases.waiting(session, ChatMessage, OUTGOING), 0)


def _of(session: Session, message_id: int, within: Collection[int]) -> ChatMessage:
    found = session.scalar(
        sa.select(ChatMessage)
        .join(
            Conversation,
            (Conversation.tenant_id == ChatMessage.tenant_id)
            & (Conversation.id == ChatMessage.conversation_id),
        )
        .where(ChatMessage.id == message_id, Conversation.account_id.in_(within))
    )
    if found is None:
        raise NotFound(message=message_id)
    return found


def _told(session: Session, found: Sequence[ChatMessage]) -> Sequence[MessageRow]:
    authors = tenancy.names_of(session, {row.author_id for row in found if row.author_id is not None})
    return [
        MessageRow(
            id=row.id,
            conversation_id=row.conversation_id,
            seq=row.seq,
            changed_seq=row.changed_seq,
            direction=row.direction,
            author_id=row.author_id,
            author=None if row.author_id is None else authors[row.author_id],
            session_id=row.session_id,
            kind=row.kind,
            text=row.text,
            file=row.file,
            fetching=row.direction == "in" and row.available_at is not None,
            data=row.data,
            key=row.key,
            state=row.state,
            reason=row.reason,
            at=row.at,
            sent_at=row.sent_at,
        )
        for row in found
    ]
