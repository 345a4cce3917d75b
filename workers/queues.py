"""Every queue and what drains it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engage.accounts.rules import PUSHES
from engage.booking import services as booking
from engage.kernel import outbox
from engage.notifications import services as notifications
from engage.patients import rules as patients
from workers import codes, deliveries, events, holds, pushes

DRAINS: Final[dict[str, Callable[[], None]]] = {
    outbox.QUEUE: events.drain,
    notifications.QUEUE: deliveries.drain,
    PUSHES: pushes.drain,
    patients.QUEUE: codes.drain,
    booking.QUEUE: holds.drain,
}
