"""Reactions that write messages to patients.

What they read of an appointment they read under a lock that its changes wait for. So either a change
finds the message and withdraws it, or the message finds the change and is skipped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engage.booking import queries as booking
from engage.booking.queries import waiting
from engage.booking.rules import keeping
from engage.chat import queries as chat
from engage.chat.services import rejection_key
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session
from engage.notifications import services as notifications
from engage.notifications.services import Notice
from engage.patients import queries as patients
from engage.patients import waiting as profiles
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from engage.booking.models import Appointment, Touch, WaitingOffer

FIRST_VERSION = 1
# Messages that are for a fan only while the patient's chart is bound to them.
FOR_THOSE_WHO_SPEAK = (
    "appointment_created",
    "appointment_first",
    "appointment_changed",
    "appointment_cancelled",
    "appointment_declined",
    "appointment_reminder",
    "waiting_offer",
    "bound",
)
# Messages that a visit is off.
OFF = frozenset({"appointment_cancelled", "appointment_declined"})
CREATED, CHANGED = "appointment_created", "appointment_changed"
FIRST, REMINDER = "appointment_first", "appointment_reminder"


def tell_booked(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Tell that the appointment stands (NT-1, appointment created). Safe to repeat."""
    _tell_of_visit(session, CREATED, payload, now=now)


def remind(session: Session, touch: Touch, appointment: Appointment, now: dt.datetime) -> None:
    """Remind of a visit that stands (NT-1, visit confirmation); the caller holds its row. Safe to repeat.

    What cannot be sent before the night is not sent any more.
    """
    night = keeping.until_night(now, clinic.store(session, appointment.store_id).zone)
    notice = Notice(
        kind=REMINDER,
        subject_id=touch.id,
        subject_version=touch.version,
        patient_id=appointment.patient_id,
        values=_of_visit(session, appointment),
        page=f"appointments/{appointment.id}",
        expires_at=min(appointment.starts_at, night or now),
        skip=None if night else "too_late",
    )
    for fan_id in _recipients(session, appointment):
        notifications.tell(session, notice, fan_id, now=now)


