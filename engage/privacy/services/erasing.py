"""A person is erased: names, numbers and words go, ledgers stay without identity (PT-8)."""

from __future__ import annotations

import datetime as dt

from engage.audiences import services as audiences
from engage.audit import services as audit
from engage.audit.services import SYSTEM, Actor
from engage.booking import queries as booking
from engage.booking import services as booking_services
from engage.fans.services import tasks as fan_tasks
from engage.kernel import outbox, people
from engage.kernel.db import Session
from engage.patients import persons
from engage.patients.errors import ChartErased
from engage.patients.services import facts, merging
from engage.privacy import queries
from engage.privacy.errors import AppointmentsLeft
from engage.privacy.holders import everything
from engage.privacy.models import PrivacyTask
from engage.privacy.services import tasks


def erase(session: Session, patient_id: int, *, by: Actor = SYSTEM, now: dt.datetime) -> None:
    """Erase a person in one transaction; files follow after it. Records `patients.erased`.

    Raises:
        ChartErased: it was done before, or there is no such chart.
        AppointmentsLeft: a visit was booked meanwhile.
    """
    booking_services.hold_patients(session, [patient_id])
    chart = merging.both(session, patient_id, patient_id).get(patient_id)
    if chart is None or chart.erased_at is not None or chart.merged_into_id is not None:
        raise ChartErased
    who = queries.who(session, patient_id)
    if booking.standing_of(session, who.patient_ids):
        raise AppointmentsLeft
    keys = [key for kept in everything() for key in people.files(session, kept, who)]
    for kept in everything():
        people.erase(session, kept, who, now=now)
    keys += fan_tasks.withdraw_exports(session, now=now)
    session.flush()
    session.expire_all()
    audiences.recompute(session, persons.fans_ever_of(session, who.patient_ids))
    facts.hold(session, patient_id)
    facts.recompute(session, patient_id, booking.came_of(session, patient_id), now=now)
    tasks.forget_files(session, keys, now=now)
    audit.record(session, "patient.erased", by=by, subject=("patient", patient_id), now=now)
    outbox.record(session, "patients.erased", now=now, patient_id=patient_id)


def carry_out(session: Session, task: PrivacyTask, *, now: dt.datetime) -> None:
    """Do an erasure that was asked for; one that is no longer possible fails at once, and says why."""
    if task.patient_id is None:
        raise ChartErased
    by = SYSTEM if task.asked_by is None else Actor("staff", task.asked_by)
    erase(session, task.patient_id, by=by, now=now)
    tasks.settle(task, now=now)
