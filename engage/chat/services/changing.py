"""A change that somebody sees: it takes the conversation's next number, and the screens are told."""

from __future__ import annotations

import sqlalchemy as sa

from engage.chat.models import Conversation
from engage.kernel import live
from engage.kernel.db import Session


def touch(session: Session, conversation: Conversation) -> int:
    """Give the next number of a locked conversation to a change; the screens are told after the commit."""
    conversation.seq += 1
    conversation.touched_at = sa.func.clock_timestamp()
    live.hint(session)
    return conversation.seq
