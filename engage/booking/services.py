"""Booking a visit."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from engage.booking import queries, rules
from engage.booking.errors import KeyReused, NotOpen, SlotFull
from engage.booking.models import Appointment
from engage.kernel import outbox
from engage.kernel.db import Session
from engage.kernel.settings import Setting

HORIZON_DAYS = Setting("booking.horizon_days", 14, allowed=lambda days: 0 <= days <= 365)

NEAR = dt.timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Book:
    """A fan's wish: this doctor at this time. `key` makes repeats one."""

    key: uuid.UUID
    fan_id: int
    doctor_id: int
    starts_at: dt.datetime
    patient_name: str
    channel: str = "wechat"


def book(session: Session, wish: Book, *, now: dt.datetime) -> Appointment:
    """Take one of the doctor's places and record the appointment.

    Idempotent per `key`: a repeat returns the appointment it made, and of two at once the second
    waits for the first. Flushes, never commits; records `booking.booked`. `now` is aware UTC.

    Raises:
        NotOpen: the doctor does not see patients then, or the time has begun.
        SlotFull: the last place is gone; carries the nearest free slots.
        KeyReused: the key belongs to another wish.
    """
    queries.hold_key(session, wish.key)
    if made := queries.by_key(session, wish.key):
        return _same(made, wish)
    around = queries.slots(
        session, wish.doctor_id, begin=wish.starts_at - NEAR, end=wish.starts_at + NEAR, now=now
    )
    slot = next((slot for slot in around if slot.starts_at == wish.starts_at), None)
    if slot is None:
        raise NotOpen
    if not queries.take(session, queries.resource_of(wish.doctor_id), slot.starts_at, slot.capacity):
        raise SlotFull(nearest=rules.nearest(around, wish.starts_at))
    appointment = Appointment(
        key=wish.key,
        store_id=slot.store_id,
        doctor_id=wish.doctor_id,
        fan_id=wish.fan_id,
        patient_name=wish.patient_name,
        state="confirmed",
        version=1,
        channel=wish.channel,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        booked_at=now,
    )
    session.add(appointment)
    session.flush()
    outbox.record(session, "booking.booked", now=now, appointment_id=appointment.id)
    return appointment


def _same(made: Appointment, wish: Book) -> Appointment:
    earlier = (made.fan_id, made.doctor_id, made.starts_at, made.patient_name)
    if earlier != (wish.fan_id, wish.doctor_id, wish.starts_at, wish.patient_name):
        raise KeyReused
    return made
