"""What a visit's page says first, by the visit's state: one table."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engage.booking.queries import Row
from engage.booking.rules import keeping
from engage.kernel.errors import N_

if TYPE_CHECKING:
    from engage.booking.models import Appointment


@dataclass(frozen=True, slots=True)
class Head:
    """The sign on top of a page, and two sentences; `is_over` draws the ticket without colour."""

    tone: str
    icon: str
    title: str
    lead: str
    is_over: bool = False


BOOKED: Final = Head("good", "check", N_("Booked"), N_("We look forward to seeing you."))
PROMISED: Final = Head("good", "check", N_("See you then"), N_("Thank you, we know that you will come."))
PAST: Final = Head(
    "ended",
    "clock",
    N_("This visit was planned"),
    N_("Its time is over. You can book the next whenever you like."),
    is_over=True,
)
CANCELLED_HERE: Final = Head(
    "ended",
    "calendar-off",
    N_("This visit is cancelled"),
    N_("Nothing more is to be done. You can book again whenever you like."),
    is_over=True,
)
CANCELLED_THERE: Final = Head(
    "bad",
    "calendar-off",
    N_("We had to cancel this visit"),
    N_("We are sorry. Please choose another time, or write to us in the chat."),
    is_over=True,
)
NOT_ANSWERED: Final = Head(
    "bad",
    "calendar-off",
    N_("We could not answer in time"),
    N_("We are sorry: your request was not looked at before its time. Please choose another time."),
    is_over=True,
)

HEADS: Final = {
    "requested": Head(
        "waiting",
        "clock",
        N_("We have your request"),
        N_("The clinic looks at it and answers in your chat with us."),
    ),
    "checked_in": Head(
        "good", "map-pin", N_("You are here"), N_("Please have a seat; we call you in a moment.")
    ),
    "in_treatment": Head("good", "map-pin", N_("You are being seen"), N_("We wish you a good treatment.")),
    "completed": Head(
        "good",
        "circle-check",
        N_("This visit is done"),
        N_("Thank you for coming. Take good care of yourself."),
        is_over=True,
    ),
    "no_show": Head(
        "waiting",
        "calendar-off",
        N_("We missed you"),
        N_("Something may have come between. Choose a new time that suits you."),
        is_over=True,
    ),
}


def head_of(row: Row, ended: Appointment, *, now: dt.datetime) -> Head:
    """Give what a visit's page says first; `ended` is the visit, which knows how it ended."""
    if row.state == "cancelled":
        if ended.cancel_reason == keeping.NOT_ANSWERED:
            return NOT_ANSWERED
        return CANCELLED_HERE if ended.cancelled_by == "patient" else CANCELLED_THERE
    if row.state != "confirmed":
        return HEADS[row.state]
    if row.ends_at <= now:
        return PAST
    return PROMISED if row.attendance_confirmed_at else BOOKED
