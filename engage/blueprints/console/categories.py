"""Categories: the headings over items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError

from engage.blueprints.console.refused import sentences
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.clinic import queries, services
from engage.clinic.errors import CategoryInUse
from engage.clinic.schemas import CategoryIn
from engage.kernel import clock
from engage.kernel.db import unit_of_work

if TYPE_CHECKING:
    from engage.clinic.models import ItemCategory

bp = ConsoleBlueprint("console_categories", __name__, url_prefix="/console/items/categories")


@bp.view("/new", permission="clinic.manage", everywhere=True)
def new(_staff: Staff) -> ResponseReturnValue:
    """Show an empty form."""
    return _form({}, {})


@bp.view("/new", permission="clinic.manage", everywhere=True, methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Add a category at the end."""
    form = {"name": request.form.get("name", "").strip()}
    try:
        read = CategoryIn().load(form)
    except ValidationError as error:
        return _form(form, sentences(error)), 422
    with unit_of_work() as work:
        position = len(queries.categories(work))
        category = services.create_category(work, **read, position=position, by=staff.actor, now=clock.now())
    flash(gettext("%(name)s is added.", name=category.name), "good")
    return redirect(url_for("console_items.index"), 303)


@bp.view("/<int:category_id>/edit", permission="clinic.manage", everywhere=True)
def edit(_staff: Staff, category_id: int) -> ResponseReturnValue:
    """Show the form with the name."""
    with unit_of_work() as work:
        category = queries.category(work, category_id)
    return _form({"name": category.name}, {}, category=category)


@bp.view("/<int:category_id>/edit", permission="clinic.manage", everywhere=True, methods=("POST",))
def update(staff: Staff, category_id: int) -> ResponseReturnValue:
    """Rename a category."""
    form = {"name": request.form.get("name", "").strip()}
    with unit_of_work() as work:
        category = queries.category(work, category_id)
    try:
        read = CategoryIn().load(form)
    except ValidationError as error:
        return _form(form, sentences(error), category=category), 422
    with unit_of_work() as work:
        services.update_category(work, category_id, **read, by=staff.actor, now=clock.now())
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_items.index"), 303)


@bp.view("/<int:category_id>/move", permission="clinic.manage", everywhere=True, methods=("POST",))
def move(staff: Staff, category_id: int) -> ResponseReturnValue:
    """Move a category up or down."""
    up = request.form.get("direction") == "up"
    with unit_of_work() as work:
        services.move(work, "item_category", category_id, up=up, by=staff.actor, now=clock.now())
    return redirect(url_for("console_items.index"), 303)


@bp.view("/<int:category_id>/remove", permission="clinic.manage", everywhere=True, methods=("POST",))
def remove(staff: Staff, category_id: int) -> ResponseReturnValue:
    """Remove a category that holds no item."""
    try:
        with unit_of_work() as work:
            name = queries.category(work, category_id).name
            services.remove_category(work, category_id, by=staff.actor, now=clock.now())
    except CategoryInUse as refusal:
        flash(gettext(refusal.title), "bad")
        return redirect(url_for("console_categories.edit", category_id=category_id), 303)
    flash(gettext("%(name)s is removed.", name=name), "good")
    return redirect(url_for("console_items.index"), 303)


def _form(
    form: Mapping[str, str], errors: Mapping[str, list[str]], *, category: ItemCategory | None = None
) -> str:
    view = {"id": category.id if category else None, "name": category.name if category else ""}
    return render_template("console/items/category.html", view=view, form=form, errors=errors)
