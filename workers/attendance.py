"""Looking, each morning after visits were missed, whether a store keeps too few of them."""

from __future__ import annotations

from engage.kernel import clock, due
from engage.kernel.db import unit_of_work
from engage.reporting import services
from engage.reporting.rules import QUEUE
from engage.tenancy import queries as tenancy


def drain() -> None:
    """Raise the chain's alarms when their time has come; all marks made since are answered at once."""
    now = clock.now()
    with unit_of_work() as session:
        marks = due.seen(session, QUEUE, now=now)
        if marks:
            services.raise_alarms(session, zone=tenancy.tenant(session).zone, now=now)
        due.answered(session, QUEUE, marks, next_at=None)
