"""What is due about visits: reminders, calls, who did not come, the close of the day."""

from __future__ import annotations

from engage.booking import services
from engage.kernel import clock, due
from engage.kernel.db import unit_of_work
from engage.reactions.notifications import remind


def drain() -> None:
    """Work on the tenant's touches that are due, each in a transaction of its own."""
    with unit_of_work() as session:
        marks = due.seen(session, services.REMINDERS, now=clock.now())
    while True:
        with unit_of_work() as session:
            claimed = services.claim_touches(session, now=clock.now())
        if not claimed:
            break
        for touch_id in claimed.ids:
            with unit_of_work() as session:
                services.reach(session, claimed, touch_id, remind, now=clock.now())
    with unit_of_work() as session:
        due.answered(session, services.REMINDERS, marks, next_at=services.next_touch_at(session))
