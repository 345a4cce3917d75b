"""Somebody who came without an appointment is noted."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from engage.blueprints.console.appointments.form import item_choices
from engage.blueprints.console.arrivals.blueprint import bp
from engage.blueprints.console.arrivals.room import chosen, room_url, stores_of
from engage.blueprints.console.people_words import described
from engage.blueprints.console.refused import sentences
from engage.blueprints.guard import Staff
from engage.booking import services
from engage.booking.errors import KeyReused
from engage.booking.services import WalkInWish
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_, NotFound
from engage.patients import queries as patients
from engage.patients.errors import ChartErased, ChartMoved

FIELDS: Final = ("key", "store", "q", "patient", "name", "doctor", "item", "note")
NEW: Final = "new"
WHO: Final = N_("Please choose the patient, or write a name.")


class GuestIn(Schema):
    """Who came, to whom, for what."""

    class Meta:
        """Fields that are not ours, such as the form token, are left out."""

        unknown = EXCLUDE

    key = fields.UUID(required=True)
    name = fields.String(
        load_default="", validate=validate.Length(max=20, error=N_("At most 20 characters."))
    )
    note = fields.String(
        load_default="", validate=validate.Length(max=200, error=N_("At most 200 characters."))
    )


@bp.view("/walk-ins/new", permission="appointments.manage")
def new(staff: Staff) -> ResponseReturnValue:
    """Show the form, for the store of the waiting room."""
    return _form(staff, {"key": str(uuid.uuid4())}, {})


@bp.view("/walk-ins", permission="appointments.manage", methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Note somebody; a refusal keeps what was typed."""
    form = {name: request.form.get(name, "").replace("\0", "").strip() for name in FIELDS}
    try:
        with unit_of_work() as session:
            wish = _wish(session, staff, form)
            services.walk_in(session, wish, by=staff.actor, now=clock.now())
    except ValidationError as error:
        return _form(staff, form, sentences(error)), 422
    except (ChartMoved, ChartErased, KeyReused) as refusal:
        return _form(staff, form, {"patient": [gettext(refusal.title) % refusal.data]}), 422
    flash(gettext("Noted. Their turn comes after those who have an appointment."), "good")
    return redirect(room_url(wish.store_id), 303)


def _wish(session: Session, staff: Staff, form: Mapping[str, str]) -> WalkInWish:
    told = GuestIn().load(form)
    store = chosen(staff, stores_of(session, staff, "appointments.manage"))
    if store is None:
        raise NotFound(store=form["store"])
    patient_id = None if form["patient"] in {"", NEW} else _id(form["patient"])
    if patient_id is None and not told["name"]:
        raise ValidationError({"name" if form["patient"] == NEW else "patient": [WHO]})
    return WalkInWish(
        key=told["key"],
        store_id=store.id,
        name=told["name"],
        patient_id=patient_id,
        doctor_id=_id(form["doctor"]) if form["doctor"] else None,
        item_id=_id(form["item"]) if form["item"] else None,
        note=told["note"],
    )


def _id(written: str) -> int:
    """Read an id of a form; 0, which nobody has, for what is no number."""
    return int(written) if written.isascii() and written.isdecimal() and len(written) <= 18 else 0


def _form(staff: Staff, form: Mapping[str, str], errors: Mapping[str, Sequence[str]]) -> str:
    now = clock.now()
    with unit_of_work() as session:
        store = chosen(staff, stores_of(session, staff, "appointments.manage"))
        if store is None:
            raise NotFound(store=form.get("store", ""))
        begin, end = clock.day_bounds(clock.local(now, store.zone).date(), store.zone)
        shifts = clinic.shifts_at(session, store_id=store.id, begin=begin, end=end)
        names = clinic.names(session, {shift.doctor_id for shift in shifts}, ())[0]
        view: dict[str, Any] = {
            "store": store.short_name,
            "room_url": room_url(store.id),
            "doctors": [
                {"value": "", "label": gettext("Whoever is free")},
                *({"value": str(doctor_id), "label": name} for doctor_id, name in names.items()),
            ],
            "offered": item_choices(session, str(store.id)),
            "people": _people(session, form),
            "asked": False,
        }
    filled = dict(form) | {"store": str(store.id)}
    return render_template("console/arrivals/guest.html", view=view, form=filled, errors=errors)


def _people(session: Session, form: Mapping[str, str]) -> list[dict[str, str]]:
    """Give who was chosen, so that a refusal does not lose them."""
    written = form.get("patient", "")
    if written in {"", NEW}:
        return []
    person = patients.patient(session, _id(written))
    return [{"value": written, "name": person.name, "sub": described(person)}]
