"""Working on what has fallen due about visits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import sqlalchemy as sa

from engage.audit.services import SYSTEM
from engage.booking import queries
from engage.booking.models import Appointment, Touch
from engage.booking.rules import keeping
from engage.booking.services import touches
from engage.booking.services.acting import act
from engage.booking.services.changing import decline_visit
from engage.booking.services.touches import QUEUE
from engage.clinic import queries as clinic
from engage.kernel import leases
from engage.kernel.db import Session
from engage.kernel.leases import Attempt, Claim
from engage.tasks import queries as tasks

# Writes the reminder of a visit; told by who works, for messages are worded above booking.
Remind = Callable[[Session, Touch, Appointment, dt.datetime], None]


def claim_touches(session: Session, *, now: dt.datetime) -> Claim:
    """Take touches that are due; commit before working on each by itself."""
    return leases.claim(session, Touch, QUEUE, now=now)


def next_touch_at(session: Session) -> dt.datetime | None:
    """Give when the next touch is due."""
    return leases.next_at(session, Touch, QUEUE)


def reach(session: Session, claimed: Claim, touch_id: int, remind: Remind, *, now: dt.datetime) -> None:
    """Do what is due about a visit, as the visit is at this moment.

    One that was changed, cancelled or begun since is left alone. What fails is tried again. Flushes,
    never commits. `now` is aware UTC.
    """
    visit_id = queries.visit_of_touch(session, touch_id)
    if visit_id is None:
        return
    visit = queries.locked(session, visit_id)
    for touch in leases.held(session, Touch, Claim(claimed.lease, [touch_id])):
        if (later := _not_now(session, touch, visit, now=now)) is not None:
            leases.defer(touch, later)
            continue
        attempt = Attempt(session, touch, now=now)
        with attempt:
            done = _is_due(session, touch, visit, now=now)
            if done:
                _do(session, touch, visit, remind, now=now)
        if attempt.succeeded:
            leases.settle(touch)
            touch.state, touch.ended_at = "done" if done else "dropped", now


def _not_now(session: Session, touch: Touch, visit: Appointment, *, now: dt.datetime) -> dt.datetime | None:
    """Give when a reminder goes out that was held up into the night, by a machine that was down."""
    zone = clinic.store(session, visit.store_id).zone
    if touch.kind not in keeping.REMINDERS or keeping.until_night(now, zone) is not None:
        return None
    morning = keeping.soon(now, zone, keeping.DAYTIME)
    return morning if now < morning < visit.starts_at else None


def _is_due(session: Session, touch: Touch, visit: Appointment, *, now: dt.datetime) -> bool:
    """Whether something is still to be done, asked of the visit as it is."""
    concerned = "requested" if touch.kind == keeping.UNANSWERED else "confirmed"
    if visit.state != concerned or visit.agreed_version != touch.version:
        return False
    if touch.kind in touches.UNTIL_PROMISED and visit.attendance_confirmed_at is not None:
        return False
    if touch.kind in keeping.REMINDERS:
        return now < visit.starts_at and not _is_overtaken(session, touch, now=now)
    if touch.kind == "call_new":
        is_new = not queries.has_come(session, visit.patient_id)
        return now < visit.starts_at and is_new and not tasks.was_asked(session, "call_new", visit.patient_id)
    if touch.kind == "call_no_show":
        return now < visit.starts_at + keeping.OF_USE_FOR
    return touch.kind not in keeping.CALLS or now < visit.starts_at


def _is_overtaken(session: Session, touch: Touch, *, now: dt.datetime) -> bool:
    """Whether a later reminder is due as well: after a stop of the machine one is enough."""
    later = sa.exists().where(
        Touch.appointment_id == touch.appointment_id,
        Touch.version == touch.version,
        Touch.kind.in_(keeping.REMINDERS),
        Touch.at > touch.at,
        Touch.at <= now,
    )
    return bool(session.scalar(sa.select(later)))


def _do(session: Session, touch: Touch, visit: Appointment, remind: Remind, *, now: dt.datetime) -> None:
    if touch.kind in keeping.REMINDERS:
        remind(session, touch, visit, now)
    elif touch.kind in keeping.CALLS:
        touches.call(session, visit, touch.kind, now=now)
    elif touch.kind == "day_close":
        act(session, visit.id, "no_show", by=SYSTEM, now=now)
    elif touch.kind == keeping.UNANSWERED:
        decline_visit(session, visit.id, visit.version, keeping.NOT_ANSWERED, by=SYSTEM, now=now)
    else:
        touches.arrange(session, visit.id, now=now)
