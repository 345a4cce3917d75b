"""Every queue and what drains it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engage.accounts.rules import PUSHES
from engage.booking import services as booking
from engage.campaigns.rules import QUEUE as CAMPAIGNS
from engage.chat import rules as chat
from engage.kernel import outbox
from engage.notifications import services as notifications
from engage.patients import rules as patients
from workers import bulk, campaigns, chats, codes, deliveries, events, holds, media, pushes, sessions

DRAINS: Final[dict[str, Callable[[], None]]] = {
    outbox.QUEUE: events.drain,
    notifications.QUEUE: deliveries.drain,
    PUSHES: pushes.drain,
    patients.QUEUE: codes.drain,
    booking.QUEUE: holds.drain,
    chat.OUTGOING: chats.drain,
    chat.MEDIA: media.drain,
    chat.SESSIONS: sessions.drain,
    CAMPAIGNS: campaigns.drain,  # these two last: a worker takes first what one person waits for
    notifications.BULK: bulk.drain,
}
