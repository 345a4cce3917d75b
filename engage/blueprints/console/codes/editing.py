"""Making and changing a code, taking it out of use and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from engage.blueprints.console import toasts
from engage.blueprints.console.codes import shapes
from engage.blueprints.console.codes.blueprint import MANAGE, bp
from engage.blueprints.console.codes.form import LASTING, Offered, empty, filled, offered, read, typed
from engage.blueprints.guard import Staff
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import Invalid
from engage.qrcodes import queries, rules, services
from engage.qrcodes.errors import HasCode, Stale

if TYPE_CHECKING:
    from engage.qrcodes.models import ChannelCode

# Beside which field a refusal stands.
BESIDE = {Stale: "name", HasCode: "store"}


@bp.view("/new", permission=MANAGE, everywhere=True)
def new(_staff: Staff) -> ResponseReturnValue:
    """Show the form of a new code."""
    kind = rules.STORE if request.args.get("kind") == rules.STORE else rules.PROMOTION
    with unit_of_work() as work:
        choice = offered(work)
    return _form(empty(choice, kind), {}, choice)


@bp.view("/new", permission=MANAGE, everywhere=True, methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Make a code."""
    with unit_of_work() as work:
        choice = offered(work)
    wished, errors = read(typed(), choice)
    if wished is None:
        return _form(typed(), errors, choice), 422
    try:
        with unit_of_work() as work:
            code = services.create(work, wished, by=staff.actor, now=clock.now())
    except HasCode as refusal:
        return _form(typed(), _said(refusal), choice), refusal.status
    if wished.permanent and not code.permanent:
        flash(
            gettext("The account has no permanent codes left: this one is temporary and renewed by itself.")
        )
    flash(gettext("%(name)s is made.", name=code.name), "good")
    return redirect(url_for("console_codes.show", code_id=code.id), 303)


@bp.view("/stores", permission=MANAGE, everywhere=True, methods=("POST",))
def create_for_stores(staff: Staff) -> ResponseReturnValue:
    """Make the codes of all stores that have none."""
    asked = request.form.get("account_id", "")
    if not (asked.isascii() and asked.isdecimal() and len(asked) < 18):
        raise Invalid({"account_id": [gettext("Please choose the account.")]})
    with unit_of_work() as work:
        made = services.create_for_stores(work, int(asked), by=staff.actor, now=clock.now())
    flash(ngettext("%(num)s store code is made.", "%(num)s store codes are made.", made), "good")
    return redirect(url_for("console_codes.index"), 303)


@bp.view("/<int:code_id>/edit", permission=MANAGE, everywhere=True)
def edit(_staff: Staff, code_id: int) -> ResponseReturnValue:
    """Show the form of a code as it is."""
    with unit_of_work() as work:
        code = queries.code(work, code_id)
        choice = offered(work, responsible=code.consultant_id)
        tags = queries.tag_ids(work, [code_id]).get(code_id, frozenset())
    form = filled(code, tags, choice.currency)
    return _form(form, {}, choice, code=code, version=str(code.version))


@bp.view("/<int:code_id>/edit", permission=MANAGE, everywhere=True, methods=("POST",))
def update(staff: Staff, code_id: int) -> ResponseReturnValue:
    """Change a code, unless somebody else did since the form was drawn."""
    with unit_of_work() as work:
        code = queries.code(work, code_id)
        choice = offered(work, responsible=code.consultant_id)
    fixed = {"kind": code.kind, "account": str(code.account_id)}
    form = {**typed(), **fixed, "lasting": "permanent" if code.permanent else "temporary"}
    if code.kind == rules.STORE:
        form["store"] = str(code.store_id)
    wished, errors = read(form, choice)
    version = request.form.get("version", "")
    if wished is None:
        return _form(form, errors, choice, code=code, version=version), 422
    try:
        with unit_of_work() as work:
            services.edit(work, code_id, wished, version=_number(version), by=staff.actor, now=clock.now())
    except Stale as refusal:
        return _form(form, _said(refusal), choice, code=code, version=version), refusal.status
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_codes.show", code_id=code_id), 303)


@bp.view("/<int:code_id>/retire", permission=MANAGE, everywhere=True, methods=("POST",))
def retire(staff: Staff, code_id: int) -> ResponseReturnValue:
    """Take a code out of use."""
    with unit_of_work() as work:
        services.retire(work, code_id, by=staff.actor, now=clock.now())
    undo = url_for("console_codes.restore", code_id=code_id)
    toasts.say(gettext("Retired. Its scans still count."), undo)
    return redirect(url_for("console_codes.show", code_id=code_id), 303)


@bp.view("/<int:code_id>/restore", permission=MANAGE, everywhere=True, methods=("POST",))
def restore(staff: Staff, code_id: int) -> ResponseReturnValue:
    """Take a code back into use."""
    with unit_of_work() as work:
        services.restore(work, code_id, by=staff.actor, now=clock.now())
    flash(gettext("In use again."), "good")
    return redirect(url_for("console_codes.show", code_id=code_id), 303)


@bp.view("/<int:code_id>/again", permission=MANAGE, everywhere=True, methods=("POST",))
def again(_staff: Staff, code_id: int) -> ResponseReturnValue:
    """Ask WeChat once more for the picture."""
    with unit_of_work() as work:
        services.tickets.again(work, code_id, now=clock.now())
    flash(gettext("WeChat is asked again."), "good")
    return redirect(url_for("console_codes.show", code_id=code_id), 303)


def _said(refusal: Stale | HasCode) -> dict[str, list[str]]:
    return {BESIDE[type(refusal)]: [gettext(refusal.title)]}


def _number(version: str) -> int:
    """Read the version that the form was drawn from; what nobody wrote there is none."""
    return int(version) if version.isascii() and version.isdecimal() and len(version) < 10 else 0


def _form(
    form: Mapping[str, Any],
    errors: Mapping[str, list[str]],
    choice: Offered,
    *,
    code: ChannelCode | None = None,
    version: str = "",
) -> str:
    view = {
        "id": code.id if code else None,
        "name": code.name if code else "",
        "kind": gettext(rules.KINDS[code.kind]) if code else "",
        "is_store": bool(code and code.kind == rules.STORE),
        "version": version,
        "currency": choice.currency,
        "kinds": [{"value": value, "label": gettext(label)} for value, label in rules.KINDS.items()],
        "lasting": [{"value": value, "label": gettext(label)} for value, label in LASTING.items()],
        "accounts": _options(choice.accounts),
        "stores": _options(choice.stores),
        "consultants": _options(choice.consultants),
        "tags": _options(choice.tags),
        "left": [
            {"account": choice.accounts[account_id], "left": shapes.number(left)}
            for account_id, left in choice.left.items()
        ],
    }
    return render_template("console/codes/form.html", view=view, form=form, errors=errors)


def _options(names: Mapping[int, str]) -> list[dict[str, str]]:
    return [{"value": str(key), "label": name} for key, name in names.items()]
