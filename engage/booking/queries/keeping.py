"""Reading what is due about visits, and who comes for the first time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from engage.booking.models import Appointment, Touch
from engage.booking.queries.visits import Row, rows_of
from engage.booking.rules import CAME
from engage.booking.rules.keeping import REMINDERS
from engage.kernel.db import Session


def has_come(session: Session, patient_id: int) -> bool:
    """Whether any visit of a patient took place, or takes place just now."""
    came = sa.exists().where(Appointment.patient_id == patient_id, Appointment.state.in_(CAME))
    return bool(session.scalar(sa.select(came)))


def rows_by_id(session: Session, appointment_ids: Collection[int]) -> Mapping[int, Row]:
    """Give some visits with their names; those that are not there are left out."""
    found = session.scalars(sa.select(Appointment).where(Appointment.id.in_(appointment_ids))).all()
    return {row.id: row for row in rows_of(session, found)}


def touches(session: Session, appointment_id: int) -> Sequence[Touch]:
    """Give what was and is due about a visit, by time."""
    return session.scalars(
        sa.select(Touch)
        .where(Touch.appointment_id == appointment_id, Touch.kind != "plan")
        .order_by(Touch.version, Touch.at, Touch.id)
    ).all()


def reminded(session: Session, appointment_id: int) -> Sequence[int]:
    """Give the reminders of a visit that were written: messages name them as their subject."""
    return session.scalars(
        sa.select(Touch.id).where(
            Touch.appointment_id == appointment_id, Touch.kind.in_(REMINDERS), Touch.state == "done"
        )
    ).all()


def visit_of_touch(session: Session, touch_id: int) -> int | None:
    """Give the visit that a touch is about; None if there is no such touch."""
    return session.scalar(sa.select(Touch.appointment_id).where(Touch.id == touch_id))


def missed_by(session: Session, patient_id: int, *, since: dt.datetime, until: dt.datetime) -> Sequence[int]:
    """Give the visits between two moments to which a patient may not have come, the latest first."""
    return session.scalars(
        sa.select(Appointment.id)
        .where(
            Appointment.patient_id == patient_id,
            Appointment.starts_at >= since,
            Appointment.starts_at < until,
            Appointment.state.in_(("confirmed", "no_show")),
        )
        .order_by(Appointment.starts_at.desc(), Appointment.id.desc())
    ).all()


def rebooked_as(session: Session, appointment_id: int) -> Appointment | None:
    """Give the visit that was made in the place of one, if any: the latest."""
    return session.scalar(
        sa.select(Appointment)
        .where(Appointment.rebooked_from_id == appointment_id)
        .order_by(Appointment.id.desc())
        .limit(1)
    )
