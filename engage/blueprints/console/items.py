"""What patients come for: items under their categories, and complaint presets beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError

from engage.blueprints.console.refused import sentences
from engage.blueprints.console.subnav import settings_pages
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.clinic import queries, services
from engage.clinic.schemas import ItemIn
from engage.clinic.services import ItemDetails
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import N_

if TYPE_CHECKING:
    from engage.clinic.models import Item, ItemCategory, Store

bp = ConsoleBlueprint("console_items", __name__, url_prefix="/console/items")

# As the form shows them.
FIELDS = ("name", "category", "minutes", "why", "stores", "enabled")


@bp.view("", permission="clinic.manage", everywhere=True)
def index(staff: Staff) -> ResponseReturnValue:
    """Show categories with their items, and the complaint presets."""
    with unit_of_work() as work:
        categories = queries.categories(work)
        items = queries.items(work)
        offered = queries.item_stores(work, [item.id for item in items])
        stores = queries.stores(work)
        complaints = queries.complaints(work)
    names = {store.id: store.short_name for store in stores}
    view = {
        "categories": [
            {
                "id": category.id,
                "name": category.name,
                "items": [
                    {
                        "id": item.id,
                        "name": item.name,
                        "minutes": item.minutes,
                        "enabled": item.enabled,
                        "why": item.why,
                        "stores": [name for store_id, name in names.items() if store_id in offered[item.id]],
                    }
                    for item in items
                    if item.category_id == category.id
                ],
            }
            for category in categories
        ],
        "complaints": [{"id": complaint.id, "text": complaint.text} for complaint in complaints],
        "subnav": settings_pages(staff),
    }
    return render_template("console/items/list.html", view=view)


@bp.view("/new", permission="clinic.manage", everywhere=True)
def new(_staff: Staff) -> ResponseReturnValue:
    """Show an empty form; without a category there is none to choose, so that comes first."""
    with unit_of_work() as work:
        categories = queries.categories(work)
        stores = queries.stores(work)
    if not categories:
        flash(gettext("Items stand under categories: please add one first."), "good")
        return redirect(url_for("console_categories.new"))
    wished = request.args.get("category", "")
    form = {"category": wished, "minutes": "30", "enabled": True, "stores": []}
    return _form(form, {}, categories, stores)


@bp.view("/new", permission="clinic.manage", everywhere=True, methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Add an item at the end of its category."""
    with unit_of_work() as work:
        categories, stores = queries.categories(work), queries.stores(work)
    try:
        details = _details(categories, stores)
    except ValidationError as error:
        return _form(_typed(), sentences(error), categories, stores), 422
    with unit_of_work() as work:
        position = len(queries.items(work))
        item = services.create_item(work, details, position=position, by=staff.actor, now=clock.now())
    flash(gettext("%(name)s is added.", name=item.name), "good")
    return redirect(url_for("console_items.index"), 303)


@bp.view("/<int:item_id>/edit", permission="clinic.manage", everywhere=True)
def edit(_staff: Staff, item_id: int) -> ResponseReturnValue:
    """Show the form filled with what is known."""
    with unit_of_work() as work:
        item = queries.item(work, item_id)
        offered = queries.item_stores(work, [item_id])[item_id]
        categories, stores = queries.categories(work), queries.stores(work)
    form = {
        "category": str(item.category_id),
        "name": item.name,
        "minutes": str(item.minutes),
        "enabled": item.enabled,
        "stores": [str(store_id) for store_id in offered],
    }
    return _form(form, {}, categories, stores, item=item)


@bp.view("/<int:item_id>/edit", permission="clinic.manage", everywhere=True, methods=("POST",))
def update(staff: Staff, item_id: int) -> ResponseReturnValue:
    """Change an item."""
    with unit_of_work() as work:
        item = queries.item(work, item_id)
        categories, stores = queries.categories(work), queries.stores(work)
    try:
        details = _details(categories, stores)
    except ValidationError as error:
        return _form(_typed(), sentences(error), categories, stores, item=item), 422
    with unit_of_work() as work:
        services.update_item(work, item_id, details, by=staff.actor, now=clock.now())
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_items.index"), 303)


@bp.view("/<int:item_id>/move", permission="clinic.manage", everywhere=True, methods=("POST",))
def move(staff: Staff, item_id: int) -> ResponseReturnValue:
    """Move an item up or down in its category."""
    up = request.form.get("direction") == "up"
    with unit_of_work() as work:
        services.move(work, "item", item_id, up=up, by=staff.actor, now=clock.now())
    return redirect(url_for("console_items.index"), 303)


@bp.view("/<int:item_id>/remove", permission="clinic.manage", everywhere=True, methods=("POST",))
def remove(staff: Staff, item_id: int) -> ResponseReturnValue:
    """Remove an item; one that was booked is only switched off."""
    with unit_of_work() as work:
        name = queries.item(work, item_id).name
        is_gone = services.remove_item(work, item_id, by=staff.actor, now=clock.now())
    if is_gone:
        flash(gettext("%(name)s is removed.", name=name), "good")
    else:
        flash(gettext("%(name)s was booked before, so it is only switched off.", name=name), "good")
    return redirect(url_for("console_items.index"), 303)


def _typed() -> dict[str, Any]:
    return {
        "category": request.form.get("category", ""),
        "name": request.form.get("name", "").strip(),
        "minutes": request.form.get("minutes", "").strip(),
        "why": request.form.get("why", "").strip(),
        "enabled": "enabled" in request.form,
        "stores": request.form.getlist("stores"),
    }


def _details(categories: Sequence[ItemCategory], stores: Sequence[Store]) -> ItemDetails:
    """Read the form.

    Raises:
        ValidationError: with the sentences of every wrong field.
    """
    read: dict[str, Any] = ItemIn().load(_typed())
    if read["category"] not in {category.id for category in categories}:
        raise ValidationError({"category": [N_("Please choose a category from the list.")]})
    chosen = frozenset(read["stores"])
    if not chosen <= {store.id for store in stores}:
        raise ValidationError({"stores": [N_("Please choose stores from the list.")]})
    return ItemDetails(read["category"], read["name"], read["minutes"], read["enabled"], chosen, read["why"])


def _form(
    form: Mapping[str, Any],
    errors: Mapping[str, list[str]],
    categories: Sequence[ItemCategory],
    stores: Sequence[Store],
    *,
    item: Item | None = None,
) -> str:
    view = {
        "id": item.id if item else None,
        "name": item.name if item else "",
        "categories": [{"value": str(category.id), "label": category.name} for category in categories],
        "stores": [{"value": str(store.id), "label": store.short_name} for store in stores],
    }
    in_order = {name: errors[name] for name in FIELDS if name in errors}
    return render_template("console/items/form.html", view=view, form=form, errors=in_order)
