"""Reading conversations."""

from __future__ import annotations

from engage.chat.queries.conversations import (
    Row,
    Which,
    accounts_in_reach,
    changed,
    conversation,
    fan_of,
    fan_of_session,
    locked,
    of_fan,
    rows,
    rows_of,
    waiting,
)
from engage.chat.queries.messages import MessageRow, backlog, file_of, message, messages, messages_since

__all__ = [
    "MessageRow",
    "Row",
    "Which",
    "accounts_in_reach",
    "backlog",
    "changed",
    "conversation",
    "fan_of",
    "fan_of_session",
    "file_of",
    "locked",
    "message",
    "messages",
    "messages_since",
    "of_fan",
    "rows",
    "rows_of",
    "waiting",
]
