"""The waiting list (BK-17): who waits for what, and how that ends."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from engage.audit import services as audit
from engage.audit.services import SYSTEM, Actor
from engage.booking.errors import KeyReused, NotPossible, TooManyWishes, WindowOver
from engage.booking.models import Appointment, WaitingOffer, WaitingWish
from engage.booking.queries import waited
from engage.booking.queries import waiting as queries
from engage.booking.rules import LIVE, PATIENT
from engage.booking.rules import waiting as rules
from engage.booking.rules.waiting import QUEUE, Window
from engage.booking.services import holds, ledger, limits
from engage.clinic import queries as clinic
from engage.kernel import clock, due, outbox
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.notifications import services as notifications
from engage.patients import queries as patients
from engage.patients import services as charts

# What tells of an offer, and is withdrawn with it.
OFFERED = ("waiting_offer",)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who waits, where, for whom (None: whoever is free), when they can come, what for.

    `key` makes repeats one. `fan_id` is who is asked by WeChat; without one the desk calls.
    """

    key: uuid.UUID
    patient_id: int
    store_id: int
    doctor_id: int | None
    window: Window
    item_id: int | None = None
    fan_id: int | None = None


def add_wish(session: Session, wanted: Wanted, *, by: Actor, now: dt.datetime) -> WaitingWish:
    """Put somebody on the waiting list, at its end; the same key again gives the wish it made.

    Nobody waits longer than so many days ahead: a last day beyond them is brought forward to it.
    Flushes, never commits; records `waiting.wished`. `now` is aware UTC.

    Raises:
        NotFound: a fan wishes for a patient to whom they are not bound, or at a store that patients do not
            see; or no such store, doctor or item.
        WindowOver: no day of the window can be waited for.
        NotOffered: the store does not do the item.
        TooManyWishes: the patient is on the list as often as may be.
        KeyReused: the key belongs to another's wish.
        ChartMoved, ChartErased: staff wish for a chart that was merged into another, or erased.
    """
    ledger.lock(session, f"key {wanted.key}", ledger.patient(wanted.patient_id))
    if made := queries.wish_by_key(session, wanted.key):
        if (made.patient_id, made.fan_id) != (wanted.patient_id, wanted.fan_id):
            raise KeyReused
        return made
    last_day = _check(session, wanted, by=by, now=now)
    made = WaitingWish(
        key=wanted.key,
        fan_id=wanted.fan_id,
        patient_id=wanted.patient_id,
        store_id=wanted.store_id,
        doctor_id=wanted.doctor_id,
        item_id=wanted.item_id,
        weekdays=sorted(wanted.window.weekdays),
        from_minute=wanted.window.from_minute,
        to_minute=wanted.window.to_minute,
        from_date=wanted.window.from_date,
        to_date=last_day,
        state="waiting",
        version=1,
        created_at=now,
    )
    session.add(made)
    session.flush()  # trail and event need the id
    audit.record(session, "waiting.wished", by=by, subject=("waiting", made.id), now=now)
    outbox.record(session, "waiting.wished", now=now, wish_id=made.id)
    look_through(session, now=now)
    return made


def leave_list(session: Session, wish_id: int, *, by: Actor, now: dt.datetime) -> WaitingWish:
    """Take a wish off the list, with what is offered to it; one that is off already stays as it is.

    Flushes, never commits; records `waiting.ended`. `now` is aware UTC.

    Raises:
        NotFound: there is no such wish, or it is not the fan's.
    """
    found = own(session, wish_id, by=by)
    if found.state in rules.ON_THE_LIST:
        if (offer := queries.open_offer(session, found.id)) is not None:
            holds.let_go(session, offer.hold_id)
            close(session, offer, "withdrawn", now=now)
        end(session, found, "left" if limits.who(by) == PATIENT else "removed", now=now)
        audit.record(session, "waiting.ended", by=by, subject=("waiting", found.id), now=now)
        look_through(session, now=now)
    return found


def settle_wishes(session: Session, visit: Appointment, *, now: dt.datetime) -> None:
    """Take the patient's wishes that a visit meets off the list. Safe to repeat; flushes, never commits."""
    if visit.state not in LIVE:
        return
    zone = clinic.store(session, visit.store_id).zone
    for one in queries.of_patient_waiting(session, visit.patient_id):
        if not rules.fits(one, visit.store_id, visit.doctor_id, visit.starts_at, zone):
            continue
        found = queries.locked_wish(session, one.id)
        meets = rules.fits(found, visit.store_id, visit.doctor_id, visit.starts_at, zone)
        if meets and found.state in rules.ON_THE_LIST:
            if (offer := queries.open_offer(session, found.id)) is not None:
                holds.run_out(session, offer.hold_id, now=now)  # a reaction takes no places (docs/locking.md)
                close(session, offer, "withdrawn", now=now)
            meet(session, found, now=now)


