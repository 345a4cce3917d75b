"""What can be done in booking: hold, book, change, cancel, act."""

from __future__ import annotations

from engage.booking.services.acting import act
from engage.booking.services.booking import Book, book
from engage.booking.services.changing import Change, cancel, change
from engage.booking.services.holds import QUEUE, Wish, hold, next_at, sweep
from engage.booking.services.limits import CHANGE_UNTIL, HORIZON_DAYS, OPEN_PER_FAN, OPEN_PER_PATIENT
from engage.booking.services.merging import hold_patients

__all__ = [
    "CHANGE_UNTIL",
    "HORIZON_DAYS",
    "OPEN_PER_FAN",
    "OPEN_PER_PATIENT",
    "QUEUE",
    "Book",
    "Change",
    "Wish",
    "act",
    "book",
    "cancel",
    "change",
    "hold",
    "hold_patients",
    "next_at",
    "sweep",
]
