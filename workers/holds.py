"""Giving back the places of holds that ran out, a batch at a time."""

from __future__ import annotations

from engage.booking import services
from engage.kernel import clock, due
from engage.kernel.db import unit_of_work

BATCH = 200


def drain() -> None:
    """Sweep the tenant's holds until none is over."""
    with unit_of_work() as session:
        marks = due.seen(session, services.QUEUE, now=clock.now())
    swept = BATCH
    while swept == BATCH:
        with unit_of_work() as session:
            swept = services.sweep(session, now=clock.now(), batch=BATCH)
            if swept:
                services.look_through(session, now=clock.now())
    with unit_of_work() as session:
        due.answered(session, services.QUEUE, marks, next_at=services.next_at(session))
