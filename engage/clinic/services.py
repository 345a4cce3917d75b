"""Setting up stores, doctors and rosters."""

from __future__ import annotations

import datetime as dt

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic.models import Doctor, Shift, Store
from engage.kernel.db import Session


def create_store(
    session: Session,
    *,
    slug: str,
    name: str,
    short_name: str,
    address: str,
    zone: str,
    position: int,
    by: Actor,
    now: dt.datetime,
) -> Store:
    """Add a store to the chain."""
    store = Store(slug=slug, name=name, short_name=short_name, address=address, zone=zone, position=position)
    session.add(store)
    session.flush()
    audit.record(session, "store.created", by=by, subject=("store", store.id), now=now)
    return store


def create_doctor(
    session: Session, *, name: str, title: str, position: int, by: Actor, now: dt.datetime
) -> Doctor:
    """Add a doctor to the chain."""
    doctor = Doctor(name=name, title=title, position=position)
    session.add(doctor)
    session.flush()
    audit.record(session, "doctor.created", by=by, subject=("doctor", doctor.id), now=now)
    return doctor


def add_shift(
    session: Session,
    *,
    doctor_id: int,
    store_id: int,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    slot_minutes: int,
    per_slot: int,
) -> Shift:
    """Open a stretch of a doctor's time at a store."""
    shift = Shift(
        doctor_id=doctor_id,
        store_id=store_id,
        starts_at=starts_at,
        ends_at=ends_at,
        slot_minutes=slot_minutes,
        per_slot=per_slot,
    )
    session.add(shift)
    session.flush()
    return shift
