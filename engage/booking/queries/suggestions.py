"""Free times to offer at once: what suits a patient best, and what is nearest with others (BK-6, BK-13)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from engage.booking.models import Appointment
from engage.booking.queries.openings import all_stretches, slots_in
from engage.booking.queries.stretches import stretches_elsewhere, stretches_of_doctor
from engage.booking.queries.terms import terms, terms_of
from engage.booking.rules import CAME, Slot
from engage.booking.rules.ranking import REMEMBERED, Habit, habit
from engage.booking.rules.terms import may_begin
from engage.clinic import queries as clinic
from engage.kernel.db import Session

if TYPE_CHECKING:
    from engage.clinic.models import Store


def free_slots(
    session: Session, store_id: int, *, begin: dt.datetime, end: dt.datetime, now: dt.datetime
) -> list[Slot]:
    """Give what patients may book themselves at a store, with any doctor or none, in order.

    In the same few queries, however many doctors there are.
    """
    store, allowed = clinic.store(session, store_id), terms(session, store_id)
    doctors = [doctor.id for doctor in clinic.doctors(session) if doctor.bookable]
    opened = all_stretches(session, store, doctors, begin=begin, end=end)
    slots = slots_in(session, opened, begin=begin, end=end, now=now)
    return sorted(
        (slot for slot in slots if slot.free and may_begin(allowed, slot.starts_at, store.zone, now=now)),
        key=lambda slot: (slot.starts_at, slot.doctor_id is None),
    )


def free_elsewhere(
    session: Session,
    stores: Sequence[Store],
    doctor_id: int | None,
    *,
    begin: dt.datetime,
    end: dt.datetime,
    now: dt.datetime,
) -> list[Slot]:
    """Give what patients may book themselves at some stores: of one doctor, or (None) without one, in order.

    In the same few queries, however many stores there are.
    """
    zones = {store.id: store.zone for store in stores}
    if doctor_id is None:
        opened = stretches_elsewhere(session, stores, begin=begin, end=end)
    else:
        opened = stretches_of_doctor(session, doctor_id, list(zones), begin=begin, end=end)
    allowed = terms_of(session, zones)
    return sorted(
        (
            slot
            for slot in slots_in(session, opened, begin=begin, end=end, now=now)
            if slot.free and may_begin(allowed[slot.store_id], slot.starts_at, zones[slot.store_id], now=now)
        ),
        key=lambda slot: (slot.starts_at, slot.store_id),
    )


def habit_of(session: Session, patient_ids: Collection[int], zone: str) -> Habit | None:
    """Give when some patients usually come; None if they never came."""
    came = session.scalars(
        sa.select(Appointment.starts_at)
        .where(Appointment.patient_id.in_(patient_ids), Appointment.state.in_(CAME))
        .order_by(Appointment.starts_at.desc())
        .limit(REMEMBERED)
    )
    return habit(came, zone)


def others_near(
    slots: Sequence[Slot], full: tuple[int, int | None], wished: dt.datetime, *, count: int
) -> list[Slot]:
    """Give the free slots nearest to a time, one of each doctor and store, in the order of time.

    `full` is the store and the doctor that have none.
    """
    found: dict[tuple[int, int | None], Slot] = {}
    for slot in sorted(slots, key=lambda slot: (abs(slot.starts_at - wished), slot.starts_at)):
        if (slot.store_id, slot.doctor_id) != full:
            found.setdefault((slot.store_id, slot.doctor_id), slot)
    return sorted(list(found.values())[:count], key=lambda slot: slot.starts_at)
