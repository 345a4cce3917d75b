"""The chain's stores: where they are, when they are open, how to get there (ST-5)."""

from __future__ import annotations

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.blueprints.opening import on_weekday, week
from engage.blueprints.patient import wayfinding
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import unit_of_work

bp = PatientBlueprint("patient_stores", __name__, url_prefix="/p/<account>/stores")


@bp.view("")
def index(visitor: Visitor) -> ResponseReturnValue:
    """Show all stores, each with today's hours."""
    now, account = clock.now(), visitor.account_slug
    with unit_of_work() as session:
        stores = clinic.stores(session)
        hours = clinic.hours(session, [store.id for store in stores])
    cards = [
        wayfinding.card(
            store,
            hours[store.id],
            url=url_for("patient_stores.show", account=account, store_id=store.id),
            now=now,
        )
        for store in stores
    ]
    view = {"stores": cards, "me_url": url_for("patient_me.show", account=account)}
    return render_template("patient/stores/list.html", view=view)


@bp.view("/<int:store_id>")
def show(visitor: Visitor, store_id: int) -> ResponseReturnValue:
    """Show one store: its hours, its telephone, the way there, and booking."""
    account = visitor.account_slug
    with unit_of_work() as session:
        store = clinic.store(session, store_id)
        hours = clinic.hours(session, [store_id])[store_id]
    today = clock.local(clock.now(), store.zone).weekday()
    view = {
        "store": {
            "name": store.name,
            "short_name": store.short_name,
            "address": store.address,
            "transport": store.transport,
            "today": on_weekday(hours, today),
            "phone": store.phone,
            "phone_url": wayfinding.call_url(store),
            "route_url": wayfinding.route_url(store),
        },
        "week": week(hours),
        "stores_url": url_for("patient_stores.index", account=account),
        "book_url": url_for("patient_booking.doctors", account=account, store_id=store_id),
    }
    return render_template("patient/stores/show.html", view=view)
