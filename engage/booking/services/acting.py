"""What is done with a visit beside changing and cancelling it: the rest of `rules.ACTIONS`."""

from __future__ import annotations

import datetime as dt
from typing import Any

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.booking import queries, rules
from engage.booking.errors import NotPossible, PatientBusy, Stale
from engage.booking.models import Appointment
from engage.booking.rules import Action, Span
from engage.booking.services import ledger, limits
from engage.booking.services.changing import OLDER_MESSAGES
from engage.kernel import live, outbox, settings
from engage.kernel.db import Session
from engage.kernel.settings import Setting
from engage.notifications import services as notifications

# How many minutes after its time a visit still counts as kept.
KEPT_GRACE = Setting("booking.kept_grace_minutes", 15, allowed=lambda minutes: 0 <= minutes <= 120)


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
        PatientBusy: it cannot be taken back since the patient has another visit at that time.
    """
    visit, told = limits.visit(session, appointment_id, by=by), rules.ACTIONS[action]
    if is_done(visit, told):
        return visit
    if version not in {None, visit.version}:
        raise Stale
    if action in rules.APART or action not in rules.actions(visit, limits.who(by), now=now):
        raise NotPossible
    return follow(session, visit, told, by=by, now=now)


def follow(session: Session, visit: Appointment, told: Action, *, by: Actor, now: dt.datetime) -> Appointment:
    """Write what an action makes of a locked visit, and what follows: its version, trail and event.

    A visit in another state has another version, so that no message about how it was goes out any
    more. Who checks in by the time of the visit, or little later, has kept it: told once in its life.
    """
    if told.to in rules.LIVE and visit.state not in rules.LIVE:
        _check_free(session, visit)
    for name in told.clears:
        setattr(visit, name, None)
    if told.sets is not None:
        setattr(visit, told.sets, now)
    if told.to is not None:
        visit.state, visit.version = told.to, visit.version + 1
        notifications.withdraw(session, OLDER_MESSAGES, visit.id, now=now)
    session.flush()
    live.hint_at(session, visit.store_id, visit.starts_at)
    name = told.event.replace("booking.", "appointment.")
    audit.record(session, name, by=by, subject=("appointment", visit.id), now=now)
    outbox.record(session, told.event, now=now, **_told(visit))
    if told.to == "checked_in" and told.sets is not None:
        _note_kept(session, visit, now=now)
    return visit


def is_done(visit: Appointment, told: Action) -> bool:
    """Whether an action would change nothing: a repeat."""
    if told.to is not None:
        return visit.state == told.to
    if told.sets is not None:
        return getattr(visit, told.sets) is not None
    return bool(told.clears) and all(getattr(visit, name) is None for name in told.clears)


def _check_free(session: Session, visit: Appointment) -> None:
    """Refuse a visit that would be to come or take place again where the patient is elsewhere by now."""
    ledger.lock(session, ledger.patient(visit.patient_id))
    span = Span(visit.resource, visit.starts_at, visit.ends_at)
    if queries.is_busy(session, visit.patient_id, span, but=visit.id):
        raise PatientBusy


def _note_kept(session: Session, visit: Appointment, *, now: dt.datetime) -> None:
    grace = dt.timedelta(minutes=settings.get(session, KEPT_GRACE))
    if visit.kept_at is None and rules.is_kept(visit.starts_at, now, grace):
        visit.kept_at = now
        session.flush()
        outbox.record(session, "booking.kept", now=now, **_told(visit))


def _told(visit: Appointment) -> dict[str, Any]:
    """Give what an event tells: which visit and version, and its time and place as they are now."""
    return {
        "appointment_id": visit.id,
        "version": visit.version,
        "starts_at": visit.starts_at.isoformat(),
        "store_id": visit.store_id,
        "doctor_id": visit.doctor_id,
    }
