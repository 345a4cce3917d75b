"""What can be done in chat: take in what fans write, reply, end, ignore; send and fetch."""

from __future__ import annotations

from engage.chat.services.arriving import (
    answering,
    arrived,
    arriving,
    leaving,
    left,
    values_of_answer,
    values_of_arrival,
    values_of_window,
    widening,
    window_opened,
)
from engage.chat.services.fetching import Errand, Fetched, claim_media, media_next_at, settle_media
from engage.chat.services.profiles import attach, create_from, hand_in, reject, rejection_key
from engage.chat.services.sending import Parcel, claim, next_at, settle, spent
from engage.chat.services.talking import Picture, end, ignore, reply, retry, sessions_next_at, sweep

__all__ = [
    "Errand",
    "Fetched",
    "Parcel",
    "Picture",
    "answering",
    "arrived",
    "arriving",
    "attach",
    "claim",
    "claim_media",
    "create_from",
    "end",
    "hand_in",
    "ignore",
    "leaving",
    "left",
    "media_next_at",
    "next_at",
    "reject",
    "rejection_key",
    "reply",
    "retry",
    "sessions_next_at",
    "settle",
    "settle_media",
    "spent",
    "sweep",
    "values_of_answer",
    "values_of_arrival",
    "values_of_window",
    "widening",
    "window_opened",
]
