"""Doctors."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic.models import Doctor
from engage.kernel import outbox
from engage.kernel.db import Session
from engage.kernel.errors import NotFound


def create_doctor(
    session: Session,
    *,
    name: str,
    title: str,
    position: int,
    by: Actor,
    now: dt.datetime,
    bookable: bool = True,
    introduction: str = "",
    good_at: str = "",
    is_expert: bool = False,
) -> Doctor:
    """Add a doctor to the chain."""
    doctor = Doctor(
        name=name,
        title=title,
        position=position,
        bookable=bookable,
        introduction=introduction,
        good_at=good_at,
        is_expert=is_expert,
    )
    session.add(doctor)
    session.flush()
    audit.record(session, "doctor.created", by=by, subject=("doctor", doctor.id), now=now)
    return doctor


def update_doctor(
    session: Session,
    doctor_id: int,
    *,
    name: str,
    title: str,
    bookable: bool,
    introduction: str,
    good_at: str,
    is_expert: bool,
    by: Actor,
    now: dt.datetime,
) -> Doctor:
    """Change a doctor. Who is no longer bookable keeps shifts and appointments.

    Records `clinic.opened` of all stores where patients may book the doctor again.

    Raises:
        NotFound: no such doctor.
    """
    doctor = session.scalar(sa.select(Doctor).where(Doctor.id == doctor_id).with_for_update())
    if doctor is None:
        raise NotFound(doctor=doctor_id)
    typed = {
        "name": name,
        "title": title,
        "bookable": bookable,
        "introduction": introduction,
        "good_at": good_at,
        "is_expert": is_expert,
    }
    changed = [field for field, value in typed.items() if getattr(doctor, field) != value]
    for field in changed:
        setattr(doctor, field, typed[field])
    if changed:
        audit.record(session, "doctor.updated", by=by, subject=("doctor", doctor_id), now=now, fields=changed)
    if "bookable" in changed and bookable:
        outbox.record(session, "clinic.opened", now=now, store_id=None)
    return doctor
