"""Stores as lists show them: when they are open today, how far away, the nearest first (ST-5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from flask import url_for
from flask_babel import format_decimal, gettext

from engage.blueprints.faces import day as written_day
from engage.blueprints.guard import Visitor
from engage.clinic import queries as clinic
from engage.clinic import showing
from engage.clinic.rules import Calendar, Closing, Interval, closed, without
from engage.clinic.showing import Point
from engage.kernel import clock
from engage.kernel.db import Session

if TYPE_CHECKING:
    from engage.clinic.models import Store

# How far ahead it is looked for when a store opens again.
AHEAD: Final = dt.timedelta(days=60)
# How far ahead days that differ are told.
TOLD: Final = 21


@dataclass(frozen=True, slots=True)
class Opened:
    """When a store is open: its calendar, less the closures of the whole store."""

    store: Store
    calendar: Calendar
    closings: Sequence[Closing]

    def times(self, date: dt.date) -> list[Interval]:
        """Give when it is open on a date, in order."""
        opened = self.calendar.opening(date)
        if not opened:
            return []
        holes = closed(
            self.closings,
            opened[0][0],
            opened[-1][1],
            self.store.zone,
            store_id=self.store.id,
            doctor_id=None,
        )
        return without(opened, holes)

    def why(self, date: dt.date) -> str:
        """Say why it is closed, or differs, on a date; nothing where nothing is known."""
        named = self.calendar.day(date).name
        begin, end = clock.day_bounds(date, self.store.zone)
        reasons = (
            one.reason
            for one in self.closings
            if one.stops(self.store.id, None) and one.intervals(begin, end, self.store.zone)
        )
        return named or next((reason for reason in reasons if reason), "")

    def written(self, date: dt.date) -> str:
        """Write the hours of a date."""
        return _times(self.times(date), date, self.store.zone)

    def today(self, today: dt.date) -> str:
        """Write today's hours; where it is closed also why, and when it opens again."""
        if self.times(today):
            why = self.calendar.day(today).name
            hours = self.written(today)
            return str(gettext("%(hours)s (%(why)s)", hours=hours, why=why)) if why else hours
        why, again = self.why(today), self.opens_again(today)
        said = str(gettext("closed: %(why)s", why=why) if why else gettext("closed"))
        if again is None:
            return said
        return str(gettext("%(closed)s, open again %(day)s", closed=said, day=written_day(again)))

    def opens_again(self, today: dt.date) -> dt.date | None:
        """Give the next date on which it is open."""
        dates = (today + dt.timedelta(days=number) for number in range(1, AHEAD.days))
        return next((date for date in dates if self.times(date)), None)

    def closed_until(self, today: dt.date, last: dt.date) -> str:
        """Say why it is closed, and when it opens again, where that is not before a date is over.

        Nothing is said where that date lies beyond what is known of its days.
        """
        dates = [today + dt.timedelta(days=number) for number in range((last - today).days + 1)]
        is_open = len(dates) > AHEAD.days or any(self.times(date) for date in dates)
        return "" if is_open else self.today(today)

    def differing(self, today: dt.date) -> list[dict[str, str]]:
        """Give the coming dates that are not as usual, with hours and why; alike ones in a row as one."""
        dates = (today + dt.timedelta(days=number) for number in range(1, TOLD + 1))
        alike = groupby(dates, key=lambda date: (self.written(date), self.why(date)))
        return [{"day": _span(list(days)), "times": times, "why": why} for (times, why), days in alike if why]


def opened(
    session: Session, stores: Sequence[Store], now: dt.datetime, language: str
) -> Mapping[int, Opened]:
    """Give when stores are open from today on, in two queries."""
    if not stores:
        return {}
    today, ends = now.date() - dt.timedelta(days=1), now + AHEAD
    calendars = clinic.calendars(
        session, [store.id for store in stores], today, ends.date(), language=language
    )
    store_id = stores[0].id if len(stores) == 1 else None
    closings = [
        one
        for one in clinic.closures_between(session, store_id, now - dt.timedelta(days=1), ends)
        if one.doctor_id is None and one.item_id is None
    ]
    return {store.id: Opened(store, calendars[store.id], closings) for store in stores}


def cards(
    session: Session,
    visitor: Visitor,
    stores: Sequence[Store],
    *,
    url: Callable[[int], str],
    language: str,
    now: dt.datetime,
    here: Point | None = None,
) -> list[dict[str, Any]]:
    """Give stores as a list shows them, in the clinic's order; `here` puts the nearest first."""
    known = opened(session, stores, now, language)
    if here is None:
        return [_card(visitor, known[store.id], url(store.id), None, now) for store in stores]
    ordered = showing.nearest_first(
        stores, here, lambda store: showing.point(store.latitude, store.longitude)
    )
    return [_card(visitor, known[store.id], url(store.id), metres, now) for store, metres in ordered]


def near(visitor: Visitor, to: str, change: int | None = None) -> dict[str, Any]:
    """Give what a list needs to put the nearest first: `to` is where its lines lead, "show" or "book"."""
    url = url_for("patient_stores.nearest", account=visitor.account_slug)
    return {"url": url, "to": to, "change": change}


def photo_url(account: str, file: str | None) -> str:
    """Give the address of a logo, a picture or a portrait; nothing where there is none."""
    return url_for("photos.photo", account=account, file=file) if file else ""


def distance(metres: float) -> str:
    """Write how far away something is: 350 m, 2.4 km, 18 km."""
    if metres < 1000:
        return str(gettext("%(number)s m", number=max(10, round(metres / 10) * 10)))
    kilometres = metres / 1000
    number = format_decimal(round(kilometres, 1) if kilometres < 10 else round(kilometres))
    return str(gettext("%(number)s km", number=number))


def _card(
    visitor: Visitor, known: Opened, url: str, metres: float | None, now: dt.datetime
) -> dict[str, Any]:
    store = known.store
    today = clock.local(now, store.zone).date()
    return {
        "url": url,
        "name": store.name,
        "address": store.address,
        "hours": gettext("Today %(hours)s", hours=known.today(today)),
        "open": bool(known.times(today)),
        "logo_url": photo_url(visitor.account_slug, store.logo),
        "distance": "" if metres is None else distance(metres),
    }


def _span(days: Sequence[dt.date]) -> str:
    return " – ".join(written_day(date) for date in dict.fromkeys((days[0], days[-1])))


def _times(intervals: Sequence[Interval], date: dt.date, zone: str) -> str:
    if not intervals:
        return str(gettext("closed"))
    if list(intervals) == [clock.day_bounds(date, zone)]:
        return str(gettext("open around the clock"))
    parts = [f"{clock.local(begin, zone):%H:%M}–{_end(end, date, zone)}" for begin, end in intervals]
    return str(gettext(", ")).join(parts)


def _end(end: dt.datetime, date: dt.date, zone: str) -> str:
    """Write the end of a stretch; midnight as the day's last minute is 24:00."""
    local = clock.local(end, zone)
    return "24:00" if local.date() > date else f"{local:%H:%M}"
