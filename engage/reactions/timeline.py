"""Reactions that write the timeline: one line for each event, of the event's name, however often it runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from engage.booking import queries as booking
from engage.chat import queries as chat
from engage.coupons import queries as coupons
from engage.kernel.db import Session
from engage.patients import queries as patients
from engage.patients.services import note

Payload = Mapping[str, Any]

FIRST_VERSION = 1


def note_fan(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A fan followed, by a code with a scene or without one, or left."""
    scene = {"scene": payload["scene"]} if "scene" in payload else {}
    _note(session, payload, payload["push_id"], fan_id=payload["fan_id"], **scene)


def note_phone(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A fan proved a phone."""
    _note(session, payload, payload["fan_id"], fan_id=payload["fan_id"])


def note_chart(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A chart was made."""
    chart = patients.patient(session, payload["patient_id"])
    _note(session, payload, chart.id, patient_id=chart.id, source=chart.source)


def note_binding(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A fan began to speak for a patient, or ended it."""
    binding = patients.binding(session, payload["binding_id"])
    about = {"fan_id": binding.fan_id, "patient_id": binding.patient_id}
    _note(session, payload, binding.id, **about, how=binding.how)


def note_visit(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """Something happened to a visit; tells its time and place too, unless they changed again since."""
    visit = booking.appointment(session, payload["appointment_id"])
    version = payload.get("version", FIRST_VERSION)
    told: dict[str, Any] = {"version": version}
    if visit.version == version:
        told["starts_at"] = visit.starts_at.isoformat()
        told |= {"store_id": visit.store_id, "doctor_id": visit.doctor_id}
    if payload["event"] == "booking.cancelled":
        told |= {"by": visit.cancelled_by, "late": visit.late}
    _note(session, payload, visit.id, fan_id=visit.fan_id, patient_id=visit.patient_id, **told)


def note_redeemed(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A coupon was redeemed at a store."""
    held = coupons.grant(session, payload["grant_id"])
    about = {"coupon_id": held.coupon_id, "store_id": held.redeemed_store_id}
    _note(session, payload, held.id, fan_id=held.fan_id, **about)


def note_chat(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A member of staff began to talk with a fan."""
    session_id = payload["session_id"]
    _note(session, payload, session_id, fan_id=chat.fan_of_session(session, session_id))


def note_dedicated(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A fan got a dedicated agent."""
    conversation_id = payload["conversation_id"]
    _note(session, payload, conversation_id, fan_id=chat.fan_of(session, conversation_id))


def _note(session: Session, payload: Payload, subject_id: int, **about: Any) -> None:
    note(
        session,
        kind=payload["event"],
        at=dt.datetime.fromisoformat(payload["at"]),
        subject_id=subject_id,
        cause=payload["event_id"],
        **about,
    )
