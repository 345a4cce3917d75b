"""Complaint presets: what patients may tap to say why they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError

from engage.blueprints.console import toasts
from engage.blueprints.console.refused import sentences
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.clinic import queries, services
from engage.clinic.schemas import ComplaintIn
from engage.kernel import clock
from engage.kernel.db import unit_of_work

if TYPE_CHECKING:
    from engage.clinic.models import Complaint

bp = ConsoleBlueprint("console_complaints", __name__, url_prefix="/console/items/complaints")


@bp.view("/new", permission="clinic.manage", everywhere=True)
def new(_staff: Staff) -> ResponseReturnValue:
    """Show an empty form."""
    return _form({}, {})


@bp.view("/new", permission="clinic.manage", everywhere=True, methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Add a preset at the end; taking back a removal posts its words in the address."""
    form = {"text": request.values.get("text", "").strip()}
    try:
        read = ComplaintIn().load(form)
    except ValidationError as error:
        return _form(form, sentences(error)), 422
    with unit_of_work() as work:
        position = len(queries.complaints(work))
        services.create_complaint(work, **read, position=position, by=staff.actor, now=clock.now())
    flash(gettext("%(name)s is added.", name=read["text"]), "good")
    return redirect(url_for("console_items.index"), 303)


@bp.view("/<int:complaint_id>/edit", permission="clinic.manage", everywhere=True)
def edit(_staff: Staff, complaint_id: int) -> ResponseReturnValue:
    """Show the form with the words."""
    with unit_of_work() as work:
        complaint = queries.complaint(work, complaint_id)
    return _form({"text": complaint.text}, {}, complaint=complaint)


@bp.view("/<int:complaint_id>/edit", permission="clinic.manage", everywhere=True, methods=("POST",))
def update(staff: Staff, complaint_id: int) -> ResponseReturnValue:
    """Reword a preset."""
    form = {"text": request.form.get("text", "").strip()}
    with unit_of_work() as work:
        complaint = queries.complaint(work, complaint_id)
    try:
        read = ComplaintIn().load(form)
    except ValidationError as error:
        return _form(form, sentences(error), complaint=complaint), 422
    with unit_of_work() as work:
        services.update_complaint(work, complaint_id, **read, by=staff.actor, now=clock.now())
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_items.index"), 303)


@bp.view("/<int:complaint_id>/move", permission="clinic.manage", everywhere=True, methods=("POST",))
def move(staff: Staff, complaint_id: int) -> ResponseReturnValue:
    """Move a preset up or down."""
    up = request.form.get("direction") == "up"
    with unit_of_work() as work:
        services.move(work, "complaint", complaint_id, up=up, by=staff.actor, now=clock.now())
    return redirect(url_for("console_items.index"), 303)


@bp.view("/<int:complaint_id>/remove", permission="clinic.manage", everywhere=True, methods=("POST",))
def remove(staff: Staff, complaint_id: int) -> ResponseReturnValue:
    """Remove a preset."""
    with unit_of_work() as work:
        text = queries.complaint(work, complaint_id).text
        services.remove_complaint(work, complaint_id, by=staff.actor, now=clock.now())
    undo = url_for("console_complaints.create", text=text)
    toasts.say(gettext("%(name)s is removed.", name=text), undo)
    return redirect(url_for("console_items.index"), 303)


def _form(
    form: Mapping[str, str], errors: Mapping[str, list[str]], *, complaint: Complaint | None = None
) -> str:
    view = {"id": complaint.id if complaint else None}
    return render_template("console/items/complaint.html", view=view, form=form, errors=errors)
