"""What is done in the waiting room: calling, treating, checking in; what a scanner has read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console import toasts
from engage.blueprints.console.appointments.access import visible
from engage.blueprints.console.appointments.actions import told_of, version_of
from engage.blueprints.console.arrivals.blueprint import bp
from engage.blueprints.console.arrivals.room import act_url, chosen, room_url, stores_of
from engage.blueprints.guard import Staff
from engage.booking import services
from engage.booking.errors import NotPossible, PatientBusy, Stale
from engage.booking.queries import arrivals
from engage.booking.queries.arrivals import BOOKED, WALKED_IN
from engage.booking.rules import ACTIONS, APART
from engage.booking.rules.arrivals import WALK_IN_ACTIONS, WALK_IN_STATES, walk_in_actions
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import NotFound

# What the code on a patient's page says: the address of the visit at the desk.
VISIT: Final = re.compile(r"/console/appointments/(\d{1,18})/?$")


@bp.view("/visits/<int:appointment_id>/<action>", permission="appointments.treat", methods=("POST",))
def act(staff: Staff, appointment_id: int, action: str) -> ResponseReturnValue:
    """Do one of the actions that need no words with a visit; an undo names no version."""
    with unit_of_work() as session:
        store_id = visible(session, staff, appointment_id).store_id
    if action not in ACTIONS or action in APART:
        raise NotFound(action=action)
    staff.demand(ACTIONS[action].permission, store_id)
    return _do(store_id, lambda session: _act_on_visit(session, staff, appointment_id, action))


@bp.view("/walk-ins/<int:walk_in_id>/<action>", permission="appointments.treat", methods=("POST",))
def act_on_walk_in(staff: Staff, walk_in_id: int, action: str) -> ResponseReturnValue:
    """Do one of the actions with a walk-in."""
    with unit_of_work() as session:
        store_id = arrivals.walk_in(session, walk_in_id).store_id
    if action not in WALK_IN_ACTIONS or not staff.reach("appointments.view").holds(store_id):
        raise NotFound(walk_in=walk_in_id)
    staff.demand(WALK_IN_ACTIONS[action].permission, store_id)
    return _do(store_id, lambda session: _act_on_walk_in(session, staff, walk_in_id, action))


@bp.view("/next", permission="appointments.treat", methods=("POST",))
def call_next(staff: Staff) -> ResponseReturnValue:
    """Call whose turn it is."""
    doctor_id = request.form.get("doctor", type=int)
    with unit_of_work() as session:
        store = chosen(staff, stores_of(session, staff, "appointments.treat"))
        if store is None:
            raise NotFound(store=request.form.get("store", ""))
        called = services.call_next(session, store.id, doctor_id=doctor_id, by=staff.actor, now=clock.now())
    if called is None:
        flash(gettext("Everybody who waits has been called."), "good")
    else:
        flash(gettext("Please call %(name)s.", name=called.name), "good")
    return redirect(url_for("console_arrivals.index", store=store.id, doctor=doctor_id), 303)


@bp.view("/scan", permission="appointments.view", methods=("POST",))
def scan(staff: Staff) -> ResponseReturnValue:
    """Open the visit whose code was scanned, where it is checked in."""
    found = VISIT.search(request.form.get("code", "").strip())
    if found is None:
        flash(
            gettext("This is not the code of a visit. It stands on the patient’s page of the visit."), "bad"
        )
        return redirect(url_for("console_arrivals.index", store=request.form.get("store", type=int)), 303)
    with unit_of_work() as session:
        visit = visible(session, staff, int(found[1]))
    return redirect(url_for("console_appointments.show", appointment_id=visit.id), 303)


def _do(store_id: int, doing: Callable[[Session], dict[str, Any]]) -> ResponseReturnValue:
    """Do it, say so with its undo, and lead back to the room; a refusal is said there too."""
    try:
        with unit_of_work() as session:
            told = doing(session)
    except (Stale, NotPossible, PatientBusy) as refusal:
        flash(gettext(refusal.title), "bad")
    else:
        toasts.say(**told)
    return redirect(room_url(store_id), 303)


def _act_on_visit(session: Session, staff: Staff, appointment_id: int, action: str) -> dict[str, Any]:
    now = clock.now()
    visit = services.act(session, appointment_id, action, version=_version(), by=staff.actor, now=now)
    told = told_of(visit, action, now=now)
    undo = told["undo_url"].rpartition("/")[2]
    return told | {"undo_url": act_url(BOOKED, appointment_id, undo) if undo else ""}


def _act_on_walk_in(session: Session, staff: Staff, walk_in_id: int, action: str) -> dict[str, Any]:
    now = clock.now()
    guest = services.act_on_walk_in(session, walk_in_id, action, version=_version(), by=staff.actor, now=now)
    if WALK_IN_ACTIONS[action].undoes is not None:
        return {"text": gettext("Undone."), "undo_url": ""}
    may = walk_in_actions(guest, now=now)
    undo = next((name for name, other in may.items() if other.undoes == action), "")
    text = gettext("Called") if action == "call" else gettext(WALK_IN_STATES[guest.state])
    return {"text": text, "undo_url": act_url(WALKED_IN, walk_in_id, undo) if undo else ""}


def _version() -> int | None:
    """Give the version that the row was drawn from; an undo follows at once and names none."""
    return int(version_of()) if "version" in request.form else None
