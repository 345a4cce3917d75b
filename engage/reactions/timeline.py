"""Reactions that write the timeline: one line for each event, of the event's name, however often it runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from engage.booking import queries as booking
from engage.booking.queries import arrivals, waiting
from engage.chat import queries as chat
from engage.coupons import queries as coupons
from engage.fans import queries as fans
from engage.kernel.db import Session
from engage.patients import queries as patients
from engage.patients import waiting as profiles
from engage.patients.services import note
from engage.qrcodes import queries as qrcodes

Payload = Mapping[str, Any]

FIRST_VERSION = 1


def note_fan(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A fan followed, by a code with a scene or without one, or left."""
    scene = {"scene": payload["scene"]} if "scene" in payload else {}
    _note(session, payload, payload["push_id"], fan_id=payload["fan_id"], **scene)


def note_scan(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A fan who follows scanned a code; of one that is none of ours there is nothing to tell."""
    fan = fans.fan(session, payload["fan_id"])
    at = dt.datetime.fromisoformat(payload["at"])
    code = qrcodes.code_of_scene(session, fan.account_id, payload["scene"], at)
    if code is not None:
        _note(session, payload, payload["push_id"], fan_id=fan.id, code_id=code.id)


def note_tag(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A fan got a tag, or has it no more."""
    tag_id = payload["tag_id"]
    _note(session, payload, tag_id, fan_id=payload["fan_id"], tag_id=tag_id)


def note_phone(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A fan proved a phone."""
    _note(session, payload, payload["fan_id"], fan_id=payload["fan_id"])


def note_chart(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A chart was made."""
    chart = patients.patient(session, payload["patient_id"])
    _note(session, payload, chart.id, patient_id=chart.id, source=chart.source)


def note_changed(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A chart was changed."""
    _note(session, payload, payload["patient_id"], patient_id=payload["patient_id"])


def note_merge(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """Another chart was merged into a chart."""
    merged = patients.patient(session, payload["merged_id"])
    _note(session, payload, merged.id, patient_id=payload["patient_id"], number=merged.number)


def note_wish(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A fan agreed to the privacy notice, took it back, or asked for what the law gives them."""
    kind = {"wish": payload["kind"]} if "kind" in payload else {}
    _note(session, payload, payload["fan_id"], fan_id=payload["fan_id"], **kind)


def note_binding(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A fan began to speak for a patient, or ended it."""
    binding = patients.binding(session, payload["binding_id"])
    about = {"fan_id": binding.fan_id, "patient_id": binding.patient_id}
    _note(session, payload, binding.id, **about, how=binding.how)


def note_profile(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A fan handed in a profile, or staff decided on it."""
    row = profiles.submission(session, payload["submission_id"])
    _note(session, payload, row.id, fan_id=row.fan_id, patient_id=row.patient_id)


def note_visit(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """Something happened to a visit; tells its time and place too, unless they changed again since."""
    visit = booking.appointment(session, payload["appointment_id"])
    version = payload.get("version", FIRST_VERSION)
    told: dict[str, Any] = {"version": version}
    if "starts_at" in payload:
        told |= {name: payload[name] for name in ("starts_at", "store_id", "doctor_id")}
    elif visit.version == version:
        told["starts_at"] = visit.starts_at.isoformat()
        told |= {"store_id": visit.store_id, "doctor_id": visit.doctor_id}
    if payload["event"] == "booking.cancelled":
        told |= {"by": visit.cancelled_by, "late": visit.late}
    _note(session, payload, visit.id, fan_id=visit.fan_id, patient_id=visit.patient_id, **told)


def note_walk_in(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """Somebody came without an appointment; of one without a chart there is nobody to note it for."""
    guest = arrivals.walk_in(session, payload["walk_in_id"])
    if guest.patient_id is not None:
        _note(session, payload, guest.id, patient_id=guest.patient_id, store_id=guest.store_id)


def note_waiting(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """Somebody came onto the waiting list or back to it, was offered a time, answered or did not, or left."""
    wish = waiting.wish(session, payload["wish_id"])
    about: dict[str, Any] = {"store_id": wish.store_id}
    if "offer_id" in payload:
        offer = waiting.offer(session, payload["offer_id"])
        about |= {"starts_at": offer.starts_at.isoformat(), "doctor_id": offer.doctor_id}
    _note(session, payload, wish.id, fan_id=wish.fan_id, patient_id=wish.patient_id, **about)


def note_redeemed(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A coupon was redeemed at a store."""
    held = coupons.grant(session, payload["grant_id"])
    about = {"coupon_id": held.coupon_id, "store_id": held.redeemed_store_id}
    _note(session, payload, held.id, fan_id=held.fan_id, **about)


def note_coupon_taken(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A fan took the coupon that an automatic reply led to."""
    held = coupons.grant(session, payload["grant_id"])
    _note(session, payload, held.id, fan_id=held.fan_id, coupon_id=held.coupon_id)


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
