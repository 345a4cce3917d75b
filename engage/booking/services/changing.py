"""Changing and cancelling a visit."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.booking import queries, rules
from engage.booking.errors import NotOpen, NotPossible, PatientBusy, ReasonNeeded, SlotFull, Stale, TooLate
from engage.booking.models import Appointment
from engage.booking.rules import PATIENT, STAFF, Slot, Span
from engage.booking.services import holds, ledger, limits
from engage.clinic import queries as clinic
from engage.kernel import outbox, settings
from engage.kernel.db import Session
from engage.notifications import services as notifications

# Messages that say what is no longer so, once a visit is changed or cancelled.
OLDER_MESSAGES = ("appointment_created", "appointment_changed")


@dataclass(frozen=True, slots=True)
class Change:
    """Where a visit moves to; `version` is the one that was seen by whom moves it."""

    appointment_id: int
    version: int
    store_id: int
    doctor_id: int | None
    starts_at: dt.datetime

    @property
    def target(self) -> tuple[int, int | None, dt.datetime]:
        """The store, the doctor and the time."""
        return self.store_id, self.doctor_id, self.starts_at


def change(session: Session, wish: Change, *, by: Actor, now: dt.datetime) -> Appointment:
    """Move a visit to another time, doctor or store: its places move by one statement.

    A repeat finds the visit where it is to be and changes nothing. The promise to come is asked for
    again, and messages that were not sent yet are withdrawn. Flushes, never commits; records
    `booking.changed`. `now` is aware UTC.

    Raises:
        NotFound: there is no such visit, or the fan is not bound to its patient.
        Stale: it was changed meanwhile.
        TooLate: a patient changes it when too little time is left.
        NotPossible: it is over, cancelled, or has begun.
        NotOpen: nobody is seen then, or not for as long as the item takes.
        NotOffered: a patient chooses a store that does not do what the visit is for.
        TooFar: a patient chooses a day too far ahead.
        SlotFull: the last place is gone; carries the nearest free slots.
        PatientBusy: the patient has another visit at that time, at any store.
    """
    visit = limits.visit(session, wish.appointment_id, by=by)
    if visit.state in rules.OPEN and _target(visit) == wish.target:
        return visit
    if visit.version != wish.version:
        raise Stale
    _check_change(session, visit, by=by, now=now)
    ledger.lock(session, ledger.patient(visit.patient_id))
    if limits.who(by) == PATIENT:
        days = settings.get(session, limits.HORIZON_DAYS)
        limits.check_day(clinic.store(session, wish.store_id).zone, wish.starts_at, days=days, now=now)
        if not holds.may_be_booked(session, wish.doctor_id):
            raise NotOpen
        limits.check_item(session, visit.item_id, wish.store_id)
    minutes = 0 if visit.item_id is None else clinic.item(session, visit.item_id).minutes
    slot = queries.slot_at(session, *wish.target, now=now, minutes=minutes)
    if slot is None:
        raise NotOpen
    fan_id = by.id if limits.who(by) == PATIENT else None
    freed = [_span(visit), *map(holds.span_of, holds.clear(session, slot.span, fan_id=fan_id, now=now))]
    if not ledger.move(session, rules.moves(freed, slot.span, slot.capacity)):
        raise SlotFull(nearest=queries.nearest_slots(session, *wish.target, now=now, minutes=minutes))
    if queries.is_busy(session, visit.patient_id, slot.span, but=visit.id):
        raise PatientBusy
    _move(visit, slot)
    session.flush()
    audit.record(session, "appointment.changed", by=by, subject=("appointment", visit.id), now=now)
    notifications.withdraw(session, OLDER_MESSAGES, visit.id, now=now)
    outbox.record(session, "booking.changed", now=now, appointment_id=visit.id, version=visit.version)
    return visit


def cancel(
    session: Session, appointment_id: int, version: int, reason: str, *, by: Actor, now: dt.datetime
) -> Appointment:
    """Cancel a visit and give its places back; a visit that is cancelled already stays as it is.

    Patients may until it begins; `late` says that the time for changes was over. Messages that were
    not sent yet are withdrawn. Flushes, never commits; records `booking.cancelled`. `now` is aware UTC.

    Raises:
        NotFound: there is no such visit, or the fan is not bound to its patient.
        ReasonNeeded: staff give no reason.
        Stale: it was changed meanwhile.
        NotPossible: it is over or has begun.
    """
    visit = limits.visit(session, appointment_id, by=by)
    if visit.state == "cancelled":
        return visit
    if limits.who(by) == STAFF and not reason:
        raise ReasonNeeded
    if visit.version != version:
        raise Stale
    if "cancel" not in rules.actions(visit, limits.who(by), now=now):
        raise NotPossible
    # Places come before the visit's own row: a booking for the same patient waits for that row
    # while it holds places.
    ledger.move(session, rules.moves([_span(visit)]))
    visit.state, visit.version = "cancelled", visit.version + 1
    visit.cancelled_at, visit.cancelled_by, visit.cancel_reason = now, limits.who(by), reason
    visit.late = now > visit.starts_at - limits.change_until(session)
    session.flush()
    audit.record(session, "appointment.cancelled", by=by, subject=("appointment", visit.id), now=now)
    notifications.withdraw(session, OLDER_MESSAGES, visit.id, now=now)
    outbox.record(session, "booking.cancelled", now=now, appointment_id=visit.id, version=visit.version)
    return visit


def _check_change(session: Session, visit: Appointment, *, by: Actor, now: dt.datetime) -> None:
    who, until = limits.who(by), limits.change_until(session)
    if "change" in rules.actions(visit, who, now=now, change_until=until):
        return
    if visit.state in rules.OPEN:
        raise TooLate(minutes=until // dt.timedelta(minutes=1))
    raise NotPossible


def _move(visit: Appointment, slot: Slot) -> None:
    visit.store_id, visit.doctor_id, visit.resource = slot.store_id, slot.doctor_id, slot.span.resource
    visit.starts_at, visit.ends_at = slot.starts_at, slot.ends_at
    visit.version += 1
    visit.attendance_confirmed_at = None


def _target(visit: Appointment) -> tuple[int, int | None, dt.datetime]:
    return visit.store_id, visit.doctor_id, visit.starts_at


def _span(visit: Appointment) -> Span:
    return Span(visit.resource, visit.starts_at, visit.ends_at)
