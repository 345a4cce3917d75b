"""Ending a binding, and taking that back."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.wrappers import Response

from engage.blueprints.console import toasts
from engage.blueprints.console.bindings.blueprint import bp, fan_in_reach
from engage.blueprints.console.people_words import called
from engage.blueprints.guard import Staff
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.patients import queries, services


@bp.view("/<int:binding_id>/end", permission="people.manage", methods=("POST",))
def end(staff: Staff, binding_id: int) -> ResponseReturnValue:
    """Let a fan speak for a patient no more; the binding stays in the history."""
    with unit_of_work() as session:
        binding = queries.binding(session, binding_id)
        fan_in_reach(session, staff, binding.fan_id)
        patient = queries.patient(session, binding.patient_id)
        services.unbind(
            session, fan_id=binding.fan_id, patient_id=patient.id, by=staff.actor, now=clock.now()
        )
    undo = url_for("console_bindings.undo", binding_id=binding_id, at=_place())
    toasts.say(gettext("%(name)s is bound no more.", name=called(patient)), undo)
    return _back(binding.fan_id, patient.id)


@bp.view("/<int:binding_id>/undo", permission="people.manage", methods=("POST",))
def undo(staff: Staff, binding_id: int) -> ResponseReturnValue:
    """Bind again what was ended, in the way it was bound."""
    with unit_of_work() as session:
        binding = queries.binding(session, binding_id)
        fan_in_reach(session, staff, binding.fan_id)
        patient = services.present(session, binding.patient_id)
        services.bind(
            session,
            fan_id=binding.fan_id,
            patient_id=patient.id,
            how=binding.how,
            by=staff.actor,
            now=clock.now(),
        )
    flash(gettext("%(name)s is bound.", name=called(patient)), "good")
    return _back(binding.fan_id, patient.id)


def _place() -> str:
    """Give where one came from: the fan's people or the patient's page."""
    return "fan" if request.args.get("at") == "fan" else "patient"


def _back(fan_id: int, patient_id: int) -> Response:
    if _place() == "fan":
        return redirect(url_for("console_bindings.show", fan_id=fan_id), 303)
    return redirect(url_for("console_people.show", patient_id=patient_id), 303)
