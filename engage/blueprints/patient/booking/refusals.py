"""What could not be booked: each refusal has a page that says why, and leads on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template, url_for
from flask_babel import get_locale, gettext

from engage.blueprints.faces import day as written_day
from engage.blueprints.guard import Visitor
from engage.blueprints.patient import wayfinding
from engage.blueprints.patient.booking.times import Place, place_of, times_url, waiting_url
from engage.booking.errors import (
    NoSelfBooking,
    NotOffered,
    NotOpen,
    PatientBusy,
    SlotFull,
    TooFar,
    TooManyOpen,
    TooSoon,
)
from engage.kernel import clock, recent
from engage.kernel.db import unit_of_work
from engage.kernel.errors import DomainError

REFUSED = (SlotFull, NotOpen, TooFar, TooSoon, NoSelfBooking, PatientBusy, TooManyOpen)


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wished: where, whom and when."""

    store_id: int
    doctor_id: int | None
    starts_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Road:
    """The way to a time: to a new visit, or to another time for the visit `moving` at its version."""

    visitor: Visitor
    moving: int | None = None
    version: int = 0

    def times_url(self, place: Place, choice: Choice | None = None) -> str:
        """Give the page of times, at the day that was wished."""
        day = clock.local(choice.starts_at, place.store.zone).date().isoformat() if choice else None
        return times_url(self.visitor, place.store.id, place.who, self.moving, day=day)

    def time(self, place: Place, starts_at: dt.datetime) -> dict[str, Any]:
        """Give a time that one tap takes, and where the tap is sent."""
        who, account = place.who, self.visitor.account_slug
        if self.moving is None:
            url = url_for("patient_hold.hold", account=account, store_id=place.store.id, who=who)
            hidden = {}
        else:
            url = url_for("patient_changes.move", account=account, appointment_id=self.moving)
            hidden = {"version": self.version, "store_id": place.store.id, "who": who}
        return {
            "starts_at": clock.local(starts_at, place.store.zone).isoformat(),
            "label": place.at(starts_at),
            "line": " · ".join((place.name or gettext("Any doctor"), place.store.short_name)),
            "url": url,
            "hidden": hidden,
        }


def page(road: Road, choice: Choice, refusal: DomainError) -> tuple[str, int]:
    """Say why a wish was refused, with the nearest free times where others were faster."""
    view = recent.answer(_key(road, choice, refusal), lambda: _said(road, choice, refusal))
    return render_template("patient/booking/refused.html", view=view), 409


def _key(road: Road, choice: Choice, refusal: DomainError) -> Hashable:
    """Give all that decides about what is said: it is the same for everybody who wanted one time."""
    told = tuple(sorted((name, str(value)) for name, value in refusal.data.items()))
    pages = (road.visitor.house.id, road.visitor.account_slug, str(get_locale()))
    return (type(refusal), told, *pages, road.moving, road.version, choice)


def _said(road: Road, choice: Choice, refusal: DomainError) -> dict[str, Any]:
    with unit_of_work() as session:
        # A visit may move within a store that patients see no longer.
        moves = road.moving is not None
        place = place_of(session, choice.store_id, choice.doctor_id, hidden_too=moves)
    view = _VIEWS[type(refusal)](road, place, choice, refusal)
    view["alternatives"] = [road.time(place, slot.starts_at) for slot in refusal.data.get("nearest", ())]
    return view


def expired(visitor: Visitor, choice: Choice | None) -> tuple[str, int]:
    """Say that a time is no longer held; if it is known which one, one tap asks for it again."""
    view = _view(
        "waiting",
        "clock",
        gettext("Your time is no longer kept"),
        gettext("We keep a time for 5 minutes. Nothing was booked; please choose again."),
        [_way(gettext("Choose a time"), _choose_url(visitor), primary=True)],
    )
    if choice:
        with unit_of_work() as session:
            place = place_of(session, choice.store_id, choice.doctor_id)
        road = Road(visitor)
        view["lead"] = gettext("We keep a time for 5 minutes. If it is still free, one tap takes it again.")
        view["alternatives"] = [road.time(place, choice.starts_at)]
        view["ways"] = [_way(gettext("See all times"), road.times_url(place, choice))]
    return render_template("patient/booking/refused.html", view=view), 404


def _full(road: Road, place: Place, choice: Choice, refusal: DomainError) -> dict[str, Any]:
    taken = place.at(choice.starts_at)
    if refusal.data.get("nearest"):
        lead = gettext("%(moment)s has just been taken. These are the nearest free times.", moment=taken)
    else:
        lead = gettext("%(moment)s has just been taken, and nothing near it is free.", moment=taken)
    ways = [_way(gettext("See all times"), road.times_url(place, choice))]
    if road.moving is None:
        day = clock.local(choice.starts_at, place.store.zone).date()
        url = waiting_url(road.visitor, place.store.id, place.who, day)
        ways.append(_way(gettext("Tell me when a time becomes free"), url))
    return _view("waiting", "clock", gettext("Somebody was a moment faster"), lead, ways)


