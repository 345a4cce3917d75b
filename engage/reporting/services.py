"""What reports lead to: alarms that somebody looks into, and the trail of who took figures away."""

from __future__ import annotations

import datetime as dt

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel import clock, due
from engage.kernel.db import Session
from engage.reporting import queries
from engage.reporting.rules import ALARM, QUEUE, next_raising
from engage.tasks import services as tasks
from engage.tasks.services import NewTask
from engage.tenancy import queries as tenancy


def raise_alarms(session: Session, *, zone: str, now: dt.datetime) -> int:
    """Open a task for each store that kept too few visits, once a month; gives how many were opened.

    Flushes, never commits. Safe to repeat. `now` is aware UTC.
    """
    today = clock.local(now, zone).date()
    opened = [
        tasks.open_(
            session,
            NewTask(
                kind=ALARM,
                subject_kind="store",
                subject_id=store_id,
                subject_version=today.year * 100 + today.month,
                store_id=store_id,
                due_at=now,
            ),
            now=now,
        )
        for store_id in queries.alarms(session, zone=zone, store_ids=None, now=now)
    ]
    return sum(task_id is not None for task_id in opened)


def note_taken(session: Session, *, by: Actor, now: dt.datetime) -> None:
    """Note in the trail that somebody took a report as a file."""
    audit.record(
        session,
        "report.exported",
        by=by,
        subject=("tenant", session.tenant_id),
        fields=("attendance",),
        now=now,
    )


def look_tomorrow(session: Session, *, now: dt.datetime) -> None:
    """Let the chain's alarms be looked at on its next morning."""
    due.mark(session, QUEUE, at=next_raising(now, tenancy.tenant(session).zone))
