"""Reading messages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import sqlalchemy as sa

from engage.kernel import leases
from engage.kernel.db import Session
from engage.notifications.models import Delivery


def counts_by_state(session: Session) -> Mapping[str, int]:
    """Give how many messages are in each state."""
    counted = session.execute(sa.select(Delivery.state, sa.func.count()).group_by(Delivery.state))
    return {row[0]: row[1] for row in counted}


def waiting(session: Session, queue: str) -> tuple[int, dt.datetime | None]:
    """Give how many messages of the queue are not sent yet, and when the oldest was due."""
    return leases.waiting(session, Delivery, queue)
