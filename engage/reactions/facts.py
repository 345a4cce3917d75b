"""Reactions that keep what follows from a patient's visits and bindings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from engage.booking import queries as booking
from engage.kernel.db import Session
from engage.patients import queries as patients
from engage.patients.services import facts

Payload = Mapping[str, Any]


def of_visit(session: Session, payload: Payload, *, now: dt.datetime) -> None:
    """Something happened to a visit."""
    _recompute(session, booking.appointment(session, payload["appointment_id"]).patient_id, now=now)


def of_binding(session: Session, payload: Payload, *, now: dt.datetime) -> None:
    """A fan began to speak for a patient, or ended it."""
    _recompute(session, patients.binding(session, payload["binding_id"]).patient_id, now=now)


def _recompute(session: Session, patient_id: int, *, now: dt.datetime) -> None:
    facts.hold(session, patient_id)
    facts.recompute(session, patient_id, booking.came_of(session, patient_id), now=now)
