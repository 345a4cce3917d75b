"""Wishes of the waiting list that visits have met, and the visits of who waited (BK-17)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from engage.booking import rules
from engage.booking.models import Appointment, WaitingWish
from engage.kernel.db import Session


def met_since(session: Session, patient_id: int, since: dt.datetime) -> Sequence[WaitingWish]:
    """Give the wishes of a patient that visits have met since a time."""
    return session.scalars(
        sa.select(WaitingWish)
        .where(
            WaitingWish.patient_id == patient_id,
            WaitingWish.state == "booked",
            WaitingWish.ended_at >= since,
        )
        .order_by(WaitingWish.id)
    ).all()


def times_of(session: Session, patient_id: int) -> Sequence[tuple[int, int | None, dt.datetime]]:
    """Give the store, doctor and time of a patient's visits that are to come or take place."""
    found = session.execute(
        sa.select(Appointment.store_id, Appointment.doctor_id, Appointment.starts_at).where(
            Appointment.patient_id == patient_id, Appointment.state.in_(rules.LIVE)
        )
    )
    return [(row.store_id, row.doctor_id, row.starts_at) for row in found]
