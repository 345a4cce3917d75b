"""Choosing where, whom and when (BK-6): a question a page, the answers so far in the address."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engage.blueprints.faces import day, moment
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.blueprints.patient import wayfinding
from engage.blueprints.patient.booking import times as found_times
from engage.blueprints.patient.booking.times import Days, Place, doctor_id_of, times_url, who_of
from engage.booking import queries
from engage.booking.queries import Opening
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work

bp = PatientBlueprint("patient_booking", __name__, url_prefix="/p/<account>/booking")


@bp.view("")
def choose(visitor: Visitor) -> ResponseReturnValue:
    """Ask which store; where there is only one, go straight on."""
    now, moving = clock.now(), _moving()
    with unit_of_work() as session:
        stores = clinic.stores(session)
        hours = clinic.hours(session, [store.id for store in stores])
    if len(stores) == 1:
        return redirect(doctors_url(visitor, stores[0].id, moving))
    cards = [
        wayfinding.card(store, hours[store.id], url=doctors_url(visitor, store.id, moving), now=now)
        for store in stores
    ]
    view = {"stores": cards, "me_url": url_for("patient_me.show", account=visitor.account_slug)}
    return render_template("patient/booking/stores.html", view=view)


@bp.view("/<int:store_id>")
def doctors(visitor: Visitor, store_id: int) -> ResponseReturnValue:
    """Ask which doctor, or whoever is free; each with the next free time."""
    now, moving = clock.now(), _moving()
    with unit_of_work() as session:
        store = clinic.store(session, store_id)
        begin, end, ahead = found_times.horizon(session, store.zone, now)
        found = queries.openings(session, store_id, begin=begin, end=end, now=now)
        known = {doctor.id: doctor for doctor in clinic.doctors(session)}
        are_many = len(clinic.stores(session)) > 1

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
        "horizon": ahead + 1,
        "is_open": any(one.next_at for one in found),
        "any": anybody,
        "doctors": [
            {"name": doctor.name, "title": doctor.title, "introduction": doctor.introduction, **free}
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
    here = url_for("patient_booking.times", account=visitor.account_slug, store_id=store_id, who=who)
    view = {
        **strip_view(days, here),
        "parts": days.parts(kept=kept),
        "moving": None,
        "hidden": {},
        "submit_url": url_for("patient_hold.hold", account=visitor.account_slug, store_id=store_id, who=who),
        "other_url": doctors_url(visitor, store_id),
    }
    if kept:
        form = {"starts_at": clock.local(kept, place.store.zone).isoformat(), **form}
    return render_template("patient/booking/times.html", view=view, form=form, errors=errors)


def strip_view(days: Days, here: str) -> dict[str, Any]:
    """Give what the page of times shows of its days; `here` is its address without the day."""
    mark = "&" if "?" in here else "?"
    free = days.next_free
    return {
        "doctor": days.place.card(),
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
