"""What changes in a conversation: its number, which tells the screens, and up to where it is answered."""

from __future__ import annotations

import sqlalchemy as sa

from engage.chat.models import ChatMessage, Conversation
from engage.kernel import live
from engage.kernel.db import Session


def touch(session: Session, conversation: Conversation) -> int:
    """Give the next number of a locked conversation to a change; the screens are told after the commit."""
    conversation.seq += 1
    conversation.touched_at = sa.func.clock_timestamp()
    live.hint(session)
    return conversation.seq


def answered(session: Session, conversation: Conversation, seen: int) -> None:
    """Note that nobody waits for an answer to what was seen; what came after it waits on."""
    until = max(conversation.answered_seq, min(seen, conversation.last_in_seq))
    waiting_since = session.scalar(
        sa.select(ChatMessage.at)
        .where(
            ChatMessage.conversation_id == conversation.id,
            ChatMessage.direction == "in",
            ChatMessage.seq > until,
        )
        .order_by(ChatMessage.seq)
        .limit(1)
    )
    conversation.answered_seq, conversation.waiting_since = until, waiting_since