def _not_open(road: Road, place: Place, choice: Choice, _refusal: DomainError) -> dict[str, Any]:
    return _view(
        "waiting",
        "calendar-off",
        gettext("This time cannot be booked"),
        gettext("It is over, too short for the item, or no longer open. Nothing was booked."),
        [_way(gettext("See all times"), road.times_url(place, choice), primary=True)],
    )


def _not_offered(road: Road, place: Place, choice: Choice, _refusal: DomainError) -> dict[str, Any]:
    stores_url = url_for("patient_booking.choose", account=road.visitor.account_slug, change=road.moving)
    if road.moving is None:  # it was waited for, and the store has stopped doing it since
        return _view(
            "waiting",
            "calendar-off",
            gettext("This can no longer be booked"),
            gettext(
                "%(store)s no longer offers what you waited for. Nothing was booked.",
                store=place.store.short_name,
            ),
            [
                _way(gettext("Choose another store"), stores_url, primary=True),
                _way(gettext("See all times"), road.times_url(place, choice)),
            ],
        )
    return _view(
        "waiting",
        "calendar-off",
        gettext("Your visit cannot move there"),
        gettext("%(store)s does not offer what it is for. It stays as it was.", store=place.store.short_name),
        [_way(gettext("Choose another store"), stores_url, primary=True)],
    )


def _too_far(road: Road, place: Place, _choice: Choice, refusal: DomainError) -> dict[str, Any]:
    return _view(
        "waiting",
        "calendar-off",
        gettext("This day cannot be booked yet"),
        gettext("Online you can book up to %(days)s days ahead.", days=refusal.data.get("days", "")),
        [_way(gettext("See all times"), road.times_url(place), primary=True)],
    )


def _too_soon(road: Road, place: Place, _choice: Choice, refusal: DomainError) -> dict[str, Any]:
    return _view(
        "waiting",
        "calendar-off",
        gettext("This day can no longer be booked here"),
        gettext("Online you can book from %(day)s on.", day=written_day(refusal.data["first"])),
        [_way(gettext("See all times"), road.times_url(place), primary=True), *_by_phone(place)],
    )


def _no_self_booking(road: Road, place: Place, _choice: Choice, _refusal: DomainError) -> dict[str, Any]:
    stores_url = url_for("patient_booking.choose", account=road.visitor.account_slug, change=road.moving)
    return _view(
        "waiting",
        "phone",
        gettext("Please call us to book"),
        gettext("%(store)s gives its times by telephone. Nothing was booked.", store=place.store.short_name),
        [*_by_phone(place), _way(gettext("Choose another store"), stores_url)],
    )


def _by_phone(place: Place) -> list[dict[str, Any]]:
    url = wayfinding.call_url(place.store)
    label = gettext("Call %(phone)s", phone=place.store.phone)
    return [_way(label, url, primary=True)] if url else []


def _busy(road: Road, place: Place, choice: Choice, _refusal: DomainError) -> dict[str, Any]:
    return _view(
        "waiting",
        "calendar-event",
        gettext("There is a visit at that time already"),
        gettext(
            "Around %(moment)s this patient is booked already. Choose another time, or another person.",
            moment=place.at(choice.starts_at),
        ),
        [
            _way(gettext("Choose another time"), road.times_url(place, choice), primary=True),
            _way(gettext("My visits"), _visits_url(road.visitor)),
        ],
    )


def _too_many(road: Road, _place: Place, _choice: Choice, _refusal: DomainError) -> dict[str, Any]:
    return _view(
        "waiting",
        "calendar-event",
        gettext("Several visits are booked already"),
        gettext("You can book more once one of them is over. One that does not suit can be moved."),
        [_way(gettext("My visits"), _visits_url(road.visitor), primary=True)],
    )


_VIEWS: Mapping[type[DomainError], Callable[[Road, Place, Choice, DomainError], dict[str, Any]]] = {
    SlotFull: _full,
    NotOpen: _not_open,
    NotOffered: _not_offered,
    TooFar: _too_far,
    TooSoon: _too_soon,
    NoSelfBooking: _no_self_booking,
    PatientBusy: _busy,
    TooManyOpen: _too_many,
}


def _view(tone: str, icon: str, title: str, lead: str, ways: list[dict[str, Any]]) -> dict[str, Any]:
    return {"tone": tone, "icon": icon, "title": title, "lead": lead, "ways": ways, "alternatives": []}


def _way(label: str, url: str, *, primary: bool = False) -> dict[str, Any]:
    return {"label": label, "url": url, "primary": primary}


def _choose_url(visitor: Visitor) -> str:
    return url_for("patient_booking.choose", account=visitor.account_slug)


def _visits_url(visitor: Visitor) -> str:
    return url_for("patient_visits.index", account=visitor.account_slug)
