"""Choosing where, whom and when (BK-6): a question a page, the answers so far in the address."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.faces import day, language, moment
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.blueprints.patient import store_list, wayfinding
from engage.blueprints.patient.booking import times as found_times
from engage.blueprints.patient.booking.refusals import Road
from engage.blueprints.patient.booking.times import (
    NOON,
    Days,
    Place,
    doctor_id_of,
    times_url,
    waiting_url,
    who_of,
)
from engage.blueprints.patient.store_list import photo_url
from engage.booking import queries
from engage.booking.queries import Opening, suggestions
from engage.booking.rules import NEAREST, Slot, ranking
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.patients import queries as patients

if TYPE_CHECKING:
    from engage.clinic.models import Store

# Where others are looked for when a day is full: on it, and on the day after.
OTHERS_WITHIN: Final = dt.timedelta(days=2)

bp = PatientBlueprint("patient_booking", __name__, url_prefix="/p/<account>/booking")


@bp.view("")
def choose(visitor: Visitor) -> ResponseReturnValue:
    """Ask which store; where there is only one, go straight on."""
    now, moving = clock.now(), _moving()
    with unit_of_work() as session:
        stores = clinic.shown_stores(session)
        if len(stores) == 1:
            return redirect(doctors_url(visitor, stores[0].id, moving))
        cards = store_list.cards(
            session,
            visitor,
            stores,
            url=lambda store_id: doctors_url(visitor, store_id, moving),
            language=language(),
            now=now,
        )
    view = {
        "stores": cards,
        "near": store_list.near(visitor, "book", moving),
        "me_url": url_for("patient_me.show", account=visitor.account_slug),
    }
    return render_template("patient/booking/stores.html", view=view)


@bp.view("/<int:store_id>")
def doctors(visitor: Visitor, store_id: int) -> ResponseReturnValue:
    """Ask which doctor, or whoever is free; each with the next free time."""
    now, moving = clock.now(), _moving()
    with unit_of_work() as session:
        store = clinic.shown_store(session, store_id)
        terms = queries.terms(session, store_id)
        begin, end = found_times.horizon(terms, store.zone, now)
        found = queries.openings(session, store_id, begin=begin, end=end, now=now, allowed=terms)
        soon = [] if moving else _suggested(session, visitor, store, found, now=now)
        known = {doctor.id: doctor for doctor in clinic.doctors(session)}
        are_many = len(clinic.shown_stores(session)) > 1
        is_open = any(one.next_at for one in found) and terms.self_booking
        closed = "" if is_open else _closed(session, store, end, now=now)

    def next_of(one: Opening) -> dict[str, str]:
        if one.next_at is None:
            return {"url": "", "next": ""}
        at = moment(clock.local(one.next_at, store.zone))
        return {"url": times_url(visitor, store_id, who_of(one.doctor_id), moving), "next": at}

    named = [(known[one.doctor_id], next_of(one)) for one in found if one.doctor_id is not None]
    anybody = next((next_of(one) for one in found if one.doctor_id is None and one.next_at), None)
    view = {
        "store": {
            "name": store.short_name,
            "url": url_for("patient_stores.show", account=visitor.account_slug, store_id=store_id),
            "phone": store.phone,
            "phone_url": wayfinding.call_url(store),
        },
        "stores_url": _stores_url(visitor, moving) if are_many else "",
        "again_url": request.path,
        "horizon": terms.horizon_days + 1,
        "is_open": is_open,
        "closed": closed,
        "by_phone": not terms.self_booking,
        "soon": [
            _soon_view(Road(visitor), Place(store, known.get(slot.doctor_id or 0)), slot, usual)
            for slot, usual in soon
        ],
        "waiting_url": waiting_url(visitor, store_id) if terms.self_booking else "",
        "any": anybody,
        "doctors": [
            {
                "name": doctor.name,
                "title": doctor.title,
                "introduction": doctor.good_at or doctor.introduction,
                "portrait_url": photo_url(visitor.account_slug, doctor.portrait),
                **free,
            }
            for doctor, free in sorted(named, key=lambda pair: not pair[1]["url"])
        ],
    }
    return render_template("patient/booking/doctors.html", view=view)


@bp.view("/<int:store_id>/<who>")
def times(visitor: Visitor, store_id: int, who: str) -> ResponseReturnValue:
    """Ask which day and time."""
    return times_page(visitor, store_id, who, form={}, errors={})


def times_page(
    visitor: Visitor, store_id: int, who: str, *, form: dict[str, str], errors: dict[str, list[str]]
) -> str:
    """Show the days and times of a doctor, or of whoever is free."""
    now = clock.now()
    with unit_of_work() as session:
        place = found_times.place_of(session, store_id, doctor_id_of(who))
        days = found_times.days_of(session, place, asked=request.args.get("day", ""), now=now)
        kept = kept_time(session, visitor, place, now)
        others = _others(session, days, now=now)
    here = url_for("patient_booking.times", account=visitor.account_slug, store_id=store_id, who=who)
    view = {
        **strip_view(visitor, days, here),
        "parts": days.parts(kept=kept),
        "moving": None,
        "hidden": {},
        "submit_url": url_for("patient_hold.hold", account=visitor.account_slug, store_id=store_id, who=who),
        "other_url": doctors_url(visitor, store_id),
        "others": [Road(visitor).time(other, slot.starts_at) for other, slot in others],
        "waiting_url": waiting_url(visitor, store_id, place.who, days.chosen),
    }
    if kept:
        form = {"starts_at": clock.local(kept, place.store.zone).isoformat(), **form}
    return render_template("patient/booking/times.html", view=view, form=form, errors=errors)


def _closed(session: Session, store: Store, end: dt.datetime, *, now: dt.datetime) -> str:
    """Say why a store is closed, where it is so for as long as one may book ahead."""
    known = store_list.opened(session, [store], now, language())[store.id]
    last = clock.local(end - dt.timedelta(microseconds=1), store.zone).date()
    return known.closed_until(clock.local(now, store.zone).date(), last)


def _suggested(
    session: Session, visitor: Visitor, store: Store, found: Sequence[Opening], *, now: dt.datetime
) -> list[tuple[Slot, bool]]:
    """Give the few times that suit the visitor's patients best, each with whether it is their usual one."""
    slots = [slot for one in found for slot in one.slots]
    people = [patient.id for patient in patients.of_fan(session, visitor.fan_id)]
    usual = suggestions.habit_of(session, people, store.zone)
    best = ranking.suggested(slots, usual, zone=store.zone, near=clock.local(now, store.zone).date())
    return [(slot, ranking.is_usual(slot.starts_at, usual, store.zone)) for slot in best]


