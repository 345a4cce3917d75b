"""Counting what became of visits, by every dimension at once (BK-15)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from engage.booking.models import Appointment
from engage.booking.queries.stretches import open_time
from engage.booking.queries.visits import Row, rows_of
from engage.booking.rules import CAME, LIVE
from engage.booking.rules.attendance import LEADS, OUTCOMES, Attendance
from engage.clinic import queries as clinic
from engage.kernel.db import Session
from engage.kernel.paging import SIZE, Keyset, Page

# Latest first.
ORDER: Final = Keyset((Appointment.starts_at, Appointment.id), descending=True)

DIMENSIONS: Final = ("store", "doctor", "channel", "item", "lead", "person", "week")
Key = int | str | dt.date | None
Counted = Mapping[str, Mapping[Key, Attendance]]


@dataclass(frozen=True, slots=True)
class Which:
    """Visits that began in a half-open interval, at some stores or (None) at all, narrowed further.

    0 as doctor or item stands for visits without one. `zone` is the clock by which days and weeks count.
    Days may reach beyond `now`: what stands and is still to come has no outcome, and none is missing.
    """

    begin: dt.datetime
    end: dt.datetime
    zone: str
    now: dt.datetime
    store_ids: frozenset[int] | None = None
    doctor_id: int | None = None
    item_id: int | None = None
    channel: str = ""
    lead: str = ""
    person: str = ""
    outcome: str = ""


def outcomes(session: Session, which: Which) -> Counted:
    """Count visits by each dimension, and under `all` in one, by one statement."""
    facts = _facts(session, which).cte("facts")
    keys = [facts.c[name] for name in DIMENSIONS]
    sets = sa.func.grouping_sets(sa.tuple_(), *(sa.tuple_(key) for key in keys))
    statement = sa.select(sa.func.grouping(*keys).label("rolled"), *keys, *_counts(facts)).group_by(sets)
    found: dict[str, dict[Key, Attendance]] = {name: {} for name in ("all", *DIMENSIONS)}
    for row in session.execute(statement):
        name = _dimension(row.rolled)
        key = None if name == "all" else getattr(row, name)
        found[name][key] = _attendance(row)
    return found


def outcomes_of_stores(session: Session, which: Which) -> Mapping[int, Attendance]:
    """Count visits by store alone."""
    facts = _facts(session, which, columns=(Appointment.store_id.label("store"),)).cte("facts")
    statement = sa.select(facts.c.store, *_counts(facts)).group_by(facts.c.store)
    return {row.store: _attendance(row) for row in session.execute(statement)}


def attended(session: Session, which: Which, *, cursor: str | None, size: int = SIZE) -> Page[Row]:
    """Give a page of the visits that were counted, latest first."""
    statement = sa.select(Appointment).where(*_conditions(session, which), _outcome(which).is_not(None))
    page = ORDER.page(session.scalars(ORDER.statement(statement, cursor, size)).all(), size)
    return Page(rows_of(session, page.items), page.next)


def missed(session: Session, which: Which) -> sa.Select[int]:
    """Build the statement of the ids of visits whose patients did not come."""
    return sa.select(Appointment.id).where(*_conditions(session, which), Appointment.state == "no_show")


def taken_time(session: Session, which: Which) -> dt.timedelta:
    """Give how long visits took of doctors' time; those that were cancelled took none."""
    length = sa.func.sum(sa.type_coerce(Appointment.ends_at - Appointment.starts_at, sa.Interval))
    taken = (Appointment.state != "cancelled", Appointment.doctor_id.is_not(None))
    found = session.scalar(sa.select(length).where(*_conditions(session, which), *taken))
    return found or dt.timedelta()


def offered_time(session: Session, which: Which) -> dt.timedelta:
    """Give how long doctors could have seen patients: rosters within open time, less closures.

    Each patient who can be seen at once counts. In three queries.
    """
    doctor_ids = None if which.doctor_id is None else (which.doctor_id,)
    shifts = clinic.shift_times(
        session, store_ids=which.store_ids, doctor_ids=doctor_ids, begin=which.begin, end=which.end
    )
    if not shifts:
        return dt.timedelta()
    stores = sorted({shift.store_id for shift in shifts})
    opened = open_time(session, stores, begin=which.begin, end=which.end)
    of_doctors = any(closing.doctor_id is not None for closing in opened.closings)
    lengths: dict[tuple[object, ...], dt.timedelta] = {}
    total = dt.timedelta()
    for shift in shifts:
        within = max(shift.starts_at, which.begin), min(shift.ends_at, which.end)
        # Doctors of a store mostly work the same hours, and few have closures of their own.
        key = (shift.store_id, within, shift.doctor_id if of_doctors else None)
        if key not in lengths:
            parts = opened.of_doctor(shift.store_id, shift.doctor_id, within)
            lengths[key] = sum((end - begin for begin, end in parts), dt.timedelta())
        total += lengths[key] * shift.per_slot
    return total


