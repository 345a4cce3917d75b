"""Booking a visit."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import cast

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.booking import queries, rules
from engage.booking.errors import KeyReused, NotOffered, NotOpen, PatientBusy, SlotFull
from engage.booking.models import Appointment, Hold
from engage.booking.services import holds, ledger, limits
from engage.clinic import queries as clinic
from engage.kernel import due, outbox, settings
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.patients import queries as patients
from engage.patients import services as charts


@dataclass(frozen=True, slots=True)
class Book:
    """Who comes, where, to whom (None: to anybody), when, for what. `key` makes repeats one.

    `fan_id` is the fan who books by WeChat; `hold_id` is their hold, if the slot was kept for them.
    """

    key: uuid.UUID
    patient_id: int
    store_id: int
    doctor_id: int | None
    starts_at: dt.datetime
    item_id: int | None = None
    complaint: str = ""
    channel: str = "wechat"
    fan_id: int | None = None
    note: str = ""
    hold_id: int | None = None


def book(session: Session, wish: Book, *, by: Actor, now: dt.datetime) -> Appointment:
    """Take the places a visit needs and record it.

    Idempotent per `key`: a repeat returns the appointment it made, and of two at once the second
    waits for the first. The places of the fan's hold, and of one in the way, are taken over. An item that
    is longer than a slot takes as many slots as it needs. Flushes, never commits; records
    `booking.booked`. `now` is aware UTC.

    Raises:
        NotFound: a fan books for a patient to whom they are not bound.
        NotOpen: nobody is seen then, or not for as long as the item takes.
        NotOffered: a patient books an item that is off, or of other stores.
        TooFar: a patient books a day too far ahead.
        TooManyOpen: a patient books more than may be open.
        SlotFull: the last place is gone; carries the nearest free slots.
        PatientBusy: the patient has another visit at that time, at any store.
        KeyReused: the key belongs to another wish.
        ChartMoved, ChartErased: staff books for a chart that was merged into another, or erased.
    """
    names = [f"key {wish.key}", ledger.patient(wish.patient_id)]
    ledger.lock(session, *names, *([] if wish.fan_id is None else [ledger.fan(wish.fan_id)]))
    standing = queries.standing(session, wish.key, patient_id=wish.patient_id, fan_id=wish.fan_id, now=now)
    if standing.made_id is not None:
        return _same(queries.appointment(session, standing.made_id), wish)
    store = clinic.store(session, wish.store_id)
    item = None if wish.item_id is None else clinic.item(session, wish.item_id)
    if limits.who(by) == rules.PATIENT:
        if item and not item.enabled:
            raise NotOffered
        _check_patient(session, wish, standing, store.zone, now=now)
    else:
        charts.present(session, wish.patient_id)
    minutes = item.minutes if item else 0
    target = (wish.store_id, wish.doctor_id, wish.starts_at)
    slot = queries.slot_at(session, *target, now=now, minutes=minutes)
    if slot is None:
        raise NotOpen
    mine = (Hold.id == wish.hold_id) & (Hold.fan_id == wish.fan_id) if wish.hold_id else None
    freed = map(holds.span_of, holds.clear(session, slot.span, fan_id=wish.fan_id, now=now, mine=mine))
    if not ledger.move(session, rules.moves(freed, slot.span, slot.capacity)):
        raise SlotFull(nearest=queries.nearest_slots(session, *target, now=now, minutes=minutes))
    made = _insert(session, wish, slot, now=now)
    audit.record(session, "appointment.booked", by=by, subject=("appointment", made.id), now=now)
    return made


def _check_patient(
    session: Session, wish: Book, standing: queries.Standing, zone: str, *, now: dt.datetime
) -> None:
    """Keep a fan to their own patients and to what the chain allows."""
    if wish.fan_id is None or not patients.is_bound(session, wish.fan_id, wish.patient_id):
        raise NotFound(patient=wish.patient_id)
    if not holds.may_be_booked(session, wish.doctor_id):
        raise NotOpen
    limits.check_item(session, wish.item_id, wish.store_id)
    days, per_patient, per_fan = settings.several(
        session, limits.HORIZON_DAYS, limits.OPEN_PER_PATIENT, limits.OPEN_PER_FAN
    )
    limits.check_day(zone, wish.starts_at, days=days, now=now)
    limits.check_open(standing, per_patient=per_patient, per_fan=per_fan)


def _insert(session: Session, wish: Book, slot: rules.Slot, *, now: dt.datetime) -> Appointment:
    """Insert it, with its event, unless the patient is elsewhere then."""
    row = {
        "key": wish.key,
        "store_id": wish.store_id,
        "doctor_id": wish.doctor_id,
        "fan_id": wish.fan_id,
        "patient_id": wish.patient_id,
        "item_id": wish.item_id,
        "resource": slot.span.resource,
        "channel": wish.channel,
        "starts_at": slot.starts_at,
        "ends_at": slot.ends_at,
        "complaint": wish.complaint,
        "note": wish.note,
        "booked_at": now,
    }
    told = {f"new_{name}": value for name, value in row.items()}
    made = session.scalar(_INSERT, {**told, **outbox.values_of("booking.booked", now=now)})
    if made is None:
        raise PatientBusy
    due.ring(session, outbox.QUEUE)
    return made


def _inserting() -> sa.Select[Appointment]:
    """Build the statement that inserts an appointment and records `booking.booked`.

    One, for whoever wants the same place waits until it is committed. A plain insert would deadlock
    with its like (`docs/locking.md`).
    """
    table = cast("sa.Table", Appointment.__table__)
    told = {column: sa.bindparam(f"new_{column}", type_=table.c[column].type) for column in _TOLD}
    made = (
        insert(table)
        .values(state="confirmed", version=1, **told)
        .on_conflict_do_nothing()
        .returning(*table.c)
        .cte("made")
    )
    return sa.select(orm.aliased(Appointment, made)).add_cte(
        *outbox.recording(made, appointment_id=made.c.id)
    )


_TOLD = (
    "key",
    "store_id",
    "doctor_id",
    "fan_id",
    "patient_id",
    "item_id",
    "resource",
    "channel",
    "starts_at",
    "ends_at",
    "complaint",
    "note",
    "booked_at",
)
_INSERT = _inserting()


def _same(made: Appointment, wish: Book) -> Appointment:
    """Give the appointment of a repeat; once it was changed, only whose it is can be compared."""
    is_same = (made.patient_id, made.fan_id) == (wish.patient_id, wish.fan_id)
    earlier = (made.store_id, made.doctor_id, made.starts_at, made.item_id)
    wished = (wish.store_id, wish.doctor_id, wish.starts_at, wish.item_id)
    if not is_same or (made.version == 1 and earlier != wished):
        raise KeyReused
    return made
