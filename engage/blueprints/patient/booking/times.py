"""Days and times of a doctor, or of whoever is free, as pages show them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from babel.dates import format_date
from flask import url_for
from flask_babel import get_locale, gettext

from engage.blueprints.faces import moment
from engage.blueprints.guard import Visitor
from engage.booking import queries, rules
from engage.booking.rules import Slot
from engage.booking.rules.terms import Terms, may_begin
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session
from engage.kernel.errors import N_, NotFound

if TYPE_CHECKING:
    from engage.clinic.models import Doctor, Store

ANY: Final = "any"
NOON, EVENING = 12, 18
PARTS = (N_("Morning"), N_("Afternoon"), N_("Evening"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where, and whom: a store, and a doctor or (None) whoever is free."""

    store: Store
    doctor: Doctor | None

    @property
    def doctor_id(self) -> int | None:
        """The doctor's id, if one is named."""
        return self.doctor.id if self.doctor else None

    @property
    def may_be_booked(self) -> bool:
        """Whether patients choose this doctor by themselves (BK-3)."""
        return self.doctor is None or self.doctor.bookable

    @property
    def who(self) -> str:
        """What stands for the doctor in addresses."""
        return who_of(self.doctor_id)

    @property
    def name(self) -> str:
        """The doctor's name, if one is named."""
        return self.doctor.name if self.doctor else ""

    def at(self, value: dt.datetime) -> str:
        """Write day and time as the store's clock shows them."""
        return moment(clock.local(value, self.store.zone))

    def card(self) -> dict[str, str]:
        """Give whom one meets, and where."""
        return {
            "name": self.name,
            "title": self.doctor.title if self.doctor else "",
            "store": self.store.short_name,
        }


@dataclass(frozen=True, slots=True)
class Days:
    """What is open from today to the horizon, and the day that is looked at.

    `approval` says whether the store looks at what is asked for first.
    """

    place: Place
    slots: Mapping[dt.date, Sequence[Slot]]
    chosen: dt.date
    now: dt.datetime
    approval: bool

    @property
    def next_free(self) -> dt.date | None:
        """The first day with a free place."""
        return next((date for date, slots in self.slots.items() if _free(slots)), None)

    @property
    def next_after(self) -> dt.date | None:
        """The next day with a free place after the one that is looked at; else the first."""
        later = (date for date, slots in self.slots.items() if date > self.chosen and _free(slots))
        return next(later, self.next_free)

    @property
    def wide(self) -> bool:
        """Whether times are shown with their end."""
        return self.place.doctor is None

    def strip(self, url: Callable[[str], str]) -> list[dict[str, Any]]:
        """Give the days for the strip; `url` makes the address of one."""
        today = clock.local(self.now, self.place.store.zone).date()
        return [
            {
                "label": _short(date),
                "weekday": _weekday(date, today),
                "url": url(date.isoformat()),
                "open": bool(slots),
                "free": _free(slots),
                "current": date == self.chosen,
            }
            for date, slots in self.slots.items()
        ]

    def parts(
        self, *, booked: dt.datetime | None = None, kept: dt.datetime | None = None
    ) -> list[dict[str, Any]]:
        """Give the times of the chosen day by part of the day.

        `booked` is the time of the visit that moves, `kept` the one held for who looks: it is free to them.
        Nothing where none can be chosen.
        """
        zone = self.place.store.zone
        shown = [
            (slot, _time(slot, zone, wide=self.wide, booked=booked, kept=kept))
            for slot in self.slots[self.chosen]
        ]
        if all(time["taken"] for _slot, time in shown):
            return []
        by_part = groupby(shown, key=lambda pair: _part(clock.local(pair[0].starts_at, zone)))
        return [
            {"label": gettext(PARTS[part]), "slots": [time for _slot, time in pairs]}
            for part, pairs in by_part
        ]


def who_of(doctor_id: int | None) -> str:
    """Give what stands for a doctor, or for whoever is free, in addresses."""
    return ANY if doctor_id is None else str(doctor_id)


def doctor_id_of(who: str) -> int | None:
    """Give the doctor of an address; None for whoever is free.

    Raises:
        NotFound: it is neither.
    """
    if who == ANY:
        return None
    if not who.isascii() or not who.isdecimal() or len(who) > 18:
        raise NotFound(doctor=who[:20])
    return int(who)


