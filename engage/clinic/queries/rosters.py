"""Reading rosters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

import sqlalchemy as sa

from engage.clinic.models import Shift
from engage.kernel.db import Session
from engage.kernel.errors import NotFound

# No shift is longer, so that those touching an interval are found by when they begin.
LONGEST_SHIFT = dt.timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class ShiftTime:
    """A stretch of a doctor's roster, without the row it came from."""

    store_id: int
    doctor_id: int
    starts_at: dt.datetime
    ends_at: dt.datetime
    slot_minutes: int
    per_slot: int


def shift(session: Session, shift_id: int) -> Shift:
    """Give one shift.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Shift, (session.tenant_id, shift_id))
    if found is None:
        raise NotFound(shift=shift_id)
    return found


def shifts(session: Session, doctor_id: int, *, begin: dt.datetime, end: dt.datetime) -> Sequence[Shift]:
    """Give a doctor's shifts that touch the half-open interval, in order."""
    return shifts_at(session, doctor_ids=(doctor_id,), begin=begin, end=end)


def shifts_at(
    session: Session,
    *,
    store_id: int | None = None,
    doctor_ids: Collection[int] | None = None,
    begin: dt.datetime,
    end: dt.datetime,
) -> Sequence[Shift]:
    """Give the shifts that touch the half-open interval, by time: at one store, of some doctors, or all."""
    statement = (
        sa.select(Shift)
        .where(Shift.starts_at < end, Shift.ends_at > begin, Shift.starts_at > begin - LONGEST_SHIFT)
        .order_by(Shift.starts_at, Shift.id)
    )
    if store_id is not None:
        statement = statement.where(Shift.store_id == store_id)
    if doctor_ids is not None:
        statement = statement.where(Shift.doctor_id.in_(doctor_ids))
    return session.scalars(statement).all()


def shift_times(
    session: Session,
    *,
    store_ids: Collection[int] | None = None,
    doctor_ids: Collection[int] | None = None,
    begin: dt.datetime,
    end: dt.datetime,
) -> Sequence[ShiftTime]:
    """Give the shifts that touch an interval without their rows, by time: at some stores, of some doctors."""
    statement = (
        sa.select(*(getattr(Shift, one.name) for one in fields(ShiftTime)))
        .where(Shift.starts_at < end, Shift.ends_at > begin, Shift.starts_at > begin - LONGEST_SHIFT)
        .order_by(Shift.starts_at, Shift.id)
    )
    if store_ids is not None:
        statement = statement.where(Shift.store_id.in_(store_ids))
    if doctor_ids is not None:
        statement = statement.where(Shift.doctor_id.in_(doctor_ids))
    return [ShiftTime(*row) for row in session.execute(statement)]
