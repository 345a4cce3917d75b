"""Holds: a slot is kept for a fan while they fill in the form (BK-6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from engage.booking import queries, rules
from engage.booking.errors import NotOpen, OfferStands, SlotFull
from engage.booking.models import Hold
from engage.booking.rules import Slot, Span
from engage.booking.services import ledger, limits
from engage.clinic import queries as clinic
from engage.kernel import due, live
from engage.kernel.db import Session

QUEUE = "holds"
FORM, OFFER = "form", "offer"


# A hold that was deleted: its id, its fan, its store, and what it takes.
Freed = sa.Row[int, int | None, int, str, dt.datetime, dt.datetime]


@dataclass(frozen=True, slots=True)
class Wish:
    """A slot that a fan has tapped: of a doctor, or (None) of a store's places without one."""

    fan_id: int
    store_id: int
    doctor_id: int | None
    starts_at: dt.datetime


def hold(session: Session, wish: Wish, *, now: dt.datetime) -> Hold:
    """Keep a slot for a fan for five minutes.

    A fan has one hold: another choice gives the first back, the same again is kept five minutes from
    now; what the waiting list offers to the fan stays beside it. Flushes, never commits. `now` is aware UTC.

    Raises:
        NotFound: there is no such store or doctor, or patients do not see the store.
        NotOpen: nobody is seen then, or patients may not book this doctor.
        TooFar: the day is too far ahead.
        SlotFull: the last place is gone; carries the nearest free slots. The fan's first hold stays.
    """
    ledger.lock(session, ledger.fan(wish.fan_id))
    slot = queries.slot_at(session, wish.store_id, wish.doctor_id, wish.starts_at, now=now)
    if slot is None or not may_be_booked(session, wish.doctor_id):
        raise NotOpen
    zone = clinic.shown_store(session, wish.store_id).zone
    terms = queries.terms(session, wish.store_id)
    limits.check_terms(terms, zone, wish.starts_at, now=now)
    mine = (Hold.fan_id == wish.fan_id) & (Hold.purpose == FORM)
    freed = clear(session, slot.span, fan_id=wish.fan_id, now=now, mine=mine)
    kept = next((one for one in freed if one.fan_id == wish.fan_id and span_of(one) == slot.span), None)
    if not ledger.move(session, rules.moves(map(span_of, freed), slot.span, slot.capacity)):
        target = (wish.store_id, wish.doctor_id, wish.starts_at)
        found = queries.nearest_slots(session, *target, now=now, allowed=terms)
        raise SlotFull(nearest=found)
    made = Hold(
        id=kept.id if kept else None,
        fan_id=wish.fan_id,
        resource=slot.span.resource,
        store_id=wish.store_id,
        doctor_id=wish.doctor_id,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        expires_at=now + rules.HOLD,
        purpose=FORM,
    )
    session.add(made)
    session.flush()
    due.mark(session, QUEUE, at=made.expires_at)
    live.hint_at(session, made.store_id, made.starts_at)
    return made


def keep_offer(
    session: Session, slot: Slot, *, fan_id: int | None, expires_at: dt.datetime, now: dt.datetime
) -> Hold:
    """Keep a slot that the waiting list offers, to a fan or (None) by telephone.

    A fan is offered one at a time. Flushes, never commits. `now` is aware UTC.

    Raises:
        OfferStands: another offer to the fan waits for an answer.
        SlotFull: the last place is gone.
    """
    if fan_id is not None:
        ledger.lock(session, ledger.fan(fan_id))
    mine = (Hold.fan_id == fan_id) & (Hold.purpose == OFFER) if fan_id is not None else sa.false()
    freed = clear(session, slot.span, fan_id=None, now=now, mine=mine & (Hold.expires_at <= now))
    if fan_id is not None and session.scalar(sa.select(sa.exists().where(mine))):
        raise OfferStands
    if not ledger.move(session, rules.moves(map(span_of, freed), slot.span, slot.capacity)):
        raise SlotFull
    made = Hold(
        fan_id=fan_id,
        purpose=OFFER,
        resource=slot.span.resource,
        store_id=slot.store_id,
        doctor_id=slot.doctor_id,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        expires_at=expires_at,
    )
    session.add(made)
    session.flush()
    due.mark(session, QUEUE, at=made.expires_at)
    live.hint_at(session, made.store_id, made.starts_at)
    return made


def let_go(session: Session, hold_id: int) -> None:
    """Give back what is kept for an offer, if it is kept still."""
    freed = _delete(
        session, sa.select(Hold.id).where(Hold.id == hold_id, Hold.purpose == OFFER).with_for_update()
    )
    ledger.move(session, rules.moves(map(span_of, freed)))


def run_out(session: Session, hold_id: int, *, now: dt.datetime) -> None:
    """Let what is kept for an offer run out now: the sweeper gives its places back.

    For who may not wait for places. A hold that somebody has just now is theirs.
    """
    this = sa.select(Hold.id).where(Hold.id == hold_id, Hold.purpose == OFFER)
    session.execute(
        sa.update(Hold)
        .where(Hold.id.in_(this.with_for_update(skip_locked=True).scalar_subquery()))
        .values(expires_at=now)
        .execution_options(synchronize_session=False)
    )
    due.mark(session, QUEUE, at=now)


def sweep(session: Session, *, now: dt.datetime, batch: int) -> int:
    """Give back the places of up to `batch` holds that have run out; gives how many were swept.

    Several may sweep at once: whoever deletes the row gives its places back.
    """
    over = sa.select(Hold.id).where(Hold.expires_at <= now).limit(batch).with_for_update(skip_locked=True)
    swept = _delete(session, over)
    ledger.move(session, rules.moves(map(span_of, swept)))
    return len(swept)


def next_at(session: Session) -> dt.datetime | None:
    """Give when the next hold runs out."""
    return session.scalar(sa.select(sa.func.min(Hold.expires_at)))


def clear(
    session: Session,
    wanted: Span,
    *,
    fan_id: int | None,
    now: dt.datetime,
    mine: sa.ColumnElement[bool] | None = None,
) -> Sequence[Freed]:
    """Delete the holds in the way of a span that ran out or are the fan's own, and those that are `mine`.

    Their places are the caller's, to take over or to give back, in this transaction.
    """
    in_the_way = (
        (Hold.resource == wanted.resource)
        & (Hold.starts_at < wanted.ends_at)
        & (Hold.ends_at > wanted.starts_at)
        & ((Hold.expires_at <= now) | (sa.false() if fan_id is None else Hold.fan_id == fan_id))
    )
    these = in_the_way if mine is None else in_the_way | mine
    return _delete(session, sa.select(Hold.id).where(these).order_by(Hold.id).with_for_update())


def span_of(held: Freed) -> Span:
    """Give what a hold takes of the ledger."""
    return Span(held.resource, held.starts_at, held.ends_at)


def may_be_booked(session: Session, doctor_id: int | None) -> bool:
    """Whether patients may book with a doctor by themselves (BK-3)."""
    return doctor_id is None or clinic.doctor(session, doctor_id).bookable


def _delete(session: Session, these: sa.Select[int]) -> Sequence[Freed]:
    freed = session.execute(
        sa.delete(Hold)
        .where(Hold.id.in_(these.scalar_subquery()))
        .returning(Hold.id, Hold.fan_id, Hold.store_id, Hold.resource, Hold.starts_at, Hold.ends_at)
        .execution_options(synchronize_session=False)
    ).all()
    for one in freed:
        live.hint_at(session, one.store_id, one.starts_at)
    return freed
