"""Holds: a slot is kept for a fan while they fill in the form (BK-6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from engage.booking import queries, rules
from engage.booking.errors import NotOpen, SlotFull
from engage.booking.models import Hold
from engage.booking.rules import Span
from engage.booking.services import ledger, limits
from engage.clinic import queries as clinic
from engage.kernel import due, settings
from engage.kernel.db import Session

QUEUE = "holds"


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
    now. Flushes, never commits. `now` is aware UTC.

    Raises:
        NotOpen: nobody is seen then, or patients may not book this doctor.
        TooFar: the day is too far ahead.
        SlotFull: the last place is gone; carries the nearest free slots. The fan's first hold stays.
    """
    ledger.lock(session, ledger.fan(wish.fan_id))
    slot = queries.slot_at(session, wish.store_id, wish.doctor_id, wish.starts_at, now=now)
    if slot is None or not may_be_booked(session, wish.doctor_id):
        raise NotOpen
    days = settings.get(session, limits.HORIZON_DAYS)
    limits.check_day(clinic.store(session, wish.store_id).zone, wish.starts_at, days=days, now=now)
    freed = clear(session, slot.span, fan_id=wish.fan_id, now=now, mine=Hold.fan_id == wish.fan_id)
    kept = next((one for one in freed if one.fan_id == wish.fan_id and span_of(one) == slot.span), None)
    if not ledger.move(session, rules.moves(map(span_of, freed), slot.span, slot.capacity)):
        found = queries.nearest_slots(session, wish.store_id, wish.doctor_id, wish.starts_at, now=now)
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
    )
    session.add(made)
    session.flush()
    due.mark(session, QUEUE, at=made.expires_at)
    return made


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
) -> Sequence[sa.Row[int, int, str, dt.datetime, dt.datetime]]:
    """Delete the holds in the way of a span that ran out or are the fan's own, and those that are `mine`.

    Their places are the caller's, to take over or to give back, in this transaction.
    """
    in_the_way = (
        (Hold.resource == wanted.resource)
        & (Hold.starts_at < wanted.ends_at)
        & (Hold.ends_at > wanted.starts_at)
        & ((Hold.expires_at <= now) | (Hold.fan_id == fan_id))
    )
    these = in_the_way if mine is None else in_the_way | mine
    return _delete(session, sa.select(Hold.id).where(these).order_by(Hold.id).with_for_update())


def span_of(held: sa.Row[int, int, str, dt.datetime, dt.datetime]) -> Span:
    """Give what a hold takes of the ledger."""
    return Span(held.resource, held.starts_at, held.ends_at)


def may_be_booked(session: Session, doctor_id: int | None) -> bool:
    """Whether patients may book with a doctor by themselves (BK-3)."""
    return doctor_id is None or clinic.doctor(session, doctor_id).bookable


def _delete(
    session: Session, these: sa.Select[int]
) -> Sequence[sa.Row[int, int, str, dt.datetime, dt.datetime]]:
    return session.execute(
        sa.delete(Hold)
        .where(Hold.id.in_(these.scalar_subquery()))
        .returning(Hold.id, Hold.fan_id, Hold.resource, Hold.starts_at, Hold.ends_at)
        .execution_options(synchronize_session=False)
    ).all()
