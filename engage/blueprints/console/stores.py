"""Stores: the list, and the form with place, opening hours and places without a named doctor (BK-1, BK-4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError

from engage.blueprints.console.calendar.blueprint import after, left_outside, store_tabs
from engage.blueprints.console.hours_form import MODES, Day, read_days, stored_days, typed_days
from engage.blueprints.console.photos import missing_words
from engage.blueprints.console.refused import sentences
from engage.blueprints.console.subnav import settings_pages
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.blueprints.opening import week
from engage.clinic import queries, services
from engage.clinic.errors import SlugTaken
from engage.clinic.rules import Hours
from engage.clinic.schemas import NewStoreIn, StoreIn, zones
from engage.clinic.services import StoreDetails
from engage.kernel import clock
from engage.kernel.db import unit_of_work

if TYPE_CHECKING:
    from engage.clinic.models import Store

bp = ConsoleBlueprint("console_stores", __name__, url_prefix="/console/stores")

# As the form shows them.
FIELDS = (
    "name",
    "short_name",
    "slug",
    "phone",
    "address",
    "transport",
    "latitude",
    "longitude",
    "zone",
    "any_per_hour",
)


@bp.view("", permission="clinic.manage")
def index(staff: Staff) -> ResponseReturnValue:
    """Show the chain's stores in the order patients see them; a manager of some sees those."""
    scope = staff.reach("clinic.manage")
    with unit_of_work() as work:
        stores = [store for store in queries.stores(work) if scope.holds(store.id)]
        store_ids = [store.id for store in stores]
        hours, missing = queries.hours(work, store_ids), queries.missing_of(work, store_ids)
    rows = [_row(store, hours[store.id], missing[store.id]) for store in stores]
    view = {"rows": rows, "is_whole": scope.everywhere, "subnav": settings_pages(staff)}
    return render_template("console/stores/list.html", view=view)


@bp.view("/new", everywhere=True, permission="clinic.manage")
def new(staff: Staff) -> ResponseReturnValue:
    """Show a form for a store that is open on workdays."""
    days = [Day(weekday, "hours" if weekday < 6 else "closed") for weekday in range(7)]
    return _form({"zone": staff.house.zone, "any_per_hour": "0"}, days, {})


@bp.view("/new", everywhere=True, permission="clinic.manage", methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Add a store at the end of the list."""
    days = typed_days(request.form)
    read, hours, errors = _read(NewStoreIn(), days)
    if errors:
        return _form(_typed(), days, errors), 422
    try:
        with unit_of_work() as work:
            position = len(queries.stores(work))
            store = services.create_store(
                work, **read, hours=hours, position=position, by=staff.actor, now=clock.now()
            )
    except SlugTaken as refusal:
        return _form(_typed(), days, {"slug": [gettext(refusal.title)]}), 409
    flash(
        gettext("%(name)s is added. Patients see it once it has a logo and a picture.", name=store.name),
        "good",
    )
    return redirect(url_for("console_photos.pictures", store_id=store.id), 303)


@bp.view("/<int:store_id>/edit", permission="clinic.manage")
def edit(staff: Staff, store_id: int) -> ResponseReturnValue:
    """Show the form filled with what is known."""
    staff.demand("clinic.manage", store_id)
    with unit_of_work() as work:
        store = queries.store(work, store_id)
        hours = queries.hours(work, [store_id])[store_id]
    form = {name: getattr(store, name) for name in FIELDS}
    degrees = {name: "" if form[name] is None else str(form[name]) for name in ("latitude", "longitude")}
    return _form(
        form | degrees | {"any_per_hour": str(store.any_per_hour)}, stored_days(hours), {}, store=store
    )


@bp.view("/<int:store_id>/edit", permission="clinic.manage", methods=("POST",))
def update(staff: Staff, store_id: int) -> ResponseReturnValue:
    """Change a store; its short address stays."""
    staff.demand("clinic.manage", store_id)
    with unit_of_work() as work:
        store = queries.store(work, store_id)
    days = typed_days(request.form)
    read, hours, errors = _read(StoreIn(), days)
    if errors:
        return _form(_typed(), days, errors, store=store), 422
    with unit_of_work() as work:
        details = StoreDetails(**read, hours=hours)
        services.update_store(work, store_id, details, by=staff.actor, now=clock.now())
        outside = left_outside(work, now=clock.now(), store_id=store_id)
    return after(staff, gettext("Saved."), outside, url_for("console_stores.index"), store_id=store_id)


@bp.view("/<int:store_id>/move", everywhere=True, permission="clinic.manage", methods=("POST",))
def move(staff: Staff, store_id: int) -> ResponseReturnValue:
    """Move a store up or down in the list."""
    up = request.form.get("direction") == "up"
    with unit_of_work() as work:
        services.move(work, "store", store_id, up=up, by=staff.actor, now=clock.now())
    return redirect(url_for("console_stores.index"), 303)


def _row(store: Store, hours: Sequence[Hours], missing: Sequence[str]) -> dict[str, Any]:
    return {
        "is_shown": store.shown_before or not missing,
        "missing": missing_words(missing),
        "id": store.id,
        "name": store.name,
        "address": store.address,
        "phone": store.phone,
        "week": week(hours),
        "any_per_hour": store.any_per_hour,
        "on_map": store.latitude is not None,
    }


def _typed() -> dict[str, str]:
    return {name: request.form.get(name, "").replace("\r\n", "\n").strip() for name in FIELDS}


def _read(
    schema: StoreIn, days: Sequence[Day]
) -> tuple[dict[str, Any], Sequence[Hours], Mapping[str, list[str]]]:
    """Read the form: its fields, the hours, and what is wrong with either."""
    hours, wrong = read_days(days)
    try:
        return schema.load(_typed()), hours, wrong
    except ValidationError as error:
        return {}, hours, sentences(error) | wrong


def _form(
    form: Mapping[str, Any],
    days: Sequence[Day],
    errors: Mapping[str, list[str]],
    *,
    store: Store | None = None,
) -> str:
    view = {
        "id": store.id if store else None,
        "name": store.name if store else "",
        "days": days,
        "modes": [{"value": mode, "label": gettext(label)} for mode, label in MODES.items()],
        "zones": [{"value": zone, "label": zone.replace("_", " ")} for zone in zones()],
        "tabs": store_tabs(store.id, "console_stores.edit") if store else [],
    }
    order = [*FIELDS, *(day.key for day in days)]
    in_order = {name: errors[name] for name in order if name in errors}
    return render_template("console/stores/form.html", view=view, form=form, errors=in_order)
