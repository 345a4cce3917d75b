"""Reading the waiting room of a store: who is here, whose turn it is, how long people waited (BK-19)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from engage.booking.models import Appointment, ArrivalCode, WalkIn
from engage.booking.queries.visits import Row, rows_of
from engage.booking.rules import arrivals as line
from engage.booking.rules.arrivals import Busy, Wanted
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.patients import queries as patients

BOOKED, WALKED_IN = "booked", "walk_in"
# Around now, so that it holds the local day of any store.
DAY_ROUND: Final = dt.timedelta(hours=30)


@dataclass(frozen=True, slots=True)
class Turn:
    """When somebody's turn is: how many are called until then, themselves included, and about when."""

    place: int
    begins_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the waiting room, or treated today. `kind` is BOOKED or WALKED_IN; `starts_at` the visit's.

    `name` of a walk-in is what they told, or their chart's. Without a doctor or an item, names are empty.
    `row` is the visit itself.
    """

    kind: str
    id: int
    version: int
    state: str
    patient_id: int | None
    name: str
    doctor_id: int | None
    doctor: str
    item: str
    starts_at: dt.datetime | None
    arrived_at: dt.datetime
    called_at: dt.datetime | None
    treatment_at: dt.datetime | None
    completed_at: dt.datetime | None
    left_at: dt.datetime | None
    gone_at: dt.datetime | None
    complaint: str
    note: str
    length: dt.timedelta
    row: Row | None = None
    turn: Turn | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """A store's local day as the desk sees it: who waits, in their turn, who is seen, expected, and over."""

    store_id: int
    zone: str
    day: dt.date
    waiting: Sequence[Person]
    treated: Sequence[Person]
    expected: Sequence[Row]
    requested: Sequence[Row]
    over: Sequence[Person]
    missed: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Waits:
    """How long people waited, from coming (or the visit's time, if later) to the treatment."""

    count: int
    median: dt.timedelta | None
    p90: dt.timedelta | None


def code(session: Session, store_id: int) -> ArrivalCode | None:
    """Give the code at a store's door, where one was made."""
    return session.scalar(sa.select(ArrivalCode).where(ArrivalCode.store_id == store_id))


def store_of(session: Session, token: str) -> int:
    """Give whose door a code is at.

    Raises:
        NotFound: at nobody's, or at nobody's any more.
    """
    found = session.scalar(sa.select(ArrivalCode.store_id).where(ArrivalCode.token == token))
    if found is None:
        raise NotFound(code=token)
    return found


def walk_in(session: Session, walk_in_id: int, *, lock: bool = False) -> WalkIn:
    """Give somebody who came without an appointment.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    statement = sa.select(WalkIn).where(WalkIn.id == walk_in_id)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(statement)
    if found is None:
        raise NotFound(walk_in=walk_in_id)
    return found


def of_fan_today(session: Session, fan_id: int, *, now: dt.datetime) -> Sequence[Row]:
    """Give the visits of this local day of everybody a fan speaks for, at all stores, by time."""
    bound = [patient.id for patient in patients.of_fan(session, fan_id)]
    near = sa.select(Appointment).where(
        Appointment.patient_id.in_(bound),
        Appointment.starts_at.between(now - DAY_ROUND, now + DAY_ROUND),
        Appointment.state != "cancelled",
    )
    found = session.scalars(near.order_by(Appointment.starts_at, Appointment.id)).all()
    zones = {store.id: store.zone for store in clinic.stores(session)}
    today = [
        visit
        for visit in found
        if clock.local(visit.starts_at, zones[visit.store_id]).date()
        == clock.local(now, zones[visit.store_id]).date()
    ]
    return rows_of(session, today)


def room(session: Session, store_id: int, *, now: dt.datetime) -> Room:
    """Give a store's waiting room of its local day, in a constant number of queries."""
    store = clinic.store(session, store_id)
    day = clock.local(now, store.zone).date()
    begin, end = clock.day_bounds(day, store.zone)
    rows = rows_of(session, _visits(session, store_id, begin, end))
    here = [*map(_booked, rows), *_walked_in(session, _guests(session, store_id, begin, end))]
    expected = [row for row in rows if row.state == "confirmed"]
    treated = [one for one in here if one.state == "in_treatment"]
    waiting = line.in_turn(one for one in here if one.state in {"checked_in", "waiting"})
    chairs = _chairs(session, store_id, treated, begin=begin, end=end, now=now)
    turns = _turns(waiting, expected, chairs, now=now)
    return Room(
        store_id=store_id,
        zone=store.zone,
        day=day,
        waiting=[replace(one, turn=turn) for one, turn in zip(waiting, turns, strict=True)],
        treated=treated,
        expected=expected,
        requested=[row for row in rows if row.state == "requested"],
        over=[one for one in here if one.state in {"completed", "gone"}],
        missed=[row for row in rows if row.state == "no_show"],
    )


def turn_of(session: Session, visit: Row, *, now: dt.datetime) -> Turn | None:
    """Give when the turn of a visit is whose patient waits; None if they do not."""
    waiting = room(session, visit.store_id, now=now).waiting
    return next((one.turn for one in waiting if (one.kind, one.id) == (BOOKED, visit.id)), None)


