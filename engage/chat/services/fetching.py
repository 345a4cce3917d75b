"""Files that fans sent: claimed, fetched from WeChat with no transaction open, kept."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from engage.chat import queries, rules
from engage.chat.models import ChatMessage, Conversation
from engage.chat.services.changing import touch
from engage.kernel import leases
from engage.kernel.db import Session
from engage.kernel.leases import Claim
from engage.wechat.outcomes import Refused, Unheard
from engage.wechat.rules import Trouble, day_ends_at


@dataclass(frozen=True, slots=True)
class Errand:
    """A file to fetch, free of the session. After too many attempts that ended their worker not `fresh`."""

    id: int
    lease: uuid.UUID
    conversation_id: int
    account_id: int
    media_id: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """The file stands in `kernel.files` under this key."""

    file: str


def claim_media(session: Session, *, now: dt.datetime, batch: int) -> Sequence[Errand]:
    """Take files to fetch; commit before fetching."""
    claimed = leases.claim(session, ChatMessage, rules.MEDIA, now=now, batch=batch)
    found = session.execute(
        sa.select(ChatMessage.id, ChatMessage.data, ChatMessage.attempts, Conversation)
        .join(Conversation, Conversation.id == ChatMessage.conversation_id)
        .where(ChatMessage.id.in_(claimed.ids))
        .order_by(ChatMessage.id)
    )
    return [
        Errand(
            row.id,
            claimed.lease,
            row.Conversation.id,
            row.Conversation.account_id,
            row.data["media_id"],
            row.attempts <= leases.ATTEMPTS,
        )
        for row in found
    ]


def settle_media(
    session: Session, errand: Errand, outcome: Fetched | Refused | Unheard, *, now: dt.datetime
) -> None:
    """Record the file, try again later, or say why there is none."""
    conversation = queries.locked(session, errand.conversation_id)
    for row in leases.held(session, ChatMessage, Claim(errand.lease, [errand.id])):
        if isinstance(outcome, Fetched):
            row.file = outcome.file
            _end(session, conversation, row, None)
        elif isinstance(outcome, Refused) and outcome.trouble is Trouble.QUOTA:
            leases.defer(row, day_ends_at(now))
        elif isinstance(outcome, Refused) and outcome.trouble not in rules.NOT_NOW:
            _end(session, conversation, row, "file_lost")
        elif not errand.fresh or not leases.postpone(row, _said(outcome), now=now):
            _end(session, conversation, row, "not_fetched")
        session.flush()


def media_next_at(session: Session) -> dt.datetime | None:
    """Give when the next file is to be fetched."""
    return leases.next_at(session, ChatMessage, rules.MEDIA)


def _said(outcome: Refused | Unheard) -> str:
    return outcome.why if isinstance(outcome, Unheard) else f"{outcome.errcode} {outcome.errmsg}"


def _end(session: Session, conversation: Conversation, row: ChatMessage, reason: str | None) -> None:
    leases.settle(row)
    row.reason, row.changed_seq = reason, touch(session, conversation)
