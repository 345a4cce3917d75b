"""Changing and cancelling a visit."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.booking import queries, rules
from engage.booking.errors import NotOpen, NotPossible, PatientBusy, ReasonNeeded, SlotFull, Stale, TooLate
from engage.booking.models import Appointment, Hold
from engage.booking.rules import PATIENT, STAFF, Slot, Span
from engage.booking.services import holds, ledger, limits, touches
from engage.clinic import queries as clinic
from engage.kernel import live, outbox
from engage.kernel.db import Session
from engage.notifications import services as notifications

# Messages that say what is no longer so, once a visit is changed or cancelled.
OLDER_MESSAGES = ("appointment_created", "appointment_changed", "appointment_first")


@dataclass(frozen=True, slots=True)
class Change:
    """Where a visit moves to; `version` is the one that was seen by whom moves it.

    `hold_id` is the hold of an offer that keeps the place for it.
    """

    appointment_id: int
    version: int
    store_id: int
    doctor_id: int | None
    starts_at: dt.datetime
    hold_id: int | None = None

    @property
    def target(self) -> tuple[int, int | None, dt.datetime]:
        """The store, the doctor and the time."""
        return self.store_id, self.doctor_id, self.starts_at


def change(session: Session, wish: Change, *, by: Actor, now: dt.datetime) -> Appointment:
    """Move a visit to another time, doctor or store: its places move by one statement.

    A repeat finds the visit where it is to be and changes nothing. A patient's move to where the store
    looks at visits first waits for its approval again. The promise to come is asked for
    again, and messages that were not sent yet are withdrawn. Flushes, never commits; records
    `booking.changed`. `now` is aware UTC.

    Raises:
        NotFound: there is no such visit, or the fan is not bound to its patient, or moves it to a store
            that patients do not see.
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
    terms = queries.terms(session, wish.store_id)
    if limits.who(by) == PATIENT:
        stays = wish.store_id == visit.store_id
        zone = (clinic.store if stays else clinic.shown_store)(session, wish.store_id).zone
        limits.check_terms(terms, zone, wish.starts_at, now=now)
        if not holds.may_be_booked(session, wish.doctor_id):
            raise NotOpen
        limits.check_item(session, visit.item_id, wish.store_id)
    minutes = 0 if visit.item_id is None else clinic.item(session, visit.item_id).minutes
    slot = queries.slot_at(session, *wish.target, now=now, minutes=minutes, item_id=visit.item_id)
    if slot is None:
        raise NotOpen
    fan_id = by.id if limits.who(by) == PATIENT else None
    kept = None if wish.hold_id is None else Hold.id == wish.hold_id
    cleared = holds.clear(session, slot.span, fan_id=fan_id, now=now, mine=kept)
    freed = [_span(visit), *map(holds.span_of, cleared)]
    if not ledger.move(session, rules.moves(freed, slot.span, slot.capacity)):
        allowed = terms if limits.who(by) == PATIENT else None
        raise SlotFull(
            nearest=queries.nearest_slots(
                session, *wish.target, now=now, minutes=minutes, item_id=visit.item_id, allowed=allowed
            )
        )
    if queries.is_busy(session, visit.patient_id, slot.span, but=visit.id):
        raise PatientBusy
    live.hint_at(session, visit.store_id, visit.starts_at)
    _move(visit, slot, now=now)
    if limits.who(by) == PATIENT:
        visit.state = "requested" if terms.approval else "confirmed"
    session.flush()
    live.hint_at(session, visit.store_id, visit.starts_at)
    audit.record(session, "appointment.changed", by=by, subject=("appointment", visit.id), now=now)
    notifications.withdraw(session, OLDER_MESSAGES, visit.id, now=now)
    touches.end_calls(session, visit.id, "rebooked", by=by, now=now)
    outbox.record(session, "booking.changed", now=now, appointment_id=visit.id, version=visit.version)
    return visit


