"""Offers of the waiting list (BK-17): one time to one wish, kept until it is answered or runs out."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from engage.audit import services as audit
from engage.audit.services import SYSTEM, Actor
from engage.booking import queries as booking
from engage.booking.errors import NotOpen, OfferOver, OfferStands
from engage.booking.models import Appointment, WaitingOffer, WaitingWish
from engage.booking.queries import waiting as queries
from engage.booking.rules import PATIENT, Slot
from engage.booking.rules import waiting as rules
from engage.booking.rules.waiting import QUEUE
from engage.booking.services import holds, limits, wishes
from engage.booking.services.acting import act
from engage.booking.services.booking import Book, book
from engage.booking.services.changing import Change, change
from engage.clinic import queries as clinic
from engage.kernel import due, outbox
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.patients import queries as patients

# What an offer books has a key that follows from the offer: a double tap books once.
_KEYS: Final = uuid.UUID("0f0a3c0e-8f6b-4d6e-9a43-6f5b6f2f8f17")


@dataclass(frozen=True, slots=True)
class Time:
    """A time to be offered by hand: of a doctor, or (None) of the store's places without one."""

    doctor_id: int | None
    starts_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Instead:
    """A visit that moves to what is offered; `version` is the one that was seen."""

    appointment_id: int
    version: int


def offer_next(session: Session, store_id: int, *, now: dt.datetime) -> WaitingOffer | None:
    """Offer what is free at a store to the first whom it fits; None if nothing fits anybody just now.

    Who came first is asked first, for the soonest time that fits. At night nobody is, nor for a store that
    patients do not see. Wishes that somebody else has just now are passed over. Flushes, never commits;
    records `waiting.offered`.

    Raises:
        SlotFull: somebody took the place meanwhile.
        OfferStands: the fan was offered another meanwhile.
    """
    shown = {store.id: store for store in clinic.shown_stores(session)}
    if store_id not in shown or not rules.is_day(now, shown[store_id].zone):
        return None
    turn = queries.in_turn(session, store_id)
    while turn:
        free = queries.matches(session, store_id, turn, now=now)
        for one in turn:
            if free[one.id] and (made := _offer_first(session, one, free[one.id], now=now)):
                return made
        turn = queries.in_turn(session, store_id, after=turn[-1])
    return None


def offer_by_hand(session: Session, wish_id: int, time: Time, *, by: Actor, now: dt.datetime) -> WaitingOffer:
    """Keep a time for somebody whom the desk calls. Flushes, never commits; records `waiting.offered`.

    Raises:
        NotFound: there is no such wish.
        OfferStands: something is offered to them already, or they are off the list.
        NotOpen: nobody is seen then.
        SlotFull: the last place is gone.
    """
    found = queries.locked_wish(session, wish_id)
    if found.state != "waiting":
        raise OfferStands
    slot = _slot(session, found, time.doctor_id, time.starts_at, now=now)
    if slot is None:
        raise NotOpen
    return _offer(session, found, slot, by=by, now=now)


def accept_offer(
    session: Session, offer_id: int, *, by: Actor, now: dt.datetime, instead: Instead | None = None
) -> Appointment:
    """Book what is offered, or move a visit of the patient there; a repeat gives the same visit.

    As long as nobody has written down that its time is over, an offer can be taken if the place is still
    free. Where the store looks at visits first, this one stands at once: the clinic has offered it. Flushes,
    never commits; records `waiting.taken` beside `booking.booked` or `booking.changed`.

    Raises:
        NotFound: there is no such offer or visit, or it is not the fan's.
        OfferOver: it was answered, ran out, or was withdrawn.
        SlotFull, PatientBusy, TooManyOpen and what else `book` and `change` raise.
    """
    moving = None
    if instead is not None:  # that visit's row before the wish's, as reactions to visits take them
        moving = limits.visit(session, instead.appointment_id, by=by)
    found = wishes.own(session, queries.offer(session, offer_id).wish_id, by=by)
    offer = queries.offer(session, offer_id)
    if offer.state == "taken" and offer.appointment_id is not None:
        return booking.appointment(session, offer.appointment_id)
    if offer.state != "open":
        raise OfferOver
    if instead is None:
        visit = book(session, _booked(session, found, offer, by=by), by=by, now=now)
    elif moving is None or moving.patient_id != found.patient_id:
        raise NotFound(appointment=instead.appointment_id)
    else:
        target = (offer.store_id, offer.doctor_id, offer.starts_at, offer.hold_id)
        visit = change(session, Change(moving.id, instead.version, *target), by=by, now=now)
    if visit.state == "requested":  # it was the clinic that offered this time
        visit = act(session, visit.id, "approve", by=SYSTEM, now=now)
    offer.state, offer.answered_at, offer.appointment_id = "taken", now, visit.id
    wishes.meet(session, found, now=now)
    outbox.record(session, "waiting.taken", now=now, wish_id=found.id, offer_id=offer.id)
    return visit


