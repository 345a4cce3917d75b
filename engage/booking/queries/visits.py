"""Reading visits and holds."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from engage.booking.models import Appointment, Hold
from engage.booking.rules import CAME, LIVE, Span
from engage.clinic import queries as clinic
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.patients import queries as patients


@dataclass(frozen=True, slots=True)
class Row:
    """A visit as a list shows it. Without a doctor or an item, their names are empty."""

    id: int
    version: int
    starts_at: dt.datetime
    ends_at: dt.datetime
    patient_id: int
    patient_name: str
    doctor_id: int | None
    doctor: str
    store_id: int
    store: str
    item_id: int | None
    item: str
    state: str
    channel: str
    complaint: str
    note: str
    late: bool
    checked_in_at: dt.datetime | None
    called_at: dt.datetime | None
    treatment_at: dt.datetime | None
    completed_at: dt.datetime | None
    no_show_at: dt.datetime | None
    left_at: dt.datetime | None
    attendance_confirmed_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Week:
    """What became of a week's visits: how many were booked for it, and how many of them took place."""

    booked: int
    came: int


def by_key(session: Session, key: uuid.UUID) -> Appointment | None:
    """Give the appointment that a booking with this key made."""
    return session.scalar(sa.select(Appointment).where(Appointment.key == key))


def appointment(session: Session, appointment_id: int, *, fan_id: int | None = None) -> Appointment:
    """Give one appointment; with `fan_id`, only if the fan is bound to its patient.

    Raises:
        NotFound: there is none, or it is another's.
    """
    found = session.get(Appointment, (session.tenant_id, appointment_id))
    if found is None or (fan_id is not None and not patients.is_bound(session, fan_id, found.patient_id)):
        raise NotFound(appointment=appointment_id)
    return found


def locked(session: Session, appointment_id: int, *, shared: bool = False) -> Appointment:
    """Give one appointment as it is now, and keep it so to the end of the transaction.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.scalar(
        sa.select(Appointment)
        .where(Appointment.id == appointment_id)
        .with_for_update(read=shared)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound(appointment=appointment_id)
    return found


def held(session: Session, hold_id: int, fan_id: int) -> Hold | None:
    """Give a fan's hold, also one that has run out but is not swept yet; None if it is gone."""
    mine = (Hold.id == hold_id, Hold.fan_id == fan_id, Hold.purpose == "form")
    return session.scalar(sa.select(Hold).where(*mine))


def hold_of(session: Session, fan_id: int, *, now: dt.datetime) -> Hold | None:
    """Give the slot that is kept for a fan now."""
    mine = (Hold.fan_id == fan_id, Hold.purpose == "form", Hold.expires_at > now)
    return session.scalar(sa.select(Hold).where(*mine))


def is_busy(session: Session, patient_id: int, span: Span, *, but: int) -> bool:
    """Whether a patient has another visit in a time. Sure only under the lock of the patient's times."""
    other = sa.exists().where(
        Appointment.patient_id == patient_id,
        Appointment.id != but,
        Appointment.state.in_(LIVE),
        Appointment.starts_at < span.ends_at,
        Appointment.ends_at > span.starts_at,
    )
    return bool(session.scalar(sa.select(other)))


def row(session: Session, appointment_id: int, *, fan_id: int | None = None) -> Row:
    """Give one appointment with its names; with `fan_id`, only if the fan is bound to its patient.

    Raises:
        NotFound: there is none, or it is another's.
    """
    (found,) = rows_of(session, [appointment(session, appointment_id, fan_id=fan_id)])
    return found


def of_fan(
    session: Session, fan_id: int, *, now: dt.datetime, limit: int
) -> tuple[Sequence[Row], Sequence[Row]]:
    """Give the visits of all patients bound to a fan: not over yet, nearest first, and past, latest first."""
    bound = [patient.id for patient in patients.of_fan(session, fan_id)]
    mine = sa.select(Appointment).where(Appointment.patient_id.in_(bound)).limit(limit)
    at = Appointment.starts_at
    coming = session.scalars(mine.where(Appointment.ends_at > now).order_by(at, Appointment.id)).all()
    past = session.scalars(
        mine.where(Appointment.ends_at <= now).order_by(at.desc(), Appointment.id.desc())
    ).all()
    rows = rows_of(session, [*coming, *past])
    return rows[: len(coming)], rows[len(coming) :]


def of_patient(
    session: Session, patient_id: int, *, store_ids: frozenset[int] | None, limit: int
) -> Sequence[Row]:
    """Give a patient's visits at some stores or (None) at all, latest first."""
    statement = (
        sa.select(Appointment)
        .where(Appointment.patient_id == patient_id)
        .order_by(Appointment.starts_at.desc(), Appointment.id.desc())
        .limit(limit)
    )
    if store_ids is not None:
        statement = statement.where(Appointment.store_id.in_(store_ids))
    return rows_of(session, session.scalars(statement).all())


def patients_of(session: Session, appointment_ids: Sequence[int]) -> Mapping[int, int]:
    """Give the patient of each of these appointments that there are."""
    these = Appointment.id.in_(appointment_ids)
    rows = session.execute(sa.select(Appointment.id, Appointment.patient_id).where(these))
    return {row.id: row.patient_id for row in rows}


def came_of(session: Session, patient_id: int) -> Sequence[dt.datetime]:
    """Give when the visits of a patient began that took place, or take place just now."""
    took_place = (Appointment.patient_id == patient_id, Appointment.state.in_(CAME))
    return session.scalars(sa.select(Appointment.starts_at).where(*took_place)).all()


