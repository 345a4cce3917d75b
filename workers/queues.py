"""Every queue and what drains it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engage.accounts.services import RECEIPTS
from engage.kernel import outbox
from engage.notifications import services as notifications
from workers import deliveries, events, receipts

DRAINS: Final[dict[str, Callable[[], None]]] = {
    outbox.QUEUE: events.drain,
    notifications.QUEUE: deliveries.drain,
    RECEIPTS: receipts.drain,
}
