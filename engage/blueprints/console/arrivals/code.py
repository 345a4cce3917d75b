"""The code at a store's door: on a screen or on paper, and another one in its place."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.accounts import queries as accounts
from engage.blueprints import qr
from engage.blueprints.console.arrivals.blueprint import bp
from engage.blueprints.console.arrivals.room import chosen, room_url, stores_of
from engage.blueprints.guard import Staff
from engage.booking import services
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import NotFound


@bp.view("/code", permission="appointments.manage")
def code(staff: Staff) -> ResponseReturnValue:
    """Show the code of a store's door for one of the official accounts, large and to be printed."""
    with unit_of_work() as session:
        store = chosen(staff, stores_of(session, staff, "appointments.manage"))
        if store is None:
            raise NotFound(store=request.args.get("store", ""))
        token = services.arrival_code(session, store.id, now=clock.now())
        known = accounts.accounts(session)
        asked = request.args.get("account", type=int)
        account = next((one for one in known if one.id == asked), next(iter(known), None))
        view = {
            "store": store.short_name,
            "room_url": room_url(store.id),
            "account": account.name if account else "",
            "others": [
                {"label": one.name, "url": url_for("console_arrivals.code", store=store.id, account=one.id)}
                for one in known
                if account and one.id != account.id
            ],
            "picture": "",
            "store_id": store.id,
            "may_renew": staff.reach("clinic.manage").holds(store.id),
        }
        if account:
            page = url_for("patient_arrivals.show", account=account.slug, door=token)
            view["picture"] = qr.picture(f"{current_app.config['PUBLIC_URL']}{page}")
    return render_template("console/arrivals/code.html", view=view)


@bp.view("/code", permission="clinic.manage", methods=("POST",))
def renew(staff: Staff) -> ResponseReturnValue:
    """Make another code; what hangs at the door leads nowhere from now on."""
    with unit_of_work() as session:
        store = chosen(staff, stores_of(session, staff, "clinic.manage"))
        if store is None:
            raise NotFound(store=request.form.get("store", ""))
        services.renew_arrival_code(session, store.id, by=staff.actor, now=clock.now())
    flash(gettext("There is a new code. Print it and hang it up; the old one no longer works."), "good")
    return redirect(url_for("console_arrivals.code", store=store.id), 303)
