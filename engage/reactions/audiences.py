"""Reactions that keep for whom fans speak, as far as audiences ask."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from engage.audiences.services import recompute
from engage.kernel.db import Session
from engage.patients import persons, waiting
from engage.patients import queries as patients

Payload = Mapping[str, Any]


def of_chart(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A chart tells something else, was merged into another, or was erased."""
    named = {payload[name] for name in ("patient_id", "merged_id") if name in payload}
    recompute(session, persons.fans_ever_of(session, named))


def of_binding(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A fan began to speak for a patient, or ended it."""
    recompute(session, [patients.binding(session, payload["binding_id"]).fan_id])


def of_profile(session: Session, payload: Payload, *, now: dt.datetime) -> None:  # noqa: ARG001 as all handlers
    """A fan handed in a profile, or staff decided on it."""
    recompute(session, [waiting.submission(session, payload["submission_id"]).fan_id])