def made() -> sa.Select[int, dt.datetime, bool]:
    """Build the statement of each visit: its `patient_id`, when it was booked, and whether they `came`."""
    came = Appointment.state.in_(CAME).label("came")
    return sa.select(
        Appointment.patient_id.label("patient_id"), Appointment.booked_at.label("booked_at"), came
    )


def between(
    session: Session,
    *,
    begin: dt.datetime,
    end: dt.datetime,
    store_ids: frozenset[int] | None,
    doctor_id: int | None = None,
    states: Collection[str] | None = None,
) -> Sequence[Row]:
    """Give the visits of a half-open interval by time, at some stores or (None) at all."""
    statement = (
        sa.select(Appointment)
        .where(Appointment.starts_at >= begin, Appointment.starts_at < end)
        .order_by(Appointment.starts_at, Appointment.id)
    )
    if store_ids is not None:
        statement = statement.where(Appointment.store_id.in_(store_ids))
    if doctor_id is not None:
        statement = statement.where(Appointment.doctor_id == doctor_id)
    if states is not None:
        statement = statement.where(Appointment.state.in_(states))
    return rows_of(session, session.scalars(statement).all())


def of_board(
    session: Session, store_id: int, doctor_ids: Collection[int], *, begin: dt.datetime, end: dt.datetime
) -> tuple[Sequence[Row], Sequence[Row]]:
    """Give a store's visits of a half-open interval by time, and those of its doctors at other stores.

    Its doctors are those named and those who have a visit there. What was cancelled or missed elsewhere
    takes no time, and is left out.
    """
    within = (
        sa.select(Appointment)
        .where(Appointment.starts_at >= begin, Appointment.starts_at < end)
        .order_by(Appointment.starts_at, Appointment.id)
    )
    here = session.scalars(within.where(Appointment.store_id == store_id)).all()
    doctors = {*doctor_ids, *(one.doctor_id for one in here if one.doctor_id is not None)}
    elsewhere = (
        Appointment.doctor_id.in_(doctors),
        Appointment.store_id != store_id,
        Appointment.state.not_in(("cancelled", "no_show")),
    )
    rows = rows_of(session, [*here, *session.scalars(within.where(*elsewhere)).all()])
    return rows[: len(here)], rows[len(here) :]


def requests(
    session: Session, *, since: dt.datetime, soon: dt.datetime, store_ids: frozenset[int] | None
) -> tuple[int, int, dt.datetime | None]:
    """Give how many visits from a time on wait for approval, how many soon begin, when the first does."""
    count = sa.func.count()
    statement = sa.select(
        count, count.filter(Appointment.starts_at < soon), sa.func.min(Appointment.starts_at)
    ).where(Appointment.state == "requested", Appointment.starts_at >= since)
    if store_ids is not None:
        statement = statement.where(Appointment.store_id.in_(store_ids))
    all_of_them, near, first = session.execute(statement).one()
    return all_of_them, near, first


def counts_by_day(
    session: Session, *, begin: dt.datetime, end: dt.datetime, zone: str, store_ids: frozenset[int] | None
) -> Mapping[dt.date, int]:
    """Give how many visits each local day of an interval has; cancelled ones do not count."""
    day = sa.cast(sa.func.timezone(zone, Appointment.starts_at), sa.Date)
    statement = (
        sa.select(day.label("day"), sa.func.count().label("booked"))
        .where(
            Appointment.starts_at >= begin,
            Appointment.starts_at < end,
            Appointment.state != "cancelled",
        )
        .group_by(day)
    )
    if store_ids is not None:
        statement = statement.where(Appointment.store_id.in_(store_ids))
    return {row.day: row.booked for row in session.execute(statement)}


def weeks(
    session: Session, *, begin: dt.datetime, end: dt.datetime, zone: str, store_ids: frozenset[int] | None
) -> Mapping[dt.date, Week]:
    """Give what became of the visits of each local week of an interval, by its Monday."""
    week = sa.cast(sa.func.date_trunc("week", sa.func.timezone(zone, Appointment.starts_at)), sa.Date)
    came = sa.func.count().filter(Appointment.state.in_(CAME))
    statement = (
        sa.select(week.label("monday"), sa.func.count().label("booked"), came.label("came"))
        .where(Appointment.starts_at >= begin, Appointment.starts_at < end)
        .group_by(week)
    )
    if store_ids is not None:
        statement = statement.where(Appointment.store_id.in_(store_ids))
    return {row.monday: Week(row.booked, row.came) for row in session.execute(statement)}


def rows_of(session: Session, found: Sequence[Appointment]) -> Sequence[Row]:
    """Give visits with the names of what they are about, by one query for each kind of thing."""
    if not found:
        return []
    people = patients.patients(session, {one.patient_id for one in found})
    doctors, stores = clinic.names(
        session,
        {one.doctor_id for one in found if one.doctor_id is not None},
        {one.store_id for one in found},
    )
    items = clinic.item_names(session, {one.item_id for one in found if one.item_id is not None})
    return [
        Row(
            id=one.id,
            version=one.version,
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            patient_id=one.patient_id,
            patient_name=people[one.patient_id].name,
            doctor_id=one.doctor_id,
            doctor="" if one.doctor_id is None else doctors[one.doctor_id],
            store_id=one.store_id,
            store=stores[one.store_id],
            item_id=one.item_id,
            item="" if one.item_id is None else items[one.item_id],
            state=one.state,
            channel=one.channel,
            complaint=one.complaint,
            note=one.note,
            late=one.late,
            checked_in_at=one.checked_in_at,
            called_at=one.called_at,
            treatment_at=one.treatment_at,
            completed_at=one.completed_at,
            no_show_at=one.no_show_at,
            left_at=one.left_at,
            attendance_confirmed_at=one.attendance_confirmed_at,
        )
        for one in found
    ]
