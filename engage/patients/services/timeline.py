"""The timeline: one row per thing that happened to somebody, written by reactions."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from engage.kernel.db import Session
from engage.patients.models import TimelineEntry


def note(
    session: Session,
    *,
    kind: str,
    at: dt.datetime,
    subject_id: int,
    cause: str,
    fan_id: int | None = None,
    patient_id: int | None = None,
    **data: Any,
) -> None:
    """Write down that something happened to a fan, a patient or both; once per `cause`.

    `data` holds ids, codes and times that tell it in words later, never a name, a phone or a complaint.
    """
    session.execute(
        insert(TimelineEntry)
        .values(
            at=at,
            kind=kind,
            fan_id=fan_id,
            patient_id=patient_id,
            subject_id=subject_id,
            data=data,
            cause=cause,
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "cause"])
    )
