"""What is done with a visit beside changing and cancelling it: the rest of `rules.ACTIONS`."""

from __future__ import annotations

import datetime as dt

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.booking import queries, rules
from engage.booking.errors import NotPossible, PatientBusy, Stale
from engage.booking.models import Appointment
from engage.booking.rules import Action, Span
from engage.booking.services import ledger, limits
from engage.kernel import outbox
from engage.kernel.db import Session


def act(
    session: Session,
    appointment_id: int,
    action: str,
    *,
    version: int | None = None,
    by: Actor,
    now: dt.datetime,
) -> Appointment:
    """Do something with a visit; a repeat changes nothing.

    The caller has looked whether its permission is held. `version` is the one that was seen, where what
    is done is said of a time: who promises to come promises it for that one. Flushes, never commits;
    records the action's event. `now` is aware UTC.

    Raises:
        NotFound: there is no such visit, or the fan is not bound to its patient.
        Stale: it was changed meanwhile.
        NotPossible: the table of actions does not allow it now, or another service does it.
        PatientBusy: a no-show cannot be corrected since the patient has another visit at that time.
    """
    visit, told = limits.visit(session, appointment_id, by=by), rules.ACTIONS[action]
    if _is_done(visit, told):
        return visit
    if version not in {None, visit.version}:
        raise Stale
    if action in rules.APART or action not in rules.actions(visit, limits.who(by), now=now):
        raise NotPossible
    if action == "correct":
        ledger.lock(session, ledger.patient(visit.patient_id))
        span = Span(visit.resource, visit.starts_at, visit.ends_at)
        if queries.is_busy(session, visit.patient_id, span, but=visit.id):
            raise PatientBusy
        visit.no_show_at = None
    if told.to is not None:
        visit.state = told.to
    if told.sets is not None:
        setattr(visit, told.sets, now)
    session.flush()
    name = told.event.replace("booking.", "appointment.")
    audit.record(session, name, by=by, subject=("appointment", visit.id), now=now)
    outbox.record(session, told.event, now=now, appointment_id=visit.id, version=visit.version)
    return visit


def _is_done(visit: Appointment, told: Action) -> bool:
    if told.to is not None:
        return visit.state == told.to
    return told.sets is not None and getattr(visit, told.sets) is not None