def resume_wishes(session: Session, visit: Appointment, *, now: dt.datetime) -> None:
    """Let wait again who waited for a visit that the clinic declined, if the days wished for are not over.

    Who has another visit that meets the wish waits no more. Safe to repeat; flushes, never commits; records
    `waiting.resumed`.
    """
    if visit.state != "cancelled":
        return
    zone = clinic.store(session, visit.store_id).zone
    today, times = clock.local(now, zone).date(), waited.times_of(session, visit.patient_id)
    resumed = False
    for one in waited.met_since(session, visit.patient_id, visit.booked_at):
        found = queries.locked_wish(session, one.id)
        meets = rules.fits(found, visit.store_id, visit.doctor_id, visit.starts_at, zone)
        has_another = any(rules.fits(found, *time, zone) for time in times)
        if found.state == "booked" and meets and not has_another and found.to_date >= today:
            found.state, found.ended_at, found.version = "waiting", None, found.version + 1
            session.flush()
            audit.record(session, "waiting.resumed", by=SYSTEM, subject=("waiting", found.id), now=now)
            outbox.record(session, "waiting.resumed", now=now, wish_id=found.id)
            resumed = True
    if resumed:
        look_through(session, now=now)


def end_wishes(session: Session, store_id: int, *, now: dt.datetime) -> None:
    """End the wishes of a store that wait for days which are over. Flushes, never commits."""
    today = clock.local(now, clinic.store(session, store_id).zone).date()
    for wish_id in queries.over(session, store_id, today):
        found = queries.free_wish(session, wish_id)
        if found is not None:
            end(session, found, "over", now=now)


def look_through(session: Session, *, now: dt.datetime) -> None:
    """Let the list be looked through, if anybody waits: a place may have become free."""
    if queries.anybody_waits(session):
        due.mark(session, QUEUE, at=now)


def own(session: Session, wish_id: int, *, by: Actor) -> WaitingWish:
    """Give a wish that somebody is to do something with, and keep others from it until the end.

    Raises:
        NotFound: there is none, or it is not the fan's, who must still speak for the patient.
    """
    found = queries.locked_wish(session, wish_id)
    if limits.who(by) == PATIENT:
        queries.wish(session, wish_id, fan_id=by.id or 0)
    return found


def end(session: Session, found: WaitingWish, reason: str, *, now: dt.datetime) -> None:
    """End a wish that is kept; records `waiting.ended`."""
    found.state, found.ended_at, found.reason = "ended", now, reason
    found.version += 1
    session.flush()
    outbox.record(session, "waiting.ended", now=now, wish_id=found.id)


def meet(session: Session, found: WaitingWish, *, now: dt.datetime) -> None:
    """Note of a wish that is kept that the patient has what it waited for."""
    found.state, found.ended_at = "booked", now
    found.version += 1
    session.flush()


def close(session: Session, offer: WaitingOffer, state: str, *, now: dt.datetime) -> None:
    """Note what came of an offer that was not taken, and say no more of it; its place is the caller's."""
    if offer.state != "open":
        raise NotPossible
    offer.state, offer.answered_at = state, now
    session.flush()
    notifications.withdraw(session, OFFERED, offer.id, now=now)


def _check(session: Session, wanted: Wanted, *, by: Actor, now: dt.datetime) -> dt.date:
    """Refuse what cannot be waited for; gives the last day of what can."""
    is_patient = limits.who(by) == PATIENT
    store = (clinic.shown_store if is_patient else clinic.store)(session, wanted.store_id)
    if wanted.doctor_id is not None:
        clinic.doctor(session, wanted.doctor_id)
    if is_patient:
        if wanted.fan_id is None or not patients.is_bound(session, wanted.fan_id, wanted.patient_id):
            raise NotFound(patient=wanted.patient_id)
    else:
        charts.present(session, wanted.patient_id)
    limits.check_item(session, wanted.item_id, wanted.store_id)
    today = clock.local(now, store.zone).date()
    if not rules.can_be_waited_for(wanted.window, today):
        raise WindowOver
    if queries.count_of_patient(session, wanted.patient_id) >= rules.PER_PATIENT:
        raise TooManyWishes
    return rules.last_day(wanted.window, today)
