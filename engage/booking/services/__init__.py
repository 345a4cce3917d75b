"""What can be done in booking: hold, book, change, cancel, act."""

from __future__ import annotations

from engage.booking.queries.knowing import OPEN_PER_FAN, OPEN_PER_PATIENT
from engage.booking.queries.terms import CHANGE_UNTIL, HORIZON_DAYS
from engage.booking.services.acting import KEPT_GRACE, act
from engage.booking.services.arriving import (
    WalkInWish,
    act_on_walk_in,
    arrival_code,
    arrive,
    call_next,
    renew_arrival_code,
    walk_in,
)
from engage.booking.services.booking import Book, book
from engage.booking.services.calling import finish_call, tie
from engage.booking.services.changing import Change, cancel, change, decline_visit
from engage.booking.services.duties import claim_touches, next_touch_at, reach
from engage.booking.services.holds import QUEUE, Wish, hold, next_at, sweep
from engage.booking.services.merging import hold_patients
from engage.booking.services.offers import (
    Instead,
    Time,
    accept_offer,
    decline_offer,
    expire_offers,
    next_look,
    offer_by_hand,
    offer_next,
)
from engage.booking.services.terms import set_terms
from engage.booking.services.touches import QUEUE as REMINDERS
from engage.booking.services.touches import arrange, call_instead
from engage.booking.services.wishes import (
    Wanted,
    add_wish,
    end_wishes,
    leave_list,
    look_through,
    resume_wishes,
    settle_wishes,
)

__all__ = [
    "CHANGE_UNTIL",
    "HORIZON_DAYS",
    "KEPT_GRACE",
    "OPEN_PER_FAN",
    "OPEN_PER_PATIENT",
    "QUEUE",
    "REMINDERS",
    "Book",
    "Change",
    "Instead",
    "Time",
    "WalkInWish",
    "Wanted",
    "Wish",
    "accept_offer",
    "act",
    "act_on_walk_in",
    "add_wish",
    "arrange",
    "arrival_code",
    "arrive",
    "book",
    "call_instead",
    "call_next",
    "cancel",
    "change",
    "claim_touches",
    "decline_offer",
    "decline_visit",
    "end_wishes",
    "expire_offers",
    "finish_call",
    "hold",
    "hold_patients",
    "leave_list",
    "look_through",
    "next_at",
    "next_look",
    "next_touch_at",
    "offer_by_hand",
    "offer_next",
    "reach",
    "renew_arrival_code",
    "resume_wishes",
    "set_terms",
    "settle_wishes",
    "sweep",
    "tie",
    "walk_in",
]