def place_of(session: Session, store_id: int, doctor_id: int | None, *, hidden_too: bool = False) -> Place:
    """Give where and whom; a store that patients do not see only with `hidden_too`.

    Raises:
        NotFound: there is no such store or doctor in the tenant.
    """
    store = clinic.store(session, store_id) if hidden_too else clinic.shown_store(session, store_id)
    return Place(store, None if doctor_id is None else clinic.doctor(session, doctor_id))


def horizon(terms: Terms, zone: str, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """Give from when to when patients may book; an empty time where a store lets them book nothing."""
    first, last = rules.terms.days(terms, clock.local(now, zone).date())
    begin, end = clock.day_bounds(first, zone)[0], clock.day_bounds(last, zone)[1]
    return begin, max(begin, end)


def days_of(session: Session, place: Place, *, asked: str, now: dt.datetime) -> Days:
    """Give the days that may be booked; the day asked for is chosen, else the first with a free place."""
    zone = place.store.zone
    terms = queries.terms(session, place.store.id)
    begin, end = horizon(terms, zone, now)
    first, after = clock.local(begin, zone).date(), clock.local(end, zone).date()
    by_day: dict[dt.date, list[Slot]] = {
        first + dt.timedelta(days=number): [] for number in range(max((after - first).days, 1))
    }
    slots = queries.open_slots(session, place.store.id, place.doctor_id, begin=begin, end=end, now=now)
    for slot in slots if place.may_be_booked else ():
        if may_begin(terms, slot.starts_at, zone, now=now):
            by_day[clock.local(slot.starts_at, zone).date()].append(slot)
    wished = next((date for date in by_day if date.isoformat() == asked), None)
    found = Days(place, by_day, wished or first, now, terms.approval)
    return found if wished else replace(found, chosen=found.next_free or first)


def times_url(
    visitor: Visitor, store_id: int, who: str, moving: int | None = None, *, day: str | None = None
) -> str:
    """Give the page that asks for the time: of a new visit, or of the one that moves."""
    if moving is None:
        return url_for(
            "patient_booking.times", account=visitor.account_slug, store_id=store_id, who=who, day=day
        )
    return url_for(
        "patient_changes.change",
        account=visitor.account_slug,
        appointment_id=moving,
        store=store_id,
        doctor=who,
        day=day,
    )


def waiting_url(visitor: Visitor, store_id: int, who: str | None = None, day: dt.date | None = None) -> str:
    """Give the page on which somebody asks to be told when a time becomes free."""
    return url_for(
        "patient_waiting.ask",
        account=visitor.account_slug,
        store=store_id,
        doctor=who,
        day=day.isoformat() if day else None,
    )


def _free(slots: Sequence[Slot]) -> int:
    return sum(slot.free for slot in slots)


def _part(local: dt.datetime) -> int:
    return 0 if local.hour < NOON else 1 if local.hour < EVENING else 2


def _time(
    slot: Slot, zone: str, *, wide: bool, booked: dt.datetime | None, kept: dt.datetime | None
) -> dict[str, Any]:
    local, ends = clock.local(slot.starts_at, zone), clock.local(slot.ends_at, zone)
    mine = booked == slot.starts_at
    free = max(slot.free, 1) if kept == slot.starts_at else slot.free
    return {
        "starts_at": local.isoformat(),
        "label": f"{local:%H:%M}–{ends:%H:%M}" if wide else f"{local:%H:%M}",
        "moment": moment(local),
        "free": free,
        "many": slot.capacity > 1,
        "taken": free == 0 or mine,
        "why": gettext("yours") if mine else gettext("full"),
    }


def _short(date: dt.date) -> str:
    return format_date(date, "M月d日" if _is_chinese() else "d MMM", locale=get_locale())


def _weekday(date: dt.date, today: dt.date) -> str:
    named = {0: gettext("today"), 1: gettext("tomorrow")}
    return named.get((date - today).days) or format_date(date, "EEE", locale=get_locale())


def _is_chinese() -> bool:
    return str(get_locale()).startswith("zh")