def _soon_view(road: Road, place: Place, slot: Slot, usual: bool) -> dict[str, Any]:  # noqa: FBT001 of a pair
    line = " · ".join(
        filter(None, (place.name or gettext("Any doctor"), gettext("your usual time") if usual else ""))
    )
    return {**road.time(place, slot.starts_at), "line": line}


def _others(session: Session, days: Days, *, now: dt.datetime) -> list[tuple[Place, Slot]]:
    """Give free times with others, and at other stores, where the day that is looked at has none."""
    if days.parts():
        return []
    store, doctor_id = days.place.store, days.place.doctor_id
    stores = {one.id: one for one in clinic.shown_stores(session)}
    elsewhere = [one for one in stores.values() if one.id != store.id]
    begin, _end = clock.day_bounds(days.chosen, store.zone)
    end = begin + OTHERS_WITHIN
    slots = suggestions.free_slots(session, store.id, begin=begin, end=end, now=now)
    if days.place.may_be_booked:
        slots += suggestions.free_elsewhere(session, elsewhere, doctor_id, begin=begin, end=end, now=now)
    noon = begin + dt.timedelta(hours=NOON)
    found = suggestions.others_near(slots, (store.id, doctor_id), noon, count=NEAREST)
    doctors = {doctor.id: doctor for doctor in clinic.doctors(session)}
    return [(Place(stores[slot.store_id], doctors.get(slot.doctor_id or 0)), slot) for slot in found]


def strip_view(visitor: Visitor, days: Days, here: str) -> dict[str, Any]:
    """Give what the page of times shows of its days; `here` is its address without the day."""
    mark = "&" if "?" in here else "?"
    free, doctor = days.next_after, days.place.doctor
    portrait = doctor.portrait if doctor else None
    return {
        "doctor": {**days.place.card(), "portrait_url": photo_url(visitor.account_slug, portrait)},
        "days": days.strip(lambda date: f"{here}{mark}day={date}"),
        "wide": days.wide,
        "next_url": f"{here}{mark}day={free.isoformat()}" if free else "",
        "next_day": day(free) if free else "",
    }


def doctors_url(visitor: Visitor, store_id: int, moving: int | None = None) -> str:
    """Give the page that asks for the doctor."""
    return url_for("patient_booking.doctors", account=visitor.account_slug, store_id=store_id, change=moving)


def kept_time(session: Session, visitor: Visitor, place: Place, now: dt.datetime) -> dt.datetime | None:
    """Give the time that is held for the visitor here."""
    held = queries.hold_of(session, visitor.fan_id, now=now)
    here = held is not None and (held.store_id, held.doctor_id) == (place.store.id, place.doctor_id)
    return held.starts_at if held and here else None


def _stores_url(visitor: Visitor, moving: int | None) -> str:
    return url_for("patient_booking.choose", account=visitor.account_slug, change=moving)


def _moving() -> int | None:
    """Give the visit for which another doctor or store is looked for; whose it is, its own page asks."""
    number = request.args.get("change", "")
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else None