def _facts(
    session: Session, which: Which, columns: tuple[sa.ColumnElement[Any], ...] | None = None
) -> sa.Select[Any]:
    if columns is None:
        week = sa.func.date_trunc("week", sa.func.timezone(which.zone, Appointment.starts_at))
        columns = (
            Appointment.store_id.label("store"),
            Appointment.doctor_id.label("doctor"),
            Appointment.channel.label("channel"),
            Appointment.item_id.label("item"),
            _lead(which.zone).label("lead"),
            _person().label("person"),
            sa.cast(week, sa.Date).label("week"),
        )
    promised = Appointment.attendance_confirmed_at.is_not(None).label("promised")
    outcome = _outcome(which)
    counted = (*_conditions(session, which), outcome.is_not(None))
    return sa.select(*columns, outcome.label("outcome"), promised).where(*counted)


def _counts(facts: sa.CTE) -> list[sa.ColumnElement[int]]:
    counts = [
        sa.func.count().filter(facts.c.outcome == outcome).label(f"n_{outcome}") for outcome in OUTCOMES
    ]
    was_due = facts.c.outcome.in_(("kept", "no_show", "late"))
    return [*counts, sa.func.count().filter(facts.c.promised, was_due).label("n_promised")]


def _attendance(row: Any) -> Attendance:
    return Attendance(
        **{outcome: getattr(row, f"n_{outcome}") for outcome in OUTCOMES}, promised=row.n_promised
    )


def _dimension(rolled: int) -> str:
    """Read PostgreSQL's GROUPING: a bit for each dimension, the last one lowest, 0 where it is counted by."""
    for place, name in enumerate(reversed(DIMENSIONS)):
        if not rolled & 1 << place:
            return name
    return "all"


def _conditions(session: Session, which: Which) -> list[sa.ColumnElement[bool]]:
    conditions = [
        Appointment.tenant_id == session.tenant_id,
        Appointment.starts_at >= which.begin,
        Appointment.starts_at < which.end,
    ]
    if which.store_ids is not None:
        conditions.append(Appointment.store_id.in_(which.store_ids))
    for column, wished in ((Appointment.doctor_id, which.doctor_id), (Appointment.item_id, which.item_id)):
        if wished is not None:
            conditions.append(column == wished if wished else column.is_(None))
    if which.channel:
        conditions.append(Appointment.channel == which.channel)
    if which.lead:
        conditions.append(_lead(which.zone) == which.lead)
    if which.person:
        conditions.append(_person() == which.person)
    if which.outcome:
        conditions.append(_outcome(which) == which.outcome)
    return conditions


def _outcome(which: Which) -> sa.ColumnElement[str | None]:
    """Say what became of a visit; nothing yet of one that stands and whose time is not over."""
    by_patient = Appointment.cancelled_by == "patient"
    return sa.case(
        (Appointment.state.in_(CAME), "kept"),
        (Appointment.state == "no_show", "no_show"),
        (Appointment.state.in_(LIVE) & (Appointment.ends_at <= which.now), "open"),
        (Appointment.state.in_(LIVE), None),
        (by_patient & Appointment.late, "late"),
        (by_patient, "early"),
        else_="clinic",
    )


def _lead(zone: str) -> sa.ColumnElement[str]:
    starts, booked = (
        sa.cast(sa.func.timezone(zone, at), sa.Date) for at in (Appointment.starts_at, Appointment.booked_at)
    )
    bands = [(key, most) for key, (most, _label) in LEADS.items()]
    whens = [(starts - booked <= most, key) for key, most in bands if most is not None]
    return sa.case(*whens, else_=bands[-1][0])


def _person() -> sa.ColumnElement[str]:
    """New is who had not come to any visit before this one."""
    earlier = aliased(Appointment)
    came_before = sa.exists().where(
        earlier.tenant_id == Appointment.tenant_id,
        earlier.patient_id == Appointment.patient_id,
        earlier.starts_at < Appointment.starts_at,
        earlier.state.in_(CAME),
    )
    return sa.case((came_before, "known"), else_="new")
