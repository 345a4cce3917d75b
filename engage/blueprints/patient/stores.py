"""The chain's stores: where they are, when they are open, and the ways to them (ST-5)."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engage.blueprints.faces import language
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.blueprints.opening import week
from engage.blueprints.patient import store_list, wayfinding
from engage.blueprints.patient.store_list import Opened, photo_url
from engage.booking import queries as booking
from engage.clinic import queries as clinic
from engage.clinic.showing import Point
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import Invalid

if TYPE_CHECKING:
    from engage.clinic.models import Doctor, Store

bp = PatientBlueprint("patient_stores", __name__, url_prefix="/p/<account>/stores")


@bp.view("")
def index(visitor: Visitor) -> ResponseReturnValue:
    """Show all stores, each with today's hours."""
    with unit_of_work() as session:
        stores = _listed(session, visitor, "show", None, here=None)
    view = {
        "stores": stores,
        "near": store_list.near(visitor, "show"),
        "me_url": url_for("patient_me.show", account=visitor.account_slug),
        "doctors_url": url_for("patient_doctors.index", account=visitor.account_slug),
    }
    return render_template("patient/stores/list.html", view=view)


@bp.view("/nearest", methods=("POST",))
def nearest(visitor: Visitor) -> ResponseReturnValue:
    """Give the list again, the nearest first; where the phone is stands in the body, and is not kept."""
    here, change = _here(), request.form.get("change", "")
    moving = int(change) if change.isascii() and change.isdecimal() and len(change) < 19 else None
    with unit_of_work() as session:
        stores = _listed(session, visitor, request.form.get("to", ""), moving, here=here)
    return render_template("patient/stores/choices.html", stores=stores)


@bp.view("/<int:store_id>")
def show(visitor: Visitor, store_id: int) -> ResponseReturnValue:
    """Show one store: pictures, hours, doctors, and the ways to it."""
    now, account = clock.now(), visitor.account_slug
    with unit_of_work() as session:
        store = clinic.shown_store(session, store_id)
        known = store_list.opened(session, [store], now, language())[store_id]
        pictures = clinic.pictures(session, [store_id])[store_id]
        doctors = _doctors_of(session, store, now)
    today = clock.local(now, store.zone).date()
    view = {
        "store": _store(visitor, store, known, today),
        "pictures": [
            {"url": photo_url(account, one.file), "width": one.width, "height": one.height}
            for one in pictures
        ],
        "week": week(known.calendar.weekly),
        "differing": known.differing(today),
        "doctors": [
            {
                "name": doctor.name,
                "title": doctor.title,
                "portrait_url": photo_url(account, doctor.portrait),
                "url": url_for("patient_doctors.show", account=account, doctor_id=doctor.id),
            }
            for doctor in doctors
        ],
        "stores_url": url_for("patient_stores.index", account=account),
        "book_url": url_for("patient_booking.doctors", account=account, store_id=store_id),
        "consult_url": url_for("patient_stores.consult", account=account, store_id=store_id),
    }
    return render_template("patient/stores/show.html", view=view)


@bp.view("/<int:store_id>/consult", methods=("POST",))
def consult(visitor: Visitor, store_id: int) -> ResponseReturnValue:
    """Remember which store is asked about, and lead back to the chat."""
    with unit_of_work() as session:
        store = clinic.shown_store(session, store_id)
        fans.ask_about_store(session, visitor.fan_id, store.id, now=clock.now())
    return redirect(url_for("patient_stores.asked", account=visitor.account_slug, store_id=store_id), 303)


@bp.view("/<int:store_id>/consult")
def asked(visitor: Visitor, store_id: int) -> ResponseReturnValue:
    """Say that the chat is the place to write, and that the store is known there; the phone goes there."""
    with unit_of_work() as session:
        store = clinic.shown_store(session, store_id)
    view = {
        "store": store.short_name,
        "phone": store.phone,
        "phone_url": wayfinding.call_url(store),
        "store_url": url_for("patient_stores.show", account=visitor.account_slug, store_id=store_id),
    }
    return render_template("patient/stores/asked.html", view=view)


def _listed(
    session: Session, visitor: Visitor, to: str, change: int | None, *, here: Point | None
) -> list[dict[str, Any]]:
    account = visitor.account_slug

    def url(store_id: int) -> str:
        if to == "book":
            return url_for("patient_booking.doctors", account=account, store_id=store_id, change=change)
        return url_for("patient_stores.show", account=account, store_id=store_id)

    stores = clinic.shown_stores(session)
    return store_list.cards(
        session, visitor, stores, url=url, language=language(), now=clock.now(), here=here
    )


def _here() -> Point:
    """Read where the phone is.

    Raises:
        Invalid: it is no place.
    """
    try:
        latitude, longitude = (float(request.form.get(name, "")) for name in ("latitude", "longitude"))
    except ValueError as error:
        raise Invalid({}) from error
    if not (math.isfinite(latitude + longitude) and abs(latitude) <= 90 and abs(longitude) <= 180):
        raise Invalid({})
    return Point(latitude, longitude)


def _doctors_of(session: Session, store: Store, now: dt.datetime) -> list[Doctor]:
    """Give the doctors on the store's roster while patients may book, in the clinic's order."""
    horizon = booking.terms(session, store.id).horizon_days
    shifts = clinic.shifts_at(session, store_id=store.id, begin=now, end=now + dt.timedelta(days=horizon + 1))
    present = {shift.doctor_id for shift in shifts}
    return [one for one in clinic.doctors(session) if one.id in present]


def _store(visitor: Visitor, store: Store, known: Opened, today: dt.date) -> dict[str, Any]:
    return {
        "name": store.name,
        "short_name": store.short_name,
        "address": store.address,
        "transport": store.transport,
        "logo_url": photo_url(visitor.account_slug, store.logo),
        "today": known.today(today),
        "is_open": bool(known.times(today)),
        "phone": store.phone,
        "phone_url": wayfinding.call_url(store),
        "route_url": wayfinding.route_url(store),
        "latitude": "" if store.latitude is None else str(store.latitude),
        "longitude": "" if store.longitude is None else str(store.longitude),
    }
