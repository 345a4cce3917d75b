"""Arranging a menu: entries with their limits, and the phone beside them."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.accounts.menus import rules, services
from engage.accounts.menus.errors import Stale
from engage.accounts.menus.rules import Entries, Entry
from engage.blueprints.console.menu import form, standing, words
from engage.blueprints.console.menu.blueprint import MANAGE, account_of, bp
from engage.blueprints.console.menu.standing import Standing
from engage.blueprints.guard import Staff
from engage.kernel import clock
from engage.kernel.db import unit_of_work


@bp.view("", permission=MANAGE)
def edit(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Show the draft; an account without one begins with our pages."""
    with unit_of_work() as work:
        stands = standing.read(work, staff, account_id)
    return _page(stands, staff, stands.entries, version=stands.version)


@bp.view("", permission=MANAGE, methods=("POST",))
def save(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Save the draft; what somebody else saved meanwhile is never overwritten."""
    with unit_of_work() as work:
        stands = standing.read(work, staff, account_id)
    entries, version = form.read(stands.entries), form.version()
    try:
        with unit_of_work() as work:
            account_of(work, staff, account_id)
            services.save(work, account_id, entries, version=version, by=staff.actor, now=clock.now())
    except Stale:
        return _page(stands, staff, entries, version=version, is_stale=True), Stale.status
    if request.form.get("then") == "publish":
        return redirect(url_for("console_menu.compare", account_id=account_id), 303)
    flash(gettext("The draft is saved. Phones still show the old menu."), "good")
    return redirect(url_for("console_menu.edit", account_id=account_id), 303)


@bp.view("/preview", permission=MANAGE, methods=("POST",))
def preview(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Draw what is typed so far, and say what stands in the way."""
    with unit_of_work() as work:
        stands = standing.read(work, staff, account_id)
    view = standing.head(stands, staff) | _preview(form.read(stands.entries))
    return render_template("console/menu/preview.html", view=view)


def _page(stands: Standing, staff: Staff, entries: Entries, *, version: int, is_stale: bool = False) -> str:
    view = {
        **standing.head(stands, staff),
        **_preview(entries),
        "state": standing.state(stands, staff, entries),
        "version": version,
        "is_stale": is_stale,
        "columns": [_fields(entry) for entry in entries],
        "blank": {"top": _fields(_blank(rules.LIST)), "sub": _fields(_blank(rules.MODULE))},
        "kinds": [{"value": kind, "label": gettext(label)} for kind, label in rules.KINDS.items()],
        "modules": _modules(),
        "most": {"columns": rules.COLUMNS, "rows": rules.ROWS},
        "width": {"top": rules.NAME_WIDTH[True], "sub": rules.NAME_WIDTH[False]},
    }
    return render_template(
        "console/menu/edit.html", view=view, form=form.filled(entries), errors=_errors(entries)
    )


def _preview(entries: Entries) -> dict[str, Any]:
    found = rules.problems(entries)
    return {
        "phone": words.phone(rules.shown(entries)),
        "problems": [
            {"id": one.entry_id, "field": one.field, "sentence": words.problem(one)} for one in found
        ],
    }


def _errors(entries: Entries) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for one in rules.problems(entries):
        errors.setdefault(f"{one.field}-{one.entry_id}", []).append(words.problem(one))
    return errors


def _fields(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "name": entry.name,
        "width": f"{rules.width(entry.name):g}",
        "does": words.does(entry),
        "is_on": entry.is_on,
        "is_kept": entry.kind == rules.KEPT,
        "rows": [_fields(row) for row in entry.children],
    }


def _blank(kind: str) -> Entry:
    """Give what a new entry begins with; the page puts an id in the place of its own."""
    return Entry("__id__", "", kind, module="booking" if kind == rules.MODULE else "")


def _modules() -> list[dict[str, Any]]:
    return [
        {
            "value": key,
            "label": gettext(module.label)
            if module.is_ready
            else gettext("%(page)s (comes later)", page=gettext(module.label)),
            "is_ready": module.is_ready,
        }
        for key, module in rules.MODULES.items()
    ]
