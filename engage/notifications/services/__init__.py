"""What can be done with messages: written, sent, withdrawn, settled by hand; and how they are worded."""

from __future__ import annotations

from engage.notifications.services.batches import (
    BULK,
    NewBatch,
    Opened,
    close,
    open_batch,
    pause,
    resume,
    write_many,
)
from engage.notifications.services.bulk import (
    Load,
    claim_bulk,
    end_lost,
    is_open,
    next_bulk_at,
    open_batches,
    settle_bulk,
)
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
    withdraw_each,
    withdraw_from,
    write,
)
from engage.notifications.services.pace import Limits, limits, spent
from engage.notifications.services.telling import Notice, is_worded, tell
from engage.notifications.services.wordings import set_wording

__all__ = [
    "BULK",
    "QUEUE",
    "Limits",
    "Load",
    "Message",
    "NewBatch",
    "Notice",
    "Opened",
    "Parcel",
    "claim",
    "claim_bulk",
    "close",
    "end_lost",
    "finished",
    "is_open",
    "is_worded",
    "late_reply",
    "let_out",
    "limits",
    "next_at",
    "next_bulk_at",
    "open_batch",
    "open_batches",
    "pause",
    "resolve",
    "resume",
    "set_wording",
    "settle",
    "settle_bulk",
    "spent",
    "tell",
    "withdraw",
    "withdraw_each",
    "withdraw_from",
    "write",
    "write_many",
]
