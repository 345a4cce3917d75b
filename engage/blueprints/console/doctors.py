"""Doctors: the list, where they work next, and whether patients may choose them (BK-3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError

from engage.blueprints.console.refused import sentences
from engage.blueprints.console.subnav import settings_pages
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.clinic import queries, services
from engage.clinic.schemas import DoctorIn
from engage.kernel import clock
from engage.kernel.db import unit_of_work

if TYPE_CHECKING:
    from engage.clinic.models import Doctor

bp = ConsoleBlueprint("console_doctors", __name__, url_prefix="/console/doctors")

FIELDS = ("name", "title", "good_at", "introduction", "bookable", "is_expert")
AHEAD: Final = dt.timedelta(days=14)


@bp.view("", permission="clinic.manage", everywhere=True)
def index(staff: Staff) -> ResponseReturnValue:
    """Show the chain's doctors in the order patients see them."""
    now = clock.now()
    with unit_of_work() as work:
        doctors = queries.doctors(work)
        shifts = queries.shifts_at(
            work, doctor_ids=[doctor.id for doctor in doctors], begin=now, end=now + AHEAD
        )
        stores = {store.id: store for store in queries.stores(work)}
    rows = []
    for doctor in doctors:
        ahead = [shift for shift in shifts if shift.doctor_id == doctor.id]
        places = {shift.store_id for shift in ahead}
        first = ahead[0] if ahead else None
        rows.append(
            {
                "id": doctor.id,
                "name": doctor.name,
                "title": doctor.title,
                "bookable": doctor.bookable,
                "stores": [store.short_name for store in stores.values() if store.id in places],
                "next_at": clock.local(first.starts_at, stores[first.store_id].zone) if first else None,
            }
        )
    return render_template("console/doctors/list.html", view={"rows": rows, "subnav": settings_pages(staff)})


@bp.view("/new", permission="clinic.manage", everywhere=True)
def new(_staff: Staff) -> ResponseReturnValue:
    """Show an empty form."""
    return _form({"bookable": True}, {})


@bp.view("/new", permission="clinic.manage", everywhere=True, methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Add a doctor at the end of the list."""
    try:
        read = DoctorIn().load(_typed())
    except ValidationError as error:
        return _form(_typed(), sentences(error)), 422
    with unit_of_work() as work:
        position = len(queries.doctors(work))
        doctor = services.create_doctor(work, **read, position=position, by=staff.actor, now=clock.now())
    flash(gettext("%(name)s is added. The roster comes next.", name=doctor.name), "good")
    return redirect(url_for("console_rosters.new", doctor=doctor.id), 303)


@bp.view("/<int:doctor_id>/edit", permission="clinic.manage", everywhere=True)
def edit(_staff: Staff, doctor_id: int) -> ResponseReturnValue:
    """Show the form filled with what is known."""
    with unit_of_work() as work:
        doctor = queries.doctor(work, doctor_id)
    return _form({name: getattr(doctor, name) for name in FIELDS}, {}, doctor=doctor)


@bp.view("/<int:doctor_id>/edit", permission="clinic.manage", everywhere=True, methods=("POST",))
def update(staff: Staff, doctor_id: int) -> ResponseReturnValue:
    """Change a doctor."""
    with unit_of_work() as work:
        doctor = queries.doctor(work, doctor_id)
    try:
        read = DoctorIn().load(_typed())
    except ValidationError as error:
        return _form(_typed(), sentences(error), doctor=doctor), 422
    with unit_of_work() as work:
        services.update_doctor(work, doctor_id, **read, by=staff.actor, now=clock.now())
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_doctors.index"), 303)


@bp.view("/<int:doctor_id>/move", permission="clinic.manage", everywhere=True, methods=("POST",))
def move(staff: Staff, doctor_id: int) -> ResponseReturnValue:
    """Move a doctor up or down in the list."""
    up = request.form.get("direction") == "up"
    with unit_of_work() as work:
        services.move(work, "doctor", doctor_id, up=up, by=staff.actor, now=clock.now())
    return redirect(url_for("console_doctors.index"), 303)


def _typed() -> dict[str, Any]:
    return {
        "name": request.form.get("name", "").strip(),
        "title": request.form.get("title", "").strip(),
        "good_at": request.form.get("good_at", "").strip(),
        "introduction": request.form.get("introduction", "").replace("\r\n", "\n").strip(),
        "bookable": "bookable" in request.form,
        "is_expert": "is_expert" in request.form,
    }


def _form(form: Mapping[str, Any], errors: Mapping[str, list[str]], *, doctor: Doctor | None = None) -> str:
    view = {"id": doctor.id if doctor else None, "name": doctor.name if doctor else ""}
    return render_template("console/doctors/form.html", view=view, form=form, errors=errors)
