"""Hints to the event streams: conversations changed, or times of a store. Losing one loses nothing.

The truth is rows in PostgreSQL and their sequence numbers; a hint only says that reading is worth
while now. Whoever serves streams reads every two seconds anyway (ADR 0011), and a board that is
looked at reads itself again every minute.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import redis
import structlog

from engage.kernel import doorbell

if TYPE_CHECKING:
    from engage.kernel.db import Session

log = structlog.get_logger()

CHANNEL = "live"
TIMES = "live-times"

# The moment that is said of a store whose open time changed: it may be any.
ANY_TIME = 0


def hint(session: Session) -> None:
    """Tell the event streams after the commit that the tenant's conversations changed."""
    session.info["live"] = True


def hint_at(session: Session, store_id: int, at: dt.datetime) -> None:
    """Tell the event streams after the commit that something changed at a store, at a time."""
    session.info.setdefault("live_times", set()).add((store_id, int(at.timestamp())))


def hint_store(session: Session, store_id: int) -> None:
    """Tell the event streams after the commit that open time of a store changed, such as by a closure."""
    session.info.setdefault("live_times", set()).add((store_id, ANY_TIME))


def publish(tenant_id: int) -> None:
    """Send the hint of a tenant; with Redis away it is lost."""
    _send(CHANNEL, str(tenant_id))


def publish_time(tenant_id: int, store_id: int, at: int) -> None:
    """Send at which store and when something of a tenant changed; with Redis away it is lost."""
    _send(TIMES, f"{tenant_id} {store_id} {at}")


def _send(channel: str, told: str) -> None:
    try:
        doorbell.connection().publish(channel, told)
    except redis.RedisError as error:
        log.warning("live.silent", error=type(error).__name__)
