"""What is done with an appointment: check in, treatment, no-show, cancelling and so on."""

from __future__ import annotations

from typing import Any, Final

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.appointments.access import visible
from engage.blueprints.console.appointments.blueprint import bp
from engage.blueprints.console.appointments.drawer import REASONS, sheet
from engage.blueprints.guard import Staff
from engage.booking import services
from engage.booking.errors import NotPossible, PatientBusy, ReasonNeeded, Stale
from engage.booking.rules import ACTIONS, APART, STATES
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import N_, NotFound

# What the toast says; a new state needs no other word than its own.
DONE: Final = {"leave": N_("Has left"), "attend": N_("Will come"), "correct": N_("Corrected")}
UNDO: Final = {"no_show": "correct"}


@bp.view("/<int:appointment_id>/<action>", permission="appointments.treat", methods=("POST",))
def act(staff: Staff, appointment_id: int, action: str) -> ResponseReturnValue:
    """Do one of the actions that need no words; an undo names no version, it follows at once."""
    version = int(version_of()) if "version" in request.form else None
    with unit_of_work() as session:
        row = visible(session, staff, appointment_id)
        if action not in ACTIONS or action in APART:
            raise NotFound(action=action)
        staff.demand(ACTIONS[action].permission, row.store_id)
    try:
        with unit_of_work() as session:
            services.act(session, appointment_id, action, version=version, by=staff.actor, now=clock.now())
    except (Stale, NotPossible, PatientBusy) as refusal:
        return sheet(staff, appointment_id, notice=gettext(refusal.title)), 422
    flash(_told(appointment_id, action), "good")  # type: ignore[arg-type]  # a toast may carry its undo
    return redirect(url_for("console_appointments.show", appointment_id=appointment_id), 303)


@bp.view("/<int:appointment_id>/cancel", permission="appointments.manage", methods=("POST",))
def cancel(staff: Staff, appointment_id: int) -> ResponseReturnValue:
    """Cancel, and say why; the version tells whether somebody changed it meanwhile."""
    form = {name: request.form.get(name, "").strip() for name in ("reason", "words")}
    with unit_of_work() as session:
        staff.demand("appointments.manage", visible(session, staff, appointment_id).store_id)
    if len(form["words"]) > 100:
        return sheet(
            staff, appointment_id, form=form, errors={"words": [gettext("At most 100 characters.")]}
        ), 422
    try:
        with unit_of_work() as session:
            reason = _reason(form)
            services.cancel(
                session, appointment_id, int(version_of()), reason, by=staff.actor, now=clock.now()
            )
    except ReasonNeeded as refusal:
        wrong = {"reason": [gettext(refusal.title)]}
        return sheet(staff, appointment_id, form=form, errors=wrong), 422
    except (Stale, NotPossible) as refusal:
        return sheet(staff, appointment_id, form=form, notice=gettext(refusal.title)), 422
    flash(gettext("Cancelled."), "good")
    return redirect(url_for("console_appointments.show", appointment_id=appointment_id), 303)


def _told(appointment_id: int, action: str) -> dict[str, Any]:
    to = ACTIONS[action].to
    done = STATES[to] if to and action not in DONE else DONE[action]
    undo = UNDO.get(action)
    url = url_for("console_appointments.act", appointment_id=appointment_id, action=undo) if undo else ""
    return {"text": gettext(done), "undo_url": url}


def version_of() -> str:
    """Give the version that the form was drawn from; 0, which none has, for what is no number."""
    version = request.form.get("version", "")
    return version if version.isascii() and version.isdecimal() and len(version) <= 9 else "0"


def _reason(form: dict[str, str]) -> str:
    """Give why, as it is kept: what was chosen, what was written, or both."""
    reason, written = REASONS.get(form["reason"], ""), form["words"]
    if not reason:
        return written
    chosen = str(gettext(reason))
    return str(gettext("%(chosen)s: %(words)s", chosen=chosen, words=written)) if written else chosen
