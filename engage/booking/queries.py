"""Reading places and appointments."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.booking import rules
from engage.booking.models import Appointment, Place
from engage.clinic import queries as clinic
from engage.kernel.db import Session
from engage.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Row:
    """An appointment as a list shows it."""

    id: int
    starts_at: dt.datetime
    patient_name: str
    doctor: str
    store: str
    state: str
    channel: str


def resource_of(doctor_id: int) -> str:
    """Give the ledger's name of a doctor's time."""
    return f"doctor:{doctor_id}"


def take(session: Session, resource: str, grid_start: dt.datetime, capacity: int) -> bool:
    """Take one place by one statement; False if none is left. The row is made when first taken."""
    statement = insert(Place).values(resource=resource, grid_start=grid_start, capacity=capacity, taken=1)
    taken = session.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "resource", "grid_start"],
            set_={"taken": Place.taken + 1},
            where=Place.taken < Place.capacity,
        ).returning(Place.taken)
    ).first()
    return taken is not None


def hold_key(session: Session, key: uuid.UUID) -> None:
    """Let one transaction at a time act on an idempotency key; released at its end."""
    low = int.from_bytes(key.bytes[:8], signed=True)
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(low)))


def slots(
    session: Session, doctor_id: int, *, begin: dt.datetime, end: dt.datetime, now: dt.datetime
) -> list[rules.Slot]:
    """Give a doctor's slots in a half-open interval with the places left, in two queries."""
    stretches = [
        rules.Stretch(
            shift.store_id,
            shift.starts_at,
            shift.ends_at,
            dt.timedelta(minutes=shift.slot_minutes),
            shift.per_slot,
        )
        for shift in clinic.shifts(session, doctor_id, begin=begin, end=end)
    ]
    taken = _taken(session, resource_of(doctor_id), begin=begin, end=end)
    return [slot for slot in rules.grid(stretches, taken, now=now) if begin <= slot.starts_at < end]


def by_key(session: Session, key: uuid.UUID) -> Appointment | None:
    """Give the appointment that a booking with this key made."""
    return session.scalar(sa.select(Appointment).where(Appointment.key == key))


def appointment(session: Session, appointment_id: int, *, fan_id: int | None = None) -> Appointment:
    """Give one appointment; with `fan_id`, only if it is this fan's.

    Raises:
        NotFound: there is none, or it is another's.
    """
    found = session.get(Appointment, (session.tenant_id, appointment_id))
    if found is None or (fan_id is not None and found.fan_id != fan_id):
        raise NotFound(appointment=appointment_id)
    return found


def of_fan(
    session: Session, fan_id: int, *, now: dt.datetime, limit: int
) -> tuple[Sequence[Appointment], Sequence[Appointment]]:
    """Give a fan's appointments: those to come, nearest first, and those past, latest first."""
    mine = sa.select(Appointment).where(Appointment.fan_id == fan_id).limit(limit)
    at = Appointment.starts_at
    coming = session.scalars(mine.where(at >= now).order_by(at, Appointment.id)).all()
    past = session.scalars(mine.where(at < now).order_by(at.desc(), Appointment.id.desc())).all()
    return coming, past


def between(
    session: Session, *, begin: dt.datetime, end: dt.datetime, store_ids: frozenset[int] | None
) -> Sequence[Row]:
    """Give the appointments of a half-open interval by time, at some stores or (None) at all."""
    statement = (
        sa.select(Appointment)
        .where(Appointment.starts_at >= begin, Appointment.starts_at < end)
        .order_by(Appointment.starts_at, Appointment.id)
    )
    if store_ids is not None:
        statement = statement.where(Appointment.store_id.in_(store_ids))
    found = session.scalars(statement).all()
    doctors, stores = clinic.names(session, {row.doctor_id for row in found}, {row.store_id for row in found})
    return [
        Row(
            row.id,
            row.starts_at,
            row.patient_name,
            doctors[row.doctor_id],
            stores[row.store_id],
            row.state,
            row.channel,
        )
        for row in found
    ]


def counts_by_day(
    session: Session, *, begin: dt.datetime, end: dt.datetime, zone: str, store_ids: frozenset[int] | None
) -> Mapping[dt.date, int]:
    """Give how many appointments each local day of an interval has; days without are left out."""
    day = sa.cast(sa.func.timezone(zone, Appointment.starts_at), sa.Date)
    statement = (
        sa.select(day.label("day"), sa.func.count().label("booked"))
        .where(Appointment.starts_at >= begin, Appointment.starts_at < end)
        .group_by(day)
    )
    if store_ids is not None:
        statement = statement.where(Appointment.store_id.in_(store_ids))
    return {row.day: row.booked for row in session.execute(statement)}


def _taken(
    session: Session, resource: str, *, begin: dt.datetime, end: dt.datetime
) -> Mapping[dt.datetime, int]:
    rows = session.execute(
        sa.select(Place.grid_start, Place.taken).where(
            Place.resource == resource, Place.grid_start >= begin, Place.grid_start < end
        )
    )
    return {row.grid_start: row.taken for row in rows}
