"""Draining the outbox: batches of reactions until none is due."""

from __future__ import annotations

from engage.kernel import clock, due, leases, outbox
from engage.kernel.db import unit_of_work


def drain() -> None:
    """Run the tenant's due reactions; see `engage.kernel.outbox`."""
    with unit_of_work() as session:
        marks = due.seen(session, outbox.QUEUE, now=clock.now())
    while True:
        with unit_of_work() as session:
            claimed = outbox.claim(session, now=clock.now())
        if not claimed:
            break
        with unit_of_work() as session:
            outbox.work(session, claimed, now=clock.now())
    with unit_of_work() as session:
        left = leases.next_at(session, outbox.OutboxRow, outbox.QUEUE)
        due.answered(session, outbox.QUEUE, marks, next_at=left)
