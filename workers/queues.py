"""Every queue and what drains it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engage.accounts.menus.rules import QUEUE as MENUS
from engage.accounts.rules import PUSHES
from engage.booking import services as booking
from engage.booking.rules.waiting import QUEUE as WAITING
from engage.campaigns.rules import QUEUE as CAMPAIGNS
from engage.chat import rules as chat
from engage.fans import rules as fans
from engage.kernel import outbox
from engage.notifications import services as notifications
from engage.patients import rules as patients
from engage.privacy import rules as privacy
from engage.qrcodes import rules as qrcodes
from engage.replies import rules as replies
from engage.reporting import rules as reporting
from workers import (
    attendance,
    bulk,
    bundles,
    campaigns,
    chats,
    codes,
    deliveries,
    events,
    holds,
    media,
    menus,
    pictures,
    pushes,
    reminders,
    sessions,
    tagging,
    tickets,
    waiting,
)
from workers import (
    privacy as privacy_tasks,
)

DRAINS: Final[dict[str, Callable[[], None]]] = {
    outbox.QUEUE: events.drain,
    notifications.QUEUE: deliveries.drain,
    PUSHES: pushes.drain,
    patients.QUEUE: codes.drain,
    booking.QUEUE: holds.drain,
    booking.REMINDERS: reminders.drain,
    WAITING: waiting.drain,
    chat.OUTGOING: chats.drain,
    chat.MEDIA: media.drain,
    chat.SESSIONS: sessions.drain,
    replies.QUEUE: pictures.drain,
    qrcodes.TICKETS: tickets.drain,
    MENUS: menus.drain,
    fans.QUEUE: tagging.drain,
    qrcodes.BUNDLES: bundles.drain,
    privacy.QUEUE: privacy_tasks.drain,
    reporting.QUEUE: attendance.drain,
    CAMPAIGNS: campaigns.drain,  # these two last: a worker takes first what one person waits for
    notifications.BULK: bulk.drain,
}
