"""Whose conversations a person may see and answer: those of the accounts of their stores."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from engage.blueprints.guard import Staff
from engage.chat import queries
from engage.kernel.db import Session
from engage.kernel.errors import NotAllowed

if TYPE_CHECKING:
    from engage.chat.queries import Row


def in_reach(session: Session, staff: Staff) -> frozenset[int]:
    """Give the accounts whose conversations the person may see, whichever store is chosen."""
    return queries.accounts_in_reach(session, staff.reach("chats.view"))


def visible(session: Session, staff: Staff, conversation_id: int, *, now: dt.datetime) -> Row:
    """Give one conversation within reach.

    Raises:
        NotFound: there is none, or it is of an account of others.
    """
    return queries.conversation(session, conversation_id, in_reach(session, staff), now=now)


def may_answer(session: Session, staff: Staff, row: Row) -> bool:
    """Whether the person may write in a conversation."""
    within = queries.accounts_in_reach(session, staff.reach("chats.answer"))
    return row.account_id in within


def demand_answer(session: Session, staff: Staff, conversation_id: int, *, now: dt.datetime) -> None:
    """Let through who may write in a conversation.

    Raises:
        NotFound: it is not for them to see.
        NotAllowed: they may read it only.
    """
    if not may_answer(session, staff, visible(session, staff, conversation_id, now=now)):
        raise NotAllowed
