"""What can be done with automatic replies: write them, hand their pictures to WeChat, take their coupons."""

from __future__ import annotations

from engage.replies.services.offering import take
from engage.replies.services.pictures import (
    Parcel,
    Uploaded,
    claim_picture,
    keep_picture,
    next_at,
    settle_picture,
)
from engage.replies.services.writing import NewReply, add, change, move, remove, set_welcome, switch

__all__ = [
    "NewReply",
    "Parcel",
    "Uploaded",
    "add",
    "change",
    "claim_picture",
    "keep_picture",
    "move",
    "next_at",
    "remove",
    "set_welcome",
    "settle_picture",
    "switch",
    "take",
]