def waits(
    session: Session, *, begin: dt.datetime, end: dt.datetime, store_ids: frozenset[int] | None
) -> Mapping[str, Waits]:
    """Give how long people waited, of visits and of walk-ins apart, of a half-open interval.

    The wait for a visit that somebody was early for counts from its time. A visit that was noted after
    the day, as a correction, tells nothing of waiting.
    """
    none = sa.literal(dt.timedelta(), sa.Interval())
    began = sa.func.greatest(Appointment.checked_in_at, Appointment.starts_at)
    booked = _measured(sa.func.greatest(Appointment.treatment_at - began, none)).where(
        Appointment.starts_at >= begin,
        Appointment.starts_at < end,
        Appointment.checked_in_at.is_not(None),
        Appointment.treatment_at.is_not(None),
        Appointment.corrected_at.is_(None),
    )
    walked_in = _measured(WalkIn.treatment_at - WalkIn.arrived_at).where(
        WalkIn.arrived_at >= begin, WalkIn.arrived_at < end, WalkIn.treatment_at.is_not(None)
    )
    if store_ids is not None:
        booked = booked.where(Appointment.store_id.in_(store_ids))
        walked_in = walked_in.where(WalkIn.store_id.in_(store_ids))
    return {
        BOOKED: Waits(*session.execute(booked).one()),
        WALKED_IN: Waits(*session.execute(walked_in).one()),
    }


def _measured(wait: sa.ColumnElement[Any]) -> sa.Select[int, dt.timedelta, dt.timedelta]:
    at = (sa.func.percentile_cont(share).within_group(wait.asc()) for share in (0.5, 0.9))
    return sa.select(sa.func.count(), *at)


def _visits(session: Session, store_id: int, begin: dt.datetime, end: dt.datetime) -> Sequence[Appointment]:
    at = Appointment.starts_at
    mine = (Appointment.store_id == store_id, at >= begin, at < end, Appointment.state != "cancelled")
    return session.scalars(sa.select(Appointment).where(*mine).order_by(at, Appointment.id)).all()


def _guests(session: Session, store_id: int, begin: dt.datetime, end: dt.datetime) -> Sequence[WalkIn]:
    at = WalkIn.arrived_at
    mine = (WalkIn.store_id == store_id, at >= begin, at < end)
    return session.scalars(sa.select(WalkIn).where(*mine).order_by(at, WalkIn.id)).all()


def _booked(row: Row) -> Person:
    return Person(
        kind=BOOKED,
        id=row.id,
        version=row.version,
        state=row.state,
        patient_id=row.patient_id,
        name=row.patient_name,
        doctor_id=row.doctor_id,
        doctor=row.doctor,
        item=row.item,
        starts_at=row.starts_at,
        arrived_at=row.checked_in_at or row.starts_at,
        called_at=row.called_at,
        treatment_at=row.treatment_at,
        completed_at=row.completed_at,
        left_at=row.left_at,
        gone_at=None,
        complaint=row.complaint,
        note=row.note,
        length=row.ends_at - row.starts_at,
        row=row,
    )


def _walked_in(session: Session, guests: Sequence[WalkIn]) -> Sequence[Person]:
    """Add the names, by one query for each kind of thing."""
    if not guests:
        return []
    charts = patients.patients(session, {one.patient_id for one in guests if one.patient_id is not None})
    doctors, _stores = clinic.names(
        session, {one.doctor_id for one in guests if one.doctor_id is not None}, set()
    )
    items = {item.id: item for item in clinic.items(session)}
    return [
        Person(
            kind=WALKED_IN,
            id=one.id,
            version=one.version,
            state=one.state,
            patient_id=one.patient_id,
            name=one.name if one.patient_id is None else charts[one.patient_id].name,
            doctor_id=one.doctor_id,
            doctor="" if one.doctor_id is None else doctors[one.doctor_id],
            item="" if one.item_id is None else items[one.item_id].name,
            starts_at=None,
            arrived_at=one.arrived_at,
            called_at=one.called_at,
            treatment_at=one.treatment_at,
            completed_at=one.completed_at,
            left_at=None,
            gone_at=one.gone_at,
            complaint="",
            note=one.note,
            length=line.USUAL if one.item_id is None else dt.timedelta(minutes=items[one.item_id].minutes),
        )
        for one in guests
    ]


def _chairs(
    session: Session,
    store_id: int,
    treated: Sequence[Person],
    *,
    begin: dt.datetime,
    end: dt.datetime,
    now: dt.datetime,
) -> dict[int | None, list[Busy]]:
    """Give when the doctors on duty for the rest of the day are busy: before their shift, and with whom."""
    chairs: dict[int | None, list[Busy]] = {}
    for shift in clinic.shifts_at(session, store_id=store_id, begin=now, end=end):
        chairs.setdefault(shift.doctor_id, [(begin, shift.starts_at)])
    for one in treated:
        began = one.treatment_at or now
        busy = (began, line.until(began, one.length, now=now))
        chairs.setdefault(one.doctor_id, []).append(busy)
    return chairs


def _turns(
    waiting: Sequence[Person],
    expected: Sequence[Row],
    chairs: Mapping[int | None, Sequence[Busy]],
    *,
    now: dt.datetime,
) -> list[Turn]:
    """Give the turns of those who wait; places are kept for those with an appointment who are to come."""
    awaited = [
        (row.starts_at, Wanted(row.doctor_id, row.starts_at, row.ends_at - row.starts_at), None)
        for row in expected
        if line.is_awaited(row.starts_at, now=now)
    ]
    booked = [
        (one.starts_at, Wanted(one.doctor_id, one.starts_at, one.length), place)
        for place, one in enumerate(waiting)
        if one.starts_at is not None
    ]
    walked_in = [
        (one.arrived_at, Wanted(one.doctor_id, now, one.length), place)
        for place, one in enumerate(waiting)
        if one.starts_at is None
    ]
    order = [*sorted([*booked, *awaited], key=lambda one: one[0]), *walked_in]
    at = line.begins([wanted for _, wanted, _ in order], chairs, now=now)
    begins = {place: begin for (_, _, place), begin in zip(order, at, strict=True) if place is not None}
    return [Turn(line.place_in_line(waiting, place), begins[place]) for place in range(len(waiting))]