def cancel(
    session: Session,
    appointment_id: int,
    version: int,
    reason: str,
    *,
    by: Actor,
    now: dt.datetime,
    for_patient: bool = False,
) -> Appointment:
    """Cancel a visit and give its places back; a visit that is cancelled already stays as it is.

    Patients may until it begins; `late` says that the time for changes was over. Staff who do it
    `for_patient` were asked to: it counts as the patient's. Messages that were
    not sent yet are withdrawn. Flushes, never commits; records `booking.cancelled`. `now` is aware UTC.

    Raises:
        NotFound: there is no such visit, or the fan is not bound to its patient.
        ReasonNeeded: staff give no reason.
        Stale: it was changed meanwhile.
        NotPossible: it is over or has begun.
    """
    return _end(session, "cancel", appointment_id, version, reason, by=by, now=now, for_patient=for_patient)


def decline_visit(
    session: Session, appointment_id: int, version: int, reason: str, *, by: Actor, now: dt.datetime
) -> Appointment:
    """Refuse a visit that was asked for, and give its places back; one that is cancelled already stays.

    Messages that were not sent yet are withdrawn. Flushes, never commits; records `booking.declined`.
    `now` is aware UTC.

    Raises:
        NotFound: there is no such visit.
        ReasonNeeded: no reason is given.
        Stale: it was changed meanwhile.
        NotPossible: it does not wait for approval, or a patient asks.
    """
    return _end(session, "decline", appointment_id, version, reason, by=by, now=now)


def _end(
    session: Session,
    name: str,
    appointment_id: int,
    version: int,
    reason: str,
    *,
    by: Actor,
    now: dt.datetime,
    for_patient: bool = False,
) -> Appointment:
    """Do one of the actions after which a visit is off."""
    visit, told = limits.visit(session, appointment_id, by=by), rules.ACTIONS[name]
    if visit.state == "cancelled":
        return visit
    if limits.who(by) == STAFF and not reason:
        raise ReasonNeeded
    if visit.version != version:
        raise Stale
    if name not in rules.actions(visit, limits.who(by), now=now):
        raise NotPossible
    # Places come before the visit's own row: a booking for the same patient waits for that row
    # while it holds places.
    ledger.move(session, rules.moves([_span(visit)]))
    visit.state, visit.version = "cancelled", visit.version + 1
    visit.cancelled_at, visit.cancel_reason = now, reason
    visit.cancelled_by = PATIENT if for_patient else limits.who(by)
    visit.late = now > visit.starts_at - queries.terms(session, visit.store_id).change_until
    session.flush()
    live.hint_at(session, visit.store_id, visit.starts_at)
    audited = told.event.replace("booking.", "appointment.")
    audit.record(session, audited, by=by, subject=("appointment", visit.id), now=now)
    notifications.withdraw(session, OLDER_MESSAGES, visit.id, now=now)
    touches.end_calls(session, visit.id, "cancelled", by=by, now=now)
    outbox.record(session, told.event, now=now, appointment_id=visit.id, version=visit.version)
    return visit


def _check_change(session: Session, visit: Appointment, *, by: Actor, now: dt.datetime) -> None:
    who, until = limits.who(by), queries.terms(session, visit.store_id).change_until
    if "change" in rules.actions(visit, who, now=now, change_until=until):
        return
    if visit.state in rules.OPEN:
        raise TooLate(minutes=until // dt.timedelta(minutes=1))
    raise NotPossible


def _move(visit: Appointment, slot: Slot, *, now: dt.datetime) -> None:
    visit.store_id, visit.doctor_id, visit.resource = slot.store_id, slot.doctor_id, slot.span.resource
    visit.starts_at, visit.ends_at = slot.starts_at, slot.ends_at
    visit.version += 1
    visit.agreed_version, visit.moved_at = visit.version, now
    visit.attendance_confirmed_at = None


def _target(visit: Appointment) -> tuple[int, int | None, dt.datetime]:
    return visit.store_id, visit.doctor_id, visit.starts_at


def _span(visit: Appointment) -> Span:
    return Span(visit.resource, visit.starts_at, visit.ends_at)
