"""Reading visits for the merging of two charts, and before somebody is erased."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from engage.booking.models import Appointment
from engage.booking.rules import LIVE
from engage.kernel.db import Session


def hold_visits(session: Session, patient_ids: Collection[int]) -> None:
    """Keep others from the visits of some patients until the transaction ends, in the order of their ids."""
    session.execute(
        sa.select(Appointment.id)
        .where(Appointment.patient_id.in_(patient_ids))
        .order_by(Appointment.id)
        .with_for_update()
    )


def clashes(session: Session, one_id: int, other_id: int) -> Sequence[dt.datetime]:
    """Give when two patients both have a visit that stands, which one person could not keep."""
    one, other = Appointment, aliased(Appointment)
    return session.scalars(
        sa.select(one.starts_at)
        .join(other, (other.tenant_id == one.tenant_id) & (other.patient_id == other_id))
        .where(
            one.patient_id == one_id,
            one.state.in_(LIVE),
            other.state.in_(LIVE),
            one.starts_at < other.ends_at,
            other.starts_at < one.ends_at,
        )
        .order_by(one.starts_at)
        .distinct()
    ).all()


def standing_of(session: Session, patient_ids: Collection[int]) -> Sequence[int]:
    """Give the visits of some patients that are not over yet, by time."""
    return session.scalars(
        sa.select(Appointment.id)
        .where(Appointment.patient_id.in_(patient_ids), Appointment.state.in_(LIVE))
        .order_by(Appointment.starts_at, Appointment.id)
    ).all()
