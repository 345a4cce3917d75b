"""Every queue and what drains it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engage.accounts.rules import PUSHES
from engage.kernel import outbox
from engage.notifications import services as notifications
from workers import deliveries, events, pushes

DRAINS: Final[dict[str, Callable[[], None]]] = {
    outbox.QUEUE: events.drain,
    notifications.QUEUE: deliveries.drain,
    PUSHES: pushes.drain,
}
