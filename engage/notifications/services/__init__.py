"""What can be done with messages: written, sent, withdrawn, settled by hand; and how they are worded."""

from __future__ import annotations

from engage.notifications.services.deliveries import (
    QUEUE,
    Message,
    Parcel,
    claim,
    finished,
    late_reply,
    let_out,
    next_at,
    resolve,
    settle,
    withdraw,
    withdraw_from,
    write,
)
from engage.notifications.services.telling import Notice, tell
from engage.notifications.services.wordings import set_wording

__all__ = [
    "QUEUE",
    "Message",
    "Notice",
    "Parcel",
    "claim",
    "finished",
    "late_reply",
    "let_out",
    "next_at",
    "resolve",
    "set_wording",
    "settle",
    "tell",
    "withdraw",
    "withdraw_from",
    "write",
]
