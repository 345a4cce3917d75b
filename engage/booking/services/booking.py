"""Booking a visit."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.booking import queries, rules
from engage.booking.errors import KeyReused, NotOpen, PatientBusy, SlotFull
from engage.booking.models import Appointment, Hold
from engage.booking.services import calling, holds, ledger, limits
from engage.kernel import due, live, outbox, recent
from engage.kernel.db import Session
from engage.kernel.errors import DomainError
from engage.patients import services as charts


@dataclass(frozen=True, slots=True)
class Book:
    """Who comes, where, to whom (None: to anybody), when, for what. `key` makes repeats one.

    `fan_id` is the fan who books by WeChat; `hold_id` is their hold, if the slot was kept for them.
    `rebooked_from_id` is the visit that the patient missed, in whose place this one is made.
    """

    key: uuid.UUID
    patient_id: int
    store_id: int
    doctor_id: int | None
    starts_at: dt.datetime
    item_id: int | None = None
    complaint: str = ""
    channel: str = "wechat"
    fan_id: int | None = None
    note: str = ""
    hold_id: int | None = None
    rebooked_from_id: int | None = None


def book(session: Session, wish: Book, *, by: Actor, now: dt.datetime) -> Appointment:
    """Take the places a visit needs and record it.

    Idempotent per `key`: a repeat returns the appointment it made, and of two at once the second
    waits for the first. The places of the fan's hold, and of one in the way, are taken over. An item that
    is longer than a slot takes as many slots as it needs. Flushes, never commits; records
    `booking.booked`. `now` is aware UTC.

    Raises:
        NotFound: a fan books for a patient to whom they are not bound.
        NotOpen: nobody is seen then, or not for as long as the item takes.
        NotOffered: a patient books an item that is off, or of other stores.
        TooFar: a patient books a day too far ahead.
        TooManyOpen: a patient books more than may be open.
        SlotFull: the last place is gone; carries the nearest free slots.
        PatientBusy: the patient has another visit at that time, at any store.
        KeyReused: the key belongs to another wish.
        ChartMoved, ChartErased: staff books for a chart that was merged into another, or erased.
    """
    _turn_away(session, wish, by=by, now=now)
    if wish.rebooked_from_id is not None:  # that visit's row before the advisory locks
        calling.rebook(session, wish.rebooked_from_id, patient_id=wish.patient_id, by=by, now=now)
    names = [f"key {wish.key}", ledger.patient(wish.patient_id)]
    ledger.lock(session, *names, *([] if wish.fan_id is None else [ledger.fan(wish.fan_id)]))
    known = queries.known(session, wish, now=now)
    if known.made_id is not None:
        return _same(queries.appointment(session, known.made_id), wish)
    slot = _slot(known, wish, by=by, now=now)
    if limits.who(by) != rules.PATIENT:
        charts.present(session, wish.patient_id)
    if slot is None:
        raise NotOpen
    waits = limits.who(by) == rules.PATIENT and known.terms.approval
    made = None
    if not known.is_full(slot):
        moves = _moves(session, wish, known, slot, now=now)
        made = _make(session, wish, slot, moves, state="requested" if waits else "confirmed", by=by, now=now)
    if made is None:
        recent.note(_time_of(session, wish))
        raise _full(session, wish, known, by=by, now=now)
    live.hint_at(session, made.store_id, made.starts_at)
    return made


def _turn_away(session: Session, wish: Book, *, by: Actor, now: dt.datetime) -> None:
    """Refuse, before anything is locked, who wants a time that was full a moment ago and is so still.

    In a rush on one time this is nearly everybody. All else that may be said of the wish is said under the
    locks: what its own transaction wrote before is not seen here.

    Raises:
        SlotFull: the last place is gone.
    """
    if limits.who(by) != rules.PATIENT or not recent.noted(_time_of(session, wish)):
        return
    known = queries.glimpsed(session, wish, now=now)
    if known is None or known.made_id is not None:
        return
    try:
        slot = _slot(known, wish, by=by, now=now)
    except DomainError:
        return
    if slot is not None and known.is_full(slot):
        raise _full(session, wish, known, by=by, now=now)


def _time_of(session: Session, wish: Book) -> Hashable:
    return ("full", session.tenant_id, wish.store_id, wish.doctor_id, wish.starts_at)


def _slot(known: queries.Known, wish: Book, *, by: Actor, now: dt.datetime) -> rules.Slot | None:
    """Give the slot that a wish is for, if there is one and it is theirs to ask for."""
    if limits.who(by) == rules.PATIENT:
        limits.check_patient(known, wish, now=now)
    return known.slot(wish, now=now)


def _full(session: Session, wish: Book, known: queries.Known, *, by: Actor, now: dt.datetime) -> SlotFull:
    """Say that the last place is gone, and which times near it are free."""
    minutes = known.situation.item.minutes if known.situation.item else 0
    target = (wish.store_id, wish.doctor_id, wish.starts_at)
    allowed = known.terms if limits.who(by) == rules.PATIENT else None
    return SlotFull(
        nearest=queries.nearest_slots(
            session, *target, now=now, minutes=minutes, item_id=wish.item_id, allowed=allowed
        )
    )


def _moves(
    session: Session, wish: Book, known: queries.Known, slot: rules.Slot, *, now: dt.datetime
) -> Sequence[rules.Move]:
    """Give which places a visit takes, and gives back of holds that give way to it."""
    freed: Iterable[rules.Span] = ()
    if known.may_give_way:
        mine = (Hold.id == wish.hold_id) & (Hold.fan_id == wish.fan_id) if wish.hold_id else None
        freed = map(holds.span_of, holds.clear(session, slot.span, fan_id=wish.fan_id, now=now, mine=mine))
    return rules.moves(freed, slot.span, slot.capacity)


def _make(
    session: Session,
    wish: Book,
    slot: rules.Slot,
    moves: Sequence[rules.Move],
    *,
    state: str,
    by: Actor,
    now: dt.datetime,
) -> Appointment | None:
    """Take the places and insert the visit, with its event and its entry in the trail; None if one was gone.

    Raises:
        PatientBusy: the patient is elsewhere then.
    """
    row = {
        "key": wish.key,
        "store_id": wish.store_id,
        "doctor_id": wish.doctor_id,
        "fan_id": wish.fan_id,
        "patient_id": wish.patient_id,
        "item_id": wish.item_id,
        "resource": slot.span.resource,
        "state": state,
        "channel": wish.channel,
        "starts_at": slot.starts_at,
        "ends_at": slot.ends_at,
        "complaint": wish.complaint,
        "note": wish.note,
        "booked_at": now,
        "rebooked_from_id": wish.rebooked_from_id,
    }
    told = {f"new_{name}": value for name, value in row.items()}
    told |= ledger.values_of(moves) | outbox.values_of("booking.booked", now=now)
    told |= audit.values_of("appointment.booked", by=by, kind="appointment", now=now)
    outcome = session.execute(_MAKE, told).one()
    if not outcome.done:
        return None
    if outcome.made_id is None:
        raise PatientBusy
    due.ring(session, outbox.QUEUE)
    made = Appointment(tenant_id=session.tenant_id, id=outcome.made_id, version=1, **row)
    orm.make_transient_to_detached(made)  # it is stored already; what was not told is read when asked for
    session.add(made)
    return made


def _making() -> sa.Select[bool, int | None]:
    """Build the statement that takes places and inserts an appointment, with its event and trail.

    One, for whoever wants the same place waits until it is committed. A plain insert would deadlock
    with its like (`docs/locking.md`). Where places are gone nothing is inserted, and what was taken is to be
    rolled back.
    """
    table, moved = cast("sa.Table", Appointment.__table__), ledger.moving()
    told = {column: sa.bindparam(f"new_{column}", type_=table.c[column].type) for column in _TOLD}
    made = (
        insert(table)
        .from_select(
            [*told, "version"], sa.select(*told.values(), sa.literal_column("1")).where(moved.c.done)
        )
        .on_conflict_do_nothing()
        .returning(table.c.id, table.c.tenant_id)
        .cte("made")
    )
    event = outbox.recording(made, appointment_id=made.c.id)
    made_id = sa.select(made.c.id).scalar_subquery().label("made_id")
    return sa.select(moved.c.done, made_id).add_cte(*event, audit.recording(made, made.c.id))


_TOLD = (
    "key",
    "store_id",
    "doctor_id",
    "fan_id",
    "patient_id",
    "item_id",
    "resource",
    "state",
    "channel",
    "starts_at",
    "ends_at",
    "complaint",
    "note",
    "booked_at",
    "rebooked_from_id",
)
_MAKE = _making()


def _same(made: Appointment, wish: Book) -> Appointment:
    """Give the appointment of a repeat; once it was changed, only whose it is can be compared."""
    is_same = (made.patient_id, made.fan_id) == (wish.patient_id, wish.fan_id)
    earlier = (made.store_id, made.doctor_id, made.starts_at, made.item_id)
    wished = (wish.store_id, wish.doctor_id, wish.starts_at, wish.item_id)
    if not is_same or (made.version == 1 and earlier != wished):
        raise KeyReused
    return made
