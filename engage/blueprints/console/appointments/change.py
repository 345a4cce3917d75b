"""Another time, doctor or store for an appointment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError

from engage.blueprints.console.appointments import slots
from engage.blueprints.console.appointments.access import visible
from engage.blueprints.console.appointments.actions import version_of
from engage.blueprints.console.appointments.blueprint import bp
from engage.blueprints.console.appointments.drawer import sheet
from engage.blueprints.console.appointments.form import place_choices, read_place, typed
from engage.blueprints.console.refused import sentences
from engage.blueprints.faces import moment
from engage.blueprints.guard import Staff
from engage.booking import services
from engage.booking.errors import NotOpen, NotPossible, PatientBusy, SlotFull, Stale
from engage.booking.services import Change
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.patients import queries as patients


@bp.view("/<int:appointment_id>/change", permission="appointments.manage")
def change(staff: Staff, appointment_id: int) -> ResponseReturnValue:
    """Show where and when it is, and what else is free."""
    with unit_of_work() as session:
        row = visible(session, staff, appointment_id)
        staff.demand("appointments.manage", row.store_id)
        zone = clinic.store(session, row.store_id).zone
        form = {
            "store": str(row.store_id),
            "doctor": str(row.doctor_id or slots.ANY),
            "day": clock.local(row.starts_at, zone).date().isoformat(),
            "starts_at": slots.written(row.starts_at),
            "version": str(row.version),
        }
    return _form(staff, appointment_id, form, {})


@bp.view("/<int:appointment_id>/change", permission="appointments.manage", methods=("POST",))
def move(staff: Staff, appointment_id: int) -> ResponseReturnValue:
    """Move it; a refusal keeps what was chosen and says what to do."""
    form = typed() | {"version": version_of()}
    with unit_of_work() as session:
        staff.demand("appointments.manage", visible(session, staff, appointment_id).store_id)
    try:
        with unit_of_work() as session:
            place = read_place(session, staff, form)
            wish = Change(
                appointment_id, int(form["version"]), place.store_id, place.doctor_id, place.starts_at
            )
            services.change(session, wish, by=staff.actor, now=clock.now())
    except ValidationError as error:
        return _form(staff, appointment_id, form, sentences(error)), 422
    except (SlotFull, NotOpen, PatientBusy) as refusal:
        wrong = {"starts_at": [gettext(refusal.title)]}
        return _form(staff, appointment_id, form, wrong, nearest=refusal.data.get("nearest", ())), 422
    except (Stale, NotPossible) as refusal:
        return sheet(staff, appointment_id, notice=gettext(refusal.title)), 422
    flash(gettext("Changed."), "good")
    return redirect(url_for("console_appointments.show", appointment_id=appointment_id), 303)


def _form(
    staff: Staff,
    appointment_id: int,
    form: dict[str, str],
    errors: Mapping[str, Sequence[str]],
    *,
    nearest: Sequence[Any] = (),
) -> str:
    with unit_of_work() as session:
        row = visible(session, staff, appointment_id)
        person = patients.patient(session, row.patient_id)
        store = clinic.store(session, row.store_id)
        doctor = clinic.doctor(session, row.doctor_id).name if row.doctor_id else gettext("No doctor named")
        told = bool(patients.fans_of(session, row.patient_id))
        view = place_choices(session, staff, form, now=clock.now())
    begin = moment(clock.local(row.starts_at, store.zone))
    view |= {
        "patient": person.name,
        "now": f"{begin} · {doctor} · {store.short_name}",
        "url": url_for("console_appointments.move", appointment_id=appointment_id),
        "back_url": url_for("console_appointments.show", appointment_id=appointment_id),
        "version": form["version"],
        "nearest": slots.instead(nearest, store.zone),
        "submit_label": gettext("Change; the patient is told in WeChat") if told else gettext("Change"),
    }
    return render_template("console/appointments/change.html", view=view, form=form, errors=errors)
