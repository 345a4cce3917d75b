"""Hints to the event streams: something of a tenant's conversations changed. Losing one loses nothing.

The truth is rows in PostgreSQL and their sequence numbers; a hint only says that reading is worth
while now. Whoever serves streams reads every two seconds anyway (ADR 0011).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis
import structlog

from engage.kernel import doorbell

if TYPE_CHECKING:
    from engage.kernel.db import Session

log = structlog.get_logger()

CHANNEL = "live"


def hint(session: Session) -> None:
    """Tell the event streams after the commit that the tenant's conversations changed."""
    session.info["live"] = True


def publish(tenant_id: int) -> None:
    """Send the hint of a tenant; with Redis away it is lost."""
    try:
        doorbell.connection().publish(CHANNEL, str(tenant_id))
    except redis.RedisError as error:
        log.warning("live.silent", error=type(error).__name__)
