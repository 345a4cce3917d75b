"""What is said in calls, and what new patients are told at each store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.calls.blueprint import bp
from engage.blueprints.console.subnav import appointments_pages
from engage.blueprints.guard import Staff
from engage.clinic import queries as clinic
from engage.clinic import services as clinics
from engage.clinic.queries import Welcome
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import Invalid
from engage.tasks import queries, rules, services


@bp.view("/texts", permission="clinic.manage", everywhere=True)
def texts(staff: Staff) -> ResponseReturnValue:
    """Show the scripts as they are said now, and each store's words for new patients."""
    return _page(staff, {}, {})


@bp.view("/texts", permission="clinic.manage", methods=("POST",), everywhere=True)
def save(staff: Staff) -> ResponseReturnValue:
    """Keep all of them; a script that reads as the usual one stays the usual one."""
    form = {name: value.replace("\0", "").strip() for name, value in request.form.items()}
    by, now = staff.actor, clock.now()
    try:
        with unit_of_work() as session:
            own = queries.scripts(session)
            for kind in rules.CALLS:
                text = "\n".join(form.get(kind, "").splitlines())
                wished = "" if text == gettext(rules.KINDS[kind].script) else text
                if wished != own.get(kind, ""):
                    services.set_script(session, kind, wished, by=by, now=now)
            for store in clinic.stores(session):
                told = Welcome(form.get(f"ask_for-{store.id}", ""), form.get(f"bring-{store.id}", ""))
                clinics.set_welcome(session, store.id, told, by=by, now=now)
    except Invalid as refusal:
        wrong = {name: [gettext(one) for one in said] for name, said in refusal.fields.items()}
        return _page(staff, form, wrong), 422
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_calls.texts"), 303)


def _page(staff: Staff, form: Mapping[str, str], errors: Mapping[str, Sequence[str]]) -> str:
    with unit_of_work() as session:
        own = queries.scripts(session)
        stores = clinic.stores(session)
        told = clinic.welcomes(session, [store.id for store in stores])
    kept: dict[str, Any] = {kind: own.get(kind) or gettext(rules.KINDS[kind].script) for kind in rules.CALLS}
    for store in stores:
        kept[f"ask_for-{store.id}"] = told[store.id].ask_for
        kept[f"bring-{store.id}"] = told[store.id].bring
    view = {
        "calls": [
            {"key": kind, "label": gettext(rules.KINDS[kind].label), "why": gettext(rules.KINDS[kind].why)}
            for kind in rules.CALLS
        ],
        "stores": [{"id": store.id, "name": store.short_name} for store in stores],
        "placeholders": [
            {"word": "{" + word + "}", "label": gettext(label)} for word, label in rules.PLACEHOLDERS.items()
        ],
        "script_max": rules.SCRIPT_MAX,
        "subnav": appointments_pages(staff),
    }
    return render_template("console/calls/texts.html", view=view, form={**kept, **form}, errors=errors)
