"""What comes of calls about visits, and visits made in the place of ones that were missed (BK-11, BK-12)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from engage.audit.services import SYSTEM, Actor
from engage.booking import queries
from engage.booking.errors import NotPossible
from engage.booking.models import Appointment
from engage.booking.rules import keeping
from engage.booking.services.acting import act
from engage.booking.services.changing import cancel
from engage.booking.services.touches import end_calls
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.tasks import queries as tasks
from engage.tasks import services as to_do
from engage.tasks.rules import APPOINTMENT

if TYPE_CHECKING:
    from engage.tasks.models import Task

# The channel of what patients book on the phone, or take of what the waiting list offers.
BY_THEMSELVES: Final = "wechat"


def finish_call(
    session: Session, task_id: int, outcome: str, note: str = "", *, by: Actor, now: dt.datetime
) -> Task:
    """Write down what came of a call, and do to the visit what it means.

    Who will come has promised it; who does not want to is cancelled, the note being the reason; who did
    not come and does not come any more is a no-show. Of two at once the first is kept. Flushes, never
    commits. `now` is aware UTC.

    Raises:
        NotFound: there is no such task.
        TaskOver: somebody was faster, or the visit is another by now.
        OutcomeNeeded: this cannot come of it, or needs words.
        NotPossible: what it means cannot be done with the visit.
    """
    row = tasks.task(session, task_id)
    if row.subject_kind != APPOINTMENT:
        return to_do.finish(session, task_id, outcome, note, by=by, now=now)
    visit = queries.locked(session, row.subject_id)  # before the task: who changes a visit holds it first
    done = to_do.finish(session, task_id, outcome, note, by=by, now=now)
    _follow(session, visit, outcome, note, by=by, now=now)
    return done


def rebook(session: Session, missed_id: int, *, patient_id: int, by: Actor, now: dt.datetime) -> None:
    """A visit is made in the place of one that was missed: that one is a no-show, and its call is over.

    Raises:
        NotFound: there is no such visit, or it is another patient's.
        NotPossible: it has not been missed.
    """
    missed = queries.locked(session, missed_id)
    if missed.patient_id != patient_id:
        raise NotFound(appointment=missed_id)
    if missed.state == "confirmed" and now >= missed.starts_at and by.kind == "staff":
        act(session, missed.id, "no_show", by=by, now=now)
    if missed.state not in {"no_show", "cancelled"}:
        raise NotPossible
    end_calls(session, missed.id, "rebooked", by=by, now=now)


def tie(session: Session, made_id: int, *, now: dt.datetime) -> None:
    """Tie a visit that a patient booked by themselves to the one they missed; its call is over.

    One visit is tied to a missed one, and who ties it holds the missed one's row. Safe to repeat; flushes,
    never commits.
    """
    made = queries.appointment(session, made_id)
    if made.channel != BY_THEMSELVES or made.rebooked_from_id is not None:
        return
    since = made.booked_at - keeping.REBOOKED_WITHIN
    for missed_id in queries.missed_by(session, made.patient_id, since=since, until=made.booked_at):
        missed = queries.locked(session, missed_id)
        if keeping.is_rebooked(missed, made.booked_at) and queries.rebooked_as(session, missed_id) is None:
            made.rebooked_from_id = missed_id
            session.flush()
            to_do.finish_for(session, (APPOINTMENT, missed_id), "rebooked", by=SYSTEM, now=now)
            return


def _follow(
    session: Session, visit: Appointment, outcome: str, note: str, *, by: Actor, now: dt.datetime
) -> None:
    if outcome == "will_come" and visit.attendance_confirmed_at is None:
        act(session, visit.id, "attend", by=by, now=now)
    elif outcome == "cancelled":
        cancel(session, visit.id, visit.version, note, by=by, now=now, for_patient=True)
    elif outcome == "not_coming" and visit.state == "confirmed":
        act(session, visit.id, "no_show", by=by, now=now)
