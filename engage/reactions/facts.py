"""Reactions that keep what follows from a patient's visits and bindings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engage.booking import queries as booking
from engage.kernel import outbox
from engage.kernel.db import Session
from engage.patients import queries as patients
from engage.patients.services import facts

Payload = Mapping[str, Any]


# The facts of a patient are the last that a batch locks: who merges charts locks their visits before them.
RANK: Final = 3


def _patients_of_visits(session: Session, payloads: Sequence[Payload]) -> Sequence[int]:
    found = booking.patients_of(session, [payload["appointment_id"] for payload in payloads])
    return [found.get(payload["appointment_id"], 0) for payload in payloads]


def _patients_of_bindings(session: Session, payloads: Sequence[Payload]) -> Sequence[int]:
    found = patients.patients_of(session, [payload["binding_id"] for payload in payloads])
    return [found.get(payload["binding_id"], 0) for payload in payloads]


@outbox.once_for(_patients_of_visits, rank=RANK)
def of_visit(session: Session, payload: Payload, *, now: dt.datetime) -> None:
    """Something happened to a visit."""
    _recompute(session, booking.appointment(session, payload["appointment_id"]).patient_id, now=now)


@outbox.once_for(_patients_of_bindings, rank=RANK)
def of_binding(session: Session, payload: Payload, *, now: dt.datetime) -> None:
    """A fan began to speak for a patient, or ended it."""
    _recompute(session, patients.binding(session, payload["binding_id"]).patient_id, now=now)


def _recompute(session: Session, patient_id: int, *, now: dt.datetime) -> None:
    facts.hold(session, patient_id)
    facts.recompute(session, patient_id, booking.came_of(session, patient_id), now=now)
