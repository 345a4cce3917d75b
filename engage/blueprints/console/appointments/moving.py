"""A visit put elsewhere on the board, by the mouse or by the keyboard; the board comes back as it is now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError

from engage.blueprints.console import toasts
from engage.blueprints.console.appointments.access import visible
from engage.blueprints.console.appointments.actions import list_of, version_of
from engage.blueprints.console.appointments.blueprint import bp
from engage.blueprints.console.appointments.form import read_place
from engage.blueprints.console.appointments.slots import ANY, written
from engage.blueprints.console.people_words import called
from engage.blueprints.faces import moment
from engage.blueprints.guard import Staff
from engage.booking import services
from engage.booking.errors import NotOpen, NotPossible, PatientBusy, SlotFull, Stale
from engage.booking.services import Change
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.patients import queries as patients


@bp.view("/<int:appointment_id>/place", permission="appointments.manage", methods=("POST",))
def put(staff: Staff, appointment_id: int) -> ResponseReturnValue:
    """Move a visit to where it was let go; a refusal leaves it where it is and says why."""
    asked = {name: request.values.get(name, "") for name in ("store", "doctor", "starts_at")}
    board = list_of(request.values.get("back", ""))
    with unit_of_work() as session:
        staff.demand("appointments.manage", visible(session, staff, appointment_id).store_id)
    try:
        with unit_of_work() as session:
            before = _where(session, staff, appointment_id)
            place = read_place(session, staff, asked)
            wish = Change(appointment_id, int(version_of()), place.store_id, place.doctor_id, place.starts_at)
            moved = services.change(session, wish, by=staff.actor, now=clock.now())
            zone = clinic.store(session, place.store_id).zone
            told = {
                "name": called(patients.patient(session, moved.patient_id)),
                "when": moment(clock.local(moved.starts_at, zone)),
                "doctor": _doctor(session, moved.doctor_id),
            }
            version = moved.version
    except ValidationError:
        flash(gettext(NotOpen.title), "bad")
    except (SlotFull, NotOpen, PatientBusy, Stale, NotPossible) as refusal:
        flash(gettext(refusal.title), "bad")
    else:
        back: dict[str, Any] = {**before, "version": version, "back": board}
        undo = url_for("console_appointments.put", appointment_id=appointment_id, **back)
        text = gettext("%(name)s is now on %(when)s, %(doctor)s.", **told)
        toasts.say(text, undo)
    return redirect(board, 303)


def _where(session: Session, staff: Staff, appointment_id: int) -> Mapping[str, str]:
    """Say where a visit is, as forms carry it."""
    row = visible(session, staff, appointment_id)
    return {
        "store": str(row.store_id),
        "doctor": str(row.doctor_id or ANY),
        "starts_at": written(row.starts_at),
    }


def _doctor(session: Session, doctor_id: int | None) -> str:
    return clinic.doctor(session, doctor_id).name if doctor_id else str(gettext("No doctor named"))
