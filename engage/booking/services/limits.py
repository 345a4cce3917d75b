"""What a chain allows: settings of booking, and who is asked to keep to them."""

from __future__ import annotations

import datetime as dt

from engage.audit.services import Actor
from engage.booking import queries
from engage.booking.errors import NotOffered, TooFar, TooManyOpen
from engage.booking.models import Appointment
from engage.booking.rules import PATIENT, STAFF
from engage.clinic import queries as clinic
from engage.kernel import clock, settings
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.settings import Setting
from engage.patients import queries as patients

HORIZON_DAYS = Setting("booking.horizon_days", 14, allowed=lambda days: 0 <= days <= 365)
OPEN_PER_PATIENT = Setting("booking.open_per_patient", 3, allowed=lambda count: 1 <= count <= 50)
OPEN_PER_FAN = Setting("booking.open_per_fan", 5, allowed=lambda count: 1 <= count <= 50)
CHANGE_UNTIL = Setting(
    "booking.change_until_minutes", 120, allowed=lambda minutes: 0 <= minutes <= 7 * 24 * 60
)


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


def change_until(session: Session) -> dt.timedelta:
    """Give how long before a visit patients may still change it, and cancel without being late."""
    return dt.timedelta(minutes=settings.get(session, CHANGE_UNTIL))


def check_day(zone: str, starts_at: dt.datetime, *, days: int, now: dt.datetime) -> None:
    """Refuse a day that is further ahead than patients may book.

    Raises:
        TooFar: it is; carries `days`.
    """
    if clock.local(starts_at, zone).date() > clock.local(now, zone).date() + dt.timedelta(days=days):
        raise TooFar(days=days)


def check_item(session: Session, item_id: int | None, store_id: int) -> None:
    """Refuse what a store does not do.

    Raises:
        NotOffered: the item is one of other stores.
        NotFound: there is no such item.
    """
    if item_id is not None and not clinic.is_done_at(session, item_id, store_id):
        raise NotOffered


def check_open(standing: queries.Standing, *, per_patient: int, per_fan: int) -> None:
    """Refuse one visit more than may be open. Sure only under the locks of patient and fan.

    Raises:
        TooManyOpen: the patient, or the fan for all their patients, has as many as may be.
    """
    if standing.of_patient >= per_patient or standing.of_fan >= per_fan:
        raise TooManyOpen
