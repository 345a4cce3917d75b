"""Reading stores, doctors and rosters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from engage.clinic.models import Doctor, Shift, Store
from engage.kernel.db import Session
from engage.kernel.errors import NotFound


def stores(session: Session) -> Sequence[Store]:
    """Give all stores of the chain, in the clinic's order."""
    return session.scalars(sa.select(Store).order_by(Store.position, Store.id)).all()


def store(session: Session, store_id: int) -> Store:
    """Give one store.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Store, (session.tenant_id, store_id))
    if found is None:
        raise NotFound(store=store_id)
    return found


def doctor(session: Session, doctor_id: int) -> Doctor:
    """Give one doctor.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Doctor, (session.tenant_id, doctor_id))
    if found is None:
        raise NotFound(doctor=doctor_id)
    return found


def doctors(session: Session) -> Sequence[Doctor]:
    """Give all doctors, in the clinic's order."""
    return session.scalars(sa.select(Doctor).order_by(Doctor.position, Doctor.id)).all()


def names(
    session: Session, doctor_ids: Collection[int], store_ids: Collection[int]
) -> tuple[Mapping[int, str], Mapping[int, str]]:
    """Give names of doctors and short names of stores, for lists."""
    doctors_named = session.execute(sa.select(Doctor.id, Doctor.name).where(Doctor.id.in_(doctor_ids)))
    stores_named = session.execute(sa.select(Store.id, Store.short_name).where(Store.id.in_(store_ids)))
    return {row.id: row.name for row in doctors_named}, {row.id: row.short_name for row in stores_named}


def shifts(session: Session, doctor_id: int, *, begin: dt.datetime, end: dt.datetime) -> Sequence[Shift]:
    """Give a doctor's shifts that touch the half-open interval, in order."""
    return session.scalars(
        sa.select(Shift)
        .where(Shift.doctor_id == doctor_id, Shift.starts_at < end, Shift.ends_at > begin)
        .order_by(Shift.starts_at)
    ).all()
