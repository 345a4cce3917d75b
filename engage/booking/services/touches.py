"""What is due about visits: reminders, calls, the look at who did not come, the day's close (BK-11, BK-12).

Touches are rows, planned once a visit stands and dropped in the transaction that changes it. Who works
on one holds the visit's row: either it finds the change, or the change finds it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit.services import Actor
from engage.booking import queries
from engage.booking.models import Appointment, Touch
from engage.booking.rules import keeping
from engage.clinic import queries as clinic
from engage.kernel import due
from engage.kernel.db import Session
from engage.notifications import services as notifications
from engage.tasks import services as to_do
from engage.tasks.rules import APPOINTMENT
from engage.tasks.services import NewTask

QUEUE: Final = "reminders"
REMINDER: Final = "appointment_reminder"
# What is over once somebody promised to come.
UNTIL_PROMISED: Final = (*keeping.REMINDERS, "call_confirm")
# Calls before a visit: who did not come is called for one reason.
_BEFORE: Final = tuple(kind for kind in keeping.CALLS if kind != "call_no_show")


def arrange(
    session: Session, appointment_id: int, *, now: dt.datetime, since: dt.datetime | None = None
) -> None:
    """Bring what is due about a visit in line with what it is now. Safe to repeat.

    `since` is when that happened for which it is done (of several, the last), if that was before `now`: what
    has fallen due in between is late, and not left out. Flushes, never commits. `now` is aware UTC.
    """
    visit = queries.locked(session, appointment_id, shared=True)
    if visit.state == "confirmed":
        if visit.attendance_confirmed_at is not None:
            _drop(session, visit.id, now=now, kinds=UNTIL_PROMISED)
            _unsay(session, visit.id, now=now)
            to_do.void(session, (APPOINTMENT, visit.id), ("call_confirm",), now=now)
        _drop(session, visit.id, now=now, kinds=(keeping.UNANSWERED,))
        _plan(session, visit, since=now if since is None else since, now=now)
    elif visit.state == "requested":
        _write(session, visit, keeping.until_answered(visit.starts_at))
    elif visit.state == "no_show":
        withdraw(session, visit.id, now=now, but=("call_no_show",))
        if now < visit.starts_at + keeping.OF_USE_FOR:
            call(session, visit, "call_no_show", now=now)
    else:
        withdraw(session, visit.id, now=now)


def withdraw(session: Session, appointment_id: int, *, now: dt.datetime, but: Collection[str] = ()) -> None:
    """Let nothing more be said of a visit as it was: its rungs, reminders not yet sent, and calls end.

    Belongs into the transaction of the change itself.
    """
    _drop(session, appointment_id, now=now)
    _unsay(session, appointment_id, now=now)
    left = tuple(kind for kind in keeping.CALLS if kind not in but)
    to_do.void(session, (APPOINTMENT, appointment_id), left, now=now)


def end_calls(session: Session, appointment_id: int, outcome: str, *, by: Actor, now: dt.datetime) -> None:
    """End what is due about a visit that was changed or called off: staff did what its calls were for."""
    if by.kind == "staff":
        to_do.finish_for(session, (APPOINTMENT, appointment_id), outcome, by=by, now=now)
    withdraw(session, appointment_id, now=now)


def call(session: Session, visit: Appointment, kind: str, *, now: dt.datetime) -> None:
    """Ask staff to call about a visit, once: in the hours for calls, or at once if nobody came."""
    due_at = now
    if kind == "call_no_show":
        to_do.void(session, (APPOINTMENT, visit.id), _BEFORE, now=now)
    else:
        due_at = keeping.soon(now, clinic.store(session, visit.store_id).zone)
    wish = NewTask(
        kind=kind,
        subject_kind=APPOINTMENT,
        subject_id=visit.id,
        subject_version=visit.agreed_version,
        store_id=visit.store_id,
        due_at=due_at,
        patient_id=visit.patient_id,
    )
    to_do.open_(session, wish, now=now)


def call_instead(session: Session, touch_id: int, *, now: dt.datetime) -> None:
    """A reminder did not arrive, or nobody knows: somebody is to call. Safe to repeat."""
    visit_id = queries.visit_of_touch(session, touch_id)
    visit = None if visit_id is None else queries.locked(session, visit_id, shared=True)
    if visit is None or visit.state != "confirmed" or visit.starts_at <= now:
        return
    touch = session.get_one(Touch, (session.tenant_id, touch_id))
    if touch.version == visit.agreed_version and visit.attendance_confirmed_at is None:
        call(session, visit, "call_confirm", now=now)


def _plan(session: Session, visit: Appointment, *, since: dt.datetime, now: dt.datetime) -> None:
    """Write the rungs that come after a moment; what was dropped by a slip that was undone stands again."""
    zone, agreed_at = clinic.store(session, visit.store_id).zone, visit.moved_at or visit.booked_at
    is_new = not queries.has_come(session, visit.patient_id)
    before = [
        *keeping.ladder(agreed_at, visit.starts_at, zone),
        *keeping.calls(agreed_at, visit.starts_at, zone, first_call=now if is_new else None),
    ]
    is_promised = visit.attendance_confirmed_at is not None
    wanted = [
        *(touch for touch in before if touch.at >= since),
        *keeping.afterwards(visit.starts_at, visit.ends_at, zone),
    ]
    due_still = [touch for touch in wanted if not (is_promised and touch.kind in UNTIL_PROMISED)]
    _write(session, visit, due_still)


def _write(session: Session, visit: Appointment, wanted: Sequence[keeping.Touch]) -> None:
    """Write what is due about a visit as it was agreed upon, once of each kind."""
    rows = [
        {
            "queue": QUEUE,
            "appointment_id": visit.id,
            "version": visit.agreed_version,
            "kind": touch.kind,
            "at": touch.at,
            "available_at": touch.at,
            "state": "planned",
        }
        for touch in wanted
    ]
    row = insert(Touch).values(rows)
    again = {"state": "planned", "available_at": row.excluded.available_at, "ended_at": None, "attempts": 0}
    written = session.execute(
        row.on_conflict_do_update(
            index_elements=["tenant_id", "appointment_id", "version", "kind"],
            set_=again,
            where=(Touch.state == "dropped"),
        ).returning(Touch.at)
    ).all()
    if written:
        due.mark(session, QUEUE, at=min(found.at for found in written))


def _drop(session: Session, appointment_id: int, *, now: dt.datetime, kinds: Collection[str] = ()) -> None:
    statement = sa.update(Touch).where(Touch.appointment_id == appointment_id, Touch.state == "planned")
    if kinds:
        statement = statement.where(Touch.kind.in_(kinds))
    session.execute(
        statement.values(state="dropped", ended_at=now, available_at=None, lease=None).execution_options(
            synchronize_session=False
        )
    )


def _unsay(session: Session, appointment_id: int, *, now: dt.datetime) -> None:
    """Withdraw the reminders that were written and have not gone yet."""
    if written := queries.reminded(session, appointment_id):
        notifications.withdraw_each(session, (REMINDER,), written, now=now)
