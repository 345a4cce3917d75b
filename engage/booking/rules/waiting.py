"""The waiting list (BK-17): what fits a wish, when it may be offered, and for how long."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from engage.booking.rules.places import Slot, Span
from engage.kernel import clock
from engage.kernel.errors import N_

WISH_STATES: Final = {
    "waiting": N_("On the list"),
    "offered": N_("Offered"),
    "booked": N_("Booked"),
    "ended": N_("Ended"),
}
WISH_TONES: Final = {"waiting": "waiting", "offered": "confirmed", "booked": "good", "ended": "ended"}
# On the list: of these there are so many that may be.
ON_THE_LIST: Final = ("waiting", "offered")

OFFER_STATES: Final = {
    "open": N_("Waits for an answer"),
    "taken": N_("Taken"),
    "declined": N_("Declined"),
    "expired": N_("No answer in time"),
    "withdrawn": N_("Withdrawn"),
}

ENDINGS: Final = {
    "left": N_("Taken off the list by the patient"),
    "removed": N_("Taken off the list by staff"),
    "over": N_("The days wished for are over"),
    "unanswered": N_("Three offers were not answered"),
}

QUEUE: Final = "waiting"

# So many wishes a patient may have on the list, and so many days ahead somebody may wait.
PER_PATIENT: Final = 3
DAYS_AHEAD: Final = 90

# How long an offer is kept, and how long before the visit it must have been answered.
OFFER: Final = dt.timedelta(minutes=30)
BEFORE_THE_VISIT: Final = dt.timedelta(minutes=60)
# Offers are made in the day of the store, never at night.
MORNING, NIGHT = dt.time(8), dt.time(21)
# So many offers in a row without an answer take a wish off the list.
UNANSWERED: Final = 3
# How often the list is looked through while somebody waits: rosters and closures tell nobody of themselves.
LOOK_EVERY: Final = dt.timedelta(minutes=10)


class Wished(Protocol):
    """What of a wish decides what fits it."""

    @property
    def store_id(self) -> int:
        """The store."""

    @property
    def doctor_id(self) -> int | None:
        """The doctor, or None: whoever is free."""

    @property
    def weekdays(self) -> Collection[int]:
        """Days of the week that suit; 0 is Monday."""

    @property
    def from_minute(self) -> int:
        """From which minute of the local day a visit may begin."""

    @property
    def to_minute(self) -> int:
        """Before which minute of the local day it must begin."""

    @property
    def from_date(self) -> dt.date:
        """The first day that suits."""

    @property
    def to_date(self) -> dt.date:
        """The last day that suits."""


@dataclass(frozen=True, slots=True)
class Window:
    """When somebody can come: days, days of the week, and from when to when a visit may begin."""

    weekdays: tuple[int, ...]
    from_minute: int
    to_minute: int
    from_date: dt.date
    to_date: dt.date


def can_be_waited_for(window: Window, today: dt.date) -> bool:
    """Whether a day of the window is to come, near enough, and one of its days of the week."""
    first, last = max(window.from_date, today), last_day(window, today)
    days = min((last - first).days + 1, 7)
    return any((first + dt.timedelta(days=number)).weekday() in window.weekdays for number in range(days))


def last_day(window: Window, today: dt.date) -> dt.date:
    """Give the last day that is waited for: nobody waits for what is too far ahead."""
    return min(window.to_date, today + dt.timedelta(days=DAYS_AHEAD))


def fits(wish: Wished, store_id: int, doctor_id: int | None, starts_at: dt.datetime, zone: str) -> bool:
    """Whether a time is what a wish waits for. A wish for whoever is free is met by any doctor."""
    local = clock.local(starts_at, zone)
    minute = local.hour * 60 + local.minute
    return (
        wish.store_id == store_id
        and (wish.doctor_id is None or wish.doctor_id == doctor_id)
        and wish.from_date <= local.date() <= wish.to_date
        and local.weekday() in wish.weekdays
        and wish.from_minute <= minute < wish.to_minute
    )


def is_free_for(slot: Slot, busy: Collection[Span]) -> bool:
    """Whether a slot has a place, and the patient is nowhere else then."""
    return slot.free > 0 and not any(
        span.starts_at < slot.ends_at and slot.starts_at < span.ends_at for span in busy
    )


def is_day(now: dt.datetime, zone: str) -> bool:
    """Whether people may be written to: not at night by the store's clock."""
    return MORNING <= clock.local(now, zone).time() < NIGHT


def next_look(now: dt.datetime, zone: str) -> dt.datetime:
    """Give when a store's list is looked through next: soon in the day, else in the morning."""
    soon = now + LOOK_EVERY
    if is_day(soon, zone):
        return soon
    local = clock.local(soon, zone)
    morning = local.date() if local.time() < MORNING else local.date() + dt.timedelta(days=1)
    return dt.datetime.combine(morning, MORNING, ZoneInfo(zone)).astimezone(dt.UTC)