def tell_changed(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Tell when and where the appointment is now (NT-1, appointment changed). Safe to repeat."""
    _tell_of_visit(session, CHANGED, payload, now=now)


def tell_cancelled(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Tell that the appointment is off (NT-1, appointment cancelled). Safe to repeat."""
    _tell_of_visit(session, "appointment_cancelled", payload, now=now)


def tell_confirmed(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Tell that a visit which was asked for stands (NT-1, appointment created). Safe to repeat."""
    _tell_of_visit(session, CREATED, payload, now=now)


def tell_declined(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Tell that a visit which was asked for is not to be. Safe to repeat."""
    _tell_of_visit(session, "appointment_declined", payload, now=now)


def tell_offered(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Tell who waits that a time is kept for them (BK-17). Safe to repeat."""
    offer = waiting.offer(session, payload["offer_id"])
    wish = waiting.wish(session, offer.wish_id)
    if wish.fan_id is None:
        return
    store = clinic.store(session, offer.store_id)
    notice = Notice(
        kind="waiting_offer",
        subject_id=offer.id,
        subject_version=FIRST_VERSION,
        patient_id=wish.patient_id,
        values={**_of_visit(session, offer), "until": _written(offer.expires_at, store.zone)},
        page=f"waiting/{wish.id}",
        expires_at=offer.expires_at,
        skip=None if offer.state == "open" else "superseded",
    )
    notifications.tell(session, notice, wish.fan_id, now=now)


def tell_bound(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Tell the fan that charts are bound, once for all that were bound together. Safe to repeat."""
    binding = patients.binding(session, payload["binding_id"])
    skip = None
    if binding.unbound_at is not None:
        skip = "superseded"
    elif patients.first_bound_with(session, binding) != binding.id:
        skip = "told_together"
    _tell_of_binding(session, "bound", binding.id, at=binding.bound_at, skip=skip, now=now)


def tell_unbound(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Tell the fan that a chart is bound no more, and nothing else of the patient. Safe to repeat."""
    binding = patients.binding(session, payload["binding_id"])
    whose = {"fan_id": binding.fan_id, "patient_id": binding.patient_id}
    notifications.withdraw(session, ("bound",), binding.id, now=now)
    is_back = patients.is_bound(session, **whose)
    if not is_back:
        notifications.withdraw_from(session, FOR_THOSE_WHO_SPEAK, **whose, now=now)
    skip = "superseded" if is_back else None
    _tell_of_binding(session, "unbound", binding.id, at=binding.unbound_at or now, skip=skip, now=now)


def tell_rejected(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Tell that a profile was not taken, unless the chat told it. Safe to repeat."""
    row = profiles.submission(session, payload["submission_id"])
    notice = Notice(
        kind="profile_rejected",
        subject_id=row.id,
        subject_version=0,
        patient_id=None,
        values={"time": _written(row.decided_at or now, tenancy.tenant(session).zone)},
        page="profile",
        skip="told_in_chat" if chat.has_message(session, row.fan_id, rejection_key(row.key)) else None,
    )
    notifications.tell(session, notice, row.fan_id, now=now)


def _tell_of_visit(session: Session, kind: str, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    appointment = booking.locked(session, payload["appointment_id"], shared=True)
    version = payload.get("version", FIRST_VERSION)
    if kind in {CREATED, CHANGED} and appointment.state == "requested":
        return  # told once the clinic has confirmed it
    notice = Notice(
        kind=kind,
        subject_id=appointment.id,
        subject_version=version,
        patient_id=appointment.patient_id,
        values=_of_visit(session, appointment),
        page=f"appointments/{appointment.id}",
        expires_at=appointment.ends_at,
        skip=_overtaken(kind, appointment, version, now=now),
    )
    is_first = kind == CREATED and not booking.has_come(session, appointment.patient_id)
    for fan_id in _recipients(session, appointment):
        fuller = is_first and notifications.is_worded(session, fan_id, FIRST)
        told = _of_a_first(session, notice, appointment) if fuller else notice
        notifications.tell(session, told, fan_id, now=now)


def _of_a_first(session: Session, notice: Notice, appointment: Appointment) -> Notice:
    """Give the fuller message for a first visit: the way, whom to ask for, what to bring."""
    store = clinic.store(session, appointment.store_id)
    welcome = clinic.welcomes(session, [store.id])[store.id]
    more = {"transport": store.transport, "ask_for": welcome.ask_for, "bring": welcome.bring}
    return replace(notice, kind=FIRST, values={**notice.values, **more})


def _overtaken(kind: str, appointment: Appointment, version: int, *, now: dt.datetime) -> str | None:
    """Say why a message about a visit would no longer be true, or of use."""
    is_off = appointment.state == "cancelled"
    if appointment.version != version or is_off != (kind in OFF):
        return "superseded"
    return "too_late" if appointment.ends_at <= now else None


def _recipients(session: Session, appointment: Appointment) -> Sequence[int]:
    """Give who is told: the fan who booked, while they speak for the patient; else all who do."""
    bound = patients.fans_of(session, appointment.patient_id)
    booked_by = [fan_id for fan_id in bound if fan_id == appointment.fan_id]
    return booked_by or bound


def _of_visit(session: Session, appointment: Appointment | WaitingOffer) -> dict[str, str]:
    store = clinic.store(session, appointment.store_id)
    doctor = "" if appointment.doctor_id is None else clinic.doctor(session, appointment.doctor_id).name
    return {
        "store": store.short_name,
        "doctor": doctor,
        "time": _written(appointment.starts_at, store.zone),
        "address": store.address,
        "phone": store.phone,
    }


def _tell_of_binding(
    session: Session, kind: str, binding_id: int, *, at: dt.datetime, skip: str | None, now: dt.datetime
) -> None:
    binding = patients.binding(session, binding_id)
    notice = Notice(
        kind=kind,
        subject_id=binding.id,
        subject_version=0,
        patient_id=binding.patient_id,
        values={"time": _written(at, tenancy.tenant(session).zone)},
        page="me",
        skip=skip,
    )
    notifications.tell(session, notice, binding.fan_id, now=now)


def _written(at: dt.datetime, zone: str) -> str:
    return f"{clock.local(at, zone):%Y-%m-%d %H:%M}"