def decline_offer(session: Session, offer_id: int, *, by: Actor, now: dt.datetime) -> WaitingWish:
    """Give back what is offered; the wish waits on. A repeat changes nothing.

    Flushes, never commits; records `waiting.declined`, and lets the next be asked. `now` is aware UTC.

    Raises:
        NotFound: there is no such offer, or it is not the fan's.
        OfferOver: it was taken, ran out, or was withdrawn.
    """
    found = wishes.own(session, queries.offer(session, offer_id).wish_id, by=by)
    offer = queries.offer(session, offer_id)
    if offer.state == "declined":
        return found
    if offer.state != "open":
        raise OfferOver
    holds.let_go(session, offer.hold_id)
    wishes.close(session, offer, "declined", now=now)
    _wait_on(found, unanswered=0)
    session.flush()
    audit.record(session, "waiting.declined", by=by, subject=("waiting", found.id), now=now)
    outbox.record(session, "waiting.declined", now=now, wish_id=found.id, offer_id=offer.id)
    wishes.look_through(session, now=now)
    return found


def expire_offers(session: Session, *, now: dt.datetime, batch: int) -> int:
    """Take back up to `batch` offers that nobody answered in time; gives how many were.

    The wish waits on; after three in a row without an answer it ends. Wishes that somebody has just now are
    passed over. What was kept has run out as well, and is the sweeper's. Flushes, never commits; records
    `waiting.expired`.
    """
    count = 0
    for offer_id, wish_id in queries.overdue(session, now=now, limit=batch):
        count += _expire(session, offer_id, wish_id, now=now)
    return count


def next_look(session: Session, *, now: dt.datetime) -> dt.datetime | None:
    """Give when the list is to be looked through next; None if nobody waits."""
    stores = [clinic.store(session, store_id) for store_id in queries.waiting_stores(session)]
    looks = [rules.next_look(now, store.zone) for store in stores]
    return min([*looks, *filter(None, [queries.next_expiry(session)])], default=None)


def _offer_first(
    session: Session, one: WaitingWish, free: Sequence[Slot], *, now: dt.datetime
) -> WaitingOffer | None:
    """Offer the first of some times that can be had to a wish, unless it waits no more."""
    found = queries.free_wish(session, one.id)
    if found is None or found.fan_id is None:
        return None
    if not patients.is_bound(session, found.fan_id, found.patient_id):
        return None
    for slot in free:
        had = _slot(session, found, slot.doctor_id, slot.starts_at, now=now)
        if had is not None:
            return _offer(session, found, had, by=SYSTEM, now=now)
    return None


def _offer(session: Session, found: WaitingWish, slot: Slot, *, by: Actor, now: dt.datetime) -> WaitingOffer:
    expires_at = min(now + rules.OFFER, slot.starts_at)
    hold = holds.keep_offer(session, slot, fan_id=found.fan_id, expires_at=expires_at, now=now)
    made = WaitingOffer(
        wish_id=found.id,
        hold_id=hold.id,
        store_id=slot.store_id,
        doctor_id=slot.doctor_id,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        state="open",
        offered_at=now,
        expires_at=expires_at,
    )
    session.add(made)
    found.state, found.version = "offered", found.version + 1
    session.flush()  # trail and event need the id
    audit.record(session, "waiting.offered", by=by, subject=("waiting", found.id), now=now)
    outbox.record(session, "waiting.offered", now=now, wish_id=found.id, offer_id=made.id)
    due.mark(session, QUEUE, at=expires_at)
    return made


def _expire(session: Session, offer_id: int, wish_id: int, *, now: dt.datetime) -> int:
    found = queries.offered_wish(session, wish_id)
    if found is None:
        return 0
    offer = queries.offer(session, offer_id)
    if offer.state != "open":
        return 0
    wishes.close(session, offer, "expired", now=now)
    _wait_on(found, unanswered=found.unanswered + 1)
    session.flush()
    outbox.record(session, "waiting.expired", now=now, wish_id=found.id, offer_id=offer.id)
    if found.unanswered >= rules.UNANSWERED:
        wishes.end(session, found, "unanswered", now=now)
    return 1


def _wait_on(found: WaitingWish, *, unanswered: int) -> None:
    found.state, found.unanswered = "waiting", unanswered
    found.version += 1


def _booked(session: Session, found: WaitingWish, offer: WaitingOffer, *, by: Actor) -> Book:
    return Book(
        key=uuid.uuid5(_KEYS, f"{session.tenant_id} {offer.id}"),
        patient_id=found.patient_id,
        store_id=offer.store_id,
        doctor_id=offer.doctor_id,
        starts_at=offer.starts_at,
        item_id=found.item_id,
        channel="wechat" if limits.who(by) == PATIENT else "desk",
        fan_id=found.fan_id,
        hold_id=offer.hold_id,
    )


def _slot(
    session: Session, found: WaitingWish, doctor_id: int | None, starts_at: dt.datetime, *, now: dt.datetime
) -> Slot | None:
    minutes = 0 if found.item_id is None else clinic.item(session, found.item_id).minutes
    return booking.slot_at(
        session, found.store_id, doctor_id, starts_at, now=now, minutes=minutes, item_id=found.item_id
    )
