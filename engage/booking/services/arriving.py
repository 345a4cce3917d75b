"""Coming to a store: checking in by the code at its door, and coming without an appointment (BK-19)."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.booking import rules
from engage.booking.errors import KeyReused, NotPossible, OtherStore, Stale, TooEarly, VisitOver
from engage.booking.models import Appointment, ArrivalCode, WalkIn
from engage.booking.queries import arrivals
from engage.booking.queries.arrivals import Person
from engage.booking.rules.arrivals import WALK_IN_ACTIONS, walk_in_actions
from engage.booking.services import acting, ledger, limits
from engage.clinic import queries as clinic
from engage.kernel import live, outbox
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.patients import services as charts

TOKEN_BYTES = 12


@dataclass(frozen=True, slots=True)
class WalkInWish:
    """Who came, where, to whom (None: to whoever is free), for what. `key` makes repeats one.

    `name` is what they told where they have no chart.
    """

    key: uuid.UUID
    store_id: int
    name: str = ""
    patient_id: int | None = None
    doctor_id: int | None = None
    item_id: int | None = None
    note: str = ""


def arrive(session: Session, appointment_id: int, token: str, *, by: Actor, now: dt.datetime) -> Appointment:
    """Check a patient in who scanned the code at a store's door; a repeat changes nothing.

    Flushes, never commits; records `booking.checked_in`. `now` is aware UTC.

    Raises:
        NotFound: there is no such visit, the fan is not bound to its patient, or the code leads nowhere.
        OtherStore: the visit is at another store.
        TooEarly: the visit is not near yet.
        VisitOver: its time is over.
        NotPossible: it waits for approval, was cancelled, or has begun; or staff ask.
    """
    visit, told = limits.visit(session, appointment_id, by=by), rules.ACTIONS["arrive"]
    store_id = arrivals.store_of(session, token)
    if acting.is_done(visit, told):
        return visit
    if store_id != visit.store_id:
        raise OtherStore
    if "arrive" not in rules.actions(visit, limits.who(by), now=now):
        if visit.state not in told.from_states or limits.who(by) not in told.by:
            raise NotPossible
        raise TooEarly if now < visit.starts_at else VisitOver
    return acting.follow(session, visit, told, by=by, now=now)


def arrival_code(session: Session, store_id: int, *, now: dt.datetime) -> str:
    """Give what the code at a store's door says; it is made when it is first asked for.

    Raises:
        NotFound: there is no such store.
    """
    clinic.store(session, store_id)
    row = {"store_id": store_id, "token": secrets.token_urlsafe(TOKEN_BYTES), "made_at": now}
    session.execute(insert(ArrivalCode).values(row).on_conflict_do_nothing())
    return session.scalars(sa.select(ArrivalCode.token).where(ArrivalCode.store_id == store_id)).one()


def renew_arrival_code(session: Session, store_id: int, *, by: Actor, now: dt.datetime) -> str:
    """Give a store's door another code; the one before leads nowhere from now on.

    Raises:
        NotFound: there is no such store.
    """
    arrival_code(session, store_id, now=now)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.execute(
        sa.update(ArrivalCode).where(ArrivalCode.store_id == store_id).values(token=token, made_at=now)
    )
    audit.record(session, "arrival_code.renewed", by=by, subject=("store", store_id), now=now)
    return token


def walk_in(session: Session, wish: WalkInWish, *, by: Actor, now: dt.datetime) -> WalkIn:
    """Note somebody who came without an appointment; they wait behind those who have one.

    Idempotent per `key`. Flushes, never commits; records `booking.walked_in`. `now` is aware UTC.

    Raises:
        NotFound: there is no such store, doctor, item or chart.
        ChartMoved, ChartErased: the chart was merged into another, or erased.
        KeyReused: the key belongs to somebody else.
    """
    clinic.store(session, wish.store_id)
    if wish.doctor_id is not None:
        clinic.doctor(session, wish.doctor_id)
    if wish.item_id is not None:
        clinic.item(session, wish.item_id)
    if wish.patient_id is not None:
        charts.present(session, wish.patient_id)
    row = {
        "key": wish.key,
        "store_id": wish.store_id,
        "doctor_id": wish.doctor_id,
        "patient_id": wish.patient_id,
        "item_id": wish.item_id,
        "name": "" if wish.patient_id is not None else wish.name,
        "note": wish.note,
        "state": "waiting",
        "version": 1,
        "arrived_at": now,
    }
    made: WalkIn | None = session.scalar(
        insert(WalkIn)
        .values(row)
        .on_conflict_do_nothing(index_elements=["tenant_id", "key"])
        .returning(WalkIn)
    )
    if made is None:
        return _same(session, wish)
    live.hint_at(session, made.store_id, now)
    audit.record(session, "walk_in.came", by=by, subject=("walk_in", made.id), now=now)
    outbox.record(session, "booking.walked_in", now=now, walk_in_id=made.id)
    return made


def act_on_walk_in(
    session: Session,
    walk_in_id: int,
    action: str,
    *,
    version: int | None = None,
    by: Actor,
    now: dt.datetime,
) -> WalkIn:
    """Do something with a walk-in, as `act` does with a visit; a repeat changes nothing.

    The caller has looked whether its permission is held. Flushes, never commits. `now` is aware UTC.

    Raises:
        NotFound: there is no such walk-in, or no such action.
        Stale: it was changed meanwhile.
        NotPossible: the table of actions does not allow it now.
    """
    if action not in WALK_IN_ACTIONS:
        raise NotFound(action=action)
    guest, told = arrivals.walk_in(session, walk_in_id, lock=True), WALK_IN_ACTIONS[action]
    if guest.state == told.to:
        return guest
    if version not in {None, guest.version}:
        raise Stale
    if action not in walk_in_actions(guest, now=now):
        raise NotPossible
    for name in told.clears:
        setattr(guest, name, None)
    if told.sets is not None:
        setattr(guest, told.sets, now)
    if told.to is not None:
        guest.state, guest.version = told.to, guest.version + 1
    session.flush()
    live.hint_at(session, guest.store_id, now)
    audit.record(session, told.event, by=by, subject=("walk_in", guest.id), now=now)
    return guest


def call_next(
    session: Session, store_id: int, *, doctor_id: int | None = None, by: Actor, now: dt.datetime
) -> Person | None:
    """Call whose turn it is and was not called yet, and give them; None if nobody is left.

    With `doctor_id`, of those who came for the doctor or for whoever is free. Two who call at once call
    two people. Flushes, never commits.
    """
    ledger.lock(session, f"arrivals {store_id}")
    for person in arrivals.room(session, store_id, now=now).waiting:
        if person.called_at is None and doctor_id in {None, person.doctor_id or doctor_id}:
            if person.kind == arrivals.BOOKED:
                acting.act(session, person.id, "call", by=by, now=now)
            else:
                act_on_walk_in(session, person.id, "call", by=by, now=now)
            return person
    return None


def _same(session: Session, wish: WalkInWish) -> WalkIn:
    made: WalkIn = session.scalars(sa.select(WalkIn).where(WalkIn.key == wish.key)).one()
    if (made.store_id, made.patient_id) != (wish.store_id, wish.patient_id):
        raise KeyReused
    return made
