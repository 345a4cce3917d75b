"""What a chain allows: settings of booking, and who is asked to keep to them."""

from __future__ import annotations

import datetime as dt

from engage.audit.services import Actor
from engage.booking import queries, rules
from engage.booking.errors import NoSelfBooking, NotOffered, NotOpen, TooFar, TooManyOpen, TooSoon
from engage.booking.models import Appointment
from engage.booking.rules import PATIENT, STAFF
from engage.booking.rules.terms import Terms
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.patients import queries as patients


def who(by: Actor) -> str:
    """Say for whom the table of actions is asked."""
    return PATIENT if by.kind == "fan" else STAFF


def visit(session: Session, appointment_id: int, *, by: Actor) -> Appointment:
    """Give a visit that somebody is to do something with, and keep others from it until the end.

    Raises:
        NotFound: there is none, or it is a fan who is not bound to its patient.
    """
    found = queries.locked(session, appointment_id)
    if who(by) == PATIENT and not (by.id and patients.is_bound(session, by.id, found.patient_id)):
        raise NotFound(appointment=appointment_id)
    return found


def check_patient(known: queries.Known, wish: queries.Wished, *, now: dt.datetime) -> None:
    """Keep a fan to their own patients and to what store and chain allow.

    Raises:
        NotFound: the fan is not bound to the patient, or patients do not see the store.
        NotOffered: the item is off, or one of other stores.
        NotOpen: patients do not book this doctor by themselves, or no visit begins then.
        NoSelfBooking, TooFar, TooSoon: the store's terms do not allow it.
        TooManyOpen: as many visits as may be are open.
    """
    item = known.situation.item
    if item and not item.enabled:
        raise NotOffered
    if wish.fan_id is None or not known.is_bound:
        raise NotFound(patient=wish.patient_id)
    if not known.situation.is_shown:
        raise NotFound(store=wish.store_id)
    if wish.doctor_id is not None and not known.situation.may_be_booked:
        raise NotOpen
    if item and not item.is_done_here:
        raise NotOffered
    check_terms(known.terms, known.situation.zone, wish.starts_at, now=now)
    check_open(known)


def check_terms(terms: Terms, zone: str, starts_at: dt.datetime, *, now: dt.datetime) -> None:
    """Refuse what patients may not book by themselves at a store (BK-2).

    Raises:
        NoSelfBooking: the store takes no visits from patients' phones.
        TooFar: the day is further ahead than it may be; carries `days`.
        TooSoon: the day is nearer than it may be; carries the `first` day.
        NotOpen: visits do not begin at that time of day.
    """
    if not terms.self_booking:
        raise NoSelfBooking
    first, last = rules.terms.days(terms, clock.local(now, zone).date())
    day = clock.local(starts_at, zone).date()
    if day > last:
        raise TooFar(days=terms.horizon_days)
    if day < first:
        raise TooSoon(first=first)
    if not rules.terms.is_within(terms, starts_at, zone):
        raise NotOpen


def check_item(session: Session, item_id: int | None, store_id: int) -> None:
    """Refuse what a store does not do.

    Raises:
        NotOffered: the item is one of other stores.
        NotFound: there is no such item.
    """
    if item_id is not None and not clinic.is_done_at(session, item_id, store_id):
        raise NotOffered


def check_open(known: queries.Known) -> None:
    """Refuse one visit more than may be open. Sure only under the locks of patient and fan.

    Raises:
        TooManyOpen: the patient, or the fan for all their patients, has as many as may be.
    """
    if known.of_patient >= known.open_per_patient or known.of_fan >= known.open_per_fan:
        raise TooManyOpen
