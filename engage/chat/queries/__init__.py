"""Reading conversations."""

from __future__ import annotations

from engage.chat.queries.conversations import (
    Row,
    Which,
    accounts_in_reach,
    changed,
    conversation,
    dedicated_of,
    fan_of,
    fan_of_session,
    locked,
    of_fan,
    rows,
    rows_of,
    waiting,
)
from engage.chat.queries.messages import (
    MessageRow,
    backlog,
    file_of,
    has_message,
    message,
    messages,
    messages_since,
)

__all__ = [
    "MessageRow",
    "Row",
    "Which",
    "accounts_in_reach",
    "backlog",
    "changed",
    "conversation",
    "dedicated_of",
    "fan_of",
    "fan_of_session",
    "file_of",
    "has_message",
    "locked",
    "message",
    "messages",
    "messages_since",
    "of_fan",
    "rows",
    "rows_of",
    "waiting",
]
