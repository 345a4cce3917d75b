"""Sessions that are over: their end is written down, a batch at a time."""

from __future__ import annotations

from engage.chat import rules, services
from engage.kernel import clock, due
from engage.kernel.db import unit_of_work

BATCH = 200


def drain() -> None:
    """Sweep the tenant's sessions until none is over."""
    with unit_of_work() as session:
        marks = due.seen(session, rules.SESSIONS, now=clock.now())
    swept = BATCH
    while swept == BATCH:
        with unit_of_work() as session:
            swept = services.sweep(session, now=clock.now(), batch=BATCH)
    with unit_of_work() as session:
        due.answered(session, rules.SESSIONS, marks, next_at=services.sessions_next_at(session))
