"""What is done with an appointment: check in, treatment, no-show, cancelling and so on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console import toasts
from engage.blueprints.console.appointments.access import visible
from engage.blueprints.console.appointments.blueprint import bp
from engage.blueprints.console.appointments.drawer import OF_THE_PATIENT, REASONS, sheet
from engage.blueprints.guard import Staff
from engage.booking import services
from engage.booking.errors import NotPossible, PatientBusy, ReasonNeeded, Stale
from engage.booking.rules import ACTIONS, APART, STAFF, STATES, actions
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_, NotFound

if TYPE_CHECKING:
    from engage.booking.models import Appointment

# What the toast says; a new state needs no other word than its own.
DONE: Final = {
    "leave": N_("Has left"),
    "attend": N_("Will come"),
    "call": N_("Called"),
    "correct": N_("Corrected"),
}


@bp.view("/<int:appointment_id>/<action>", permission="appointments.treat", methods=("POST",))
def act(staff: Staff, appointment_id: int, action: str) -> ResponseReturnValue:
    """Do one of the actions that need no words; an undo names no version, it follows at once.

    From the list it leads back there, with a refusal too.
    """
    back = list_of(request.form["back"]) if "back" in request.form else None
    version = int(version_of()) if "version" in request.form else None
    with unit_of_work() as session:
        row = visible(session, staff, appointment_id)
        if action not in ACTIONS or action in APART:
            raise NotFound(action=action)
        staff.demand(ACTIONS[action].permission, row.store_id)
    now = clock.now()
    try:
        with unit_of_work() as session:
            visit = services.act(session, appointment_id, action, version=version, by=staff.actor, now=now)
            told = told_of(visit, action, now=now)
    except (Stale, NotPossible, PatientBusy) as refusal:
        if back is None:
            return sheet(staff, appointment_id, notice=gettext(refusal.title)), 422
        flash(gettext(refusal.title), "bad")
    else:
        toasts.say(**told)
    return redirect(back or url_for("console_appointments.show", appointment_id=appointment_id), 303)


@bp.view("/<int:appointment_id>/cancel", permission="appointments.manage", methods=("POST",))
def cancel(staff: Staff, appointment_id: int) -> ResponseReturnValue:
    """Cancel, and say why; the version tells whether somebody changed it meanwhile."""

    def ending(session: Session, form: Mapping[str, str], version: int) -> None:
        for_patient = form["reason"] in OF_THE_PATIENT
        reason = _reason(form)
        services.cancel(
            session, appointment_id, version, reason, by=staff.actor, now=clock.now(), for_patient=for_patient
        )

    return _end(staff, appointment_id, ending, gettext("Cancelled."))


@bp.view("/<int:appointment_id>/decline", permission="appointments.manage", methods=("POST",))
def decline(staff: Staff, appointment_id: int) -> ResponseReturnValue:
    """Decline what a patient asked for, and say why."""

    def ending(session: Session, form: Mapping[str, str], version: int) -> None:
        reason = _reason(form)
        services.decline_visit(session, appointment_id, version, reason, by=staff.actor, now=clock.now())

    return _end(staff, appointment_id, ending, gettext("Declined."))


def _end(
    staff: Staff,
    appointment_id: int,
    ending: Callable[[Session, Mapping[str, str], int], None],
    done: str,
) -> ResponseReturnValue:
    """Read why, and end a visit; a refusal keeps what was typed."""
    form = {name: request.form.get(name, "").strip() for name in ("reason", "words")}
    with unit_of_work() as session:
        staff.demand("appointments.manage", visible(session, staff, appointment_id).store_id)
    if len(form["words"]) > 100:
        return sheet(
            staff, appointment_id, form=form, errors={"words": [gettext("At most 100 characters.")]}
        ), 422
    try:
        with unit_of_work() as session:
            ending(session, form, int(version_of()))
    except ReasonNeeded as refusal:
        wrong = {"reason": [gettext(refusal.title)]}
        return sheet(staff, appointment_id, form=form, errors=wrong), 422
    except (Stale, NotPossible) as refusal:
        return sheet(staff, appointment_id, form=form, notice=gettext(refusal.title)), 422
    flash(done, "good")
    return redirect(url_for("console_appointments.show", appointment_id=appointment_id), 303)


def told_of(visit: Appointment, action: str, *, now: dt.datetime) -> dict[str, Any]:
    """Give what the toast says was done, and the address that takes it back, where the table has one."""
    told = ACTIONS[action]
    if told.undoes is not None and action not in DONE:
        return {"text": gettext("Undone."), "undo_url": ""}
    may = actions(visit, STAFF, now=now)
    undo = next((name for name, other in may.items() if other.undoes == action), None)
    done = STATES[told.to] if told.to and action not in DONE else DONE[action]
    url = url_for("console_appointments.act", appointment_id=visit.id, action=undo) if undo else ""
    return {"text": gettext(done), "undo_url": url}


def version_of() -> str:
    """Give the version that the form was drawn from; 0, which none has, for what is no number."""
    version = request.values.get("version", "")
    return version if version.isascii() and version.isdecimal() and len(version) <= 9 else "0"


def list_of(back: str) -> str:
    """Give the list or board to come back to: an address of this page, whatever else was asked for."""
    here = url_for("console_appointments.index")
    return back if back.startswith(f"{here}?") and back.isprintable() else here


def _reason(form: Mapping[str, str]) -> str:
    """Give why, as it is kept: what was chosen, what was written, or both."""
    reason, written = REASONS.get(form["reason"], ""), form["words"]
    if not reason:
        return written
    chosen = str(gettext(reason))
    return str(gettext("%(chosen)s: %(words)s", chosen=chosen, words=written)) if written else chosen
