"""Making and changing a coupon, with the card as the phone shows it beside the form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.coupons.blueprint import bp
from engage.blueprints.console.coupons.form import VALIDITY, empty, filled, read, typed
from engage.blueprints.coupon_card import card, speech
from engage.blueprints.guard import Staff
from engage.coupons import queries, rules, services
from engage.coupons.errors import BelowGranted, KindFixed, Stale
from engage.coupons.queries import Offer
from engage.coupons.wording import Speech, unit
from engage.kernel import clock
from engage.kernel.db import unit_of_work

# Beside which field a refusal stands.
BESIDE = {Stale: "name", KindFixed: "kind", BelowGranted: "stock"}


@bp.view("/new", permission="coupons.manage", everywhere=True)
def new(_staff: Staff) -> ResponseReturnValue:
    """Show the form of a new coupon."""
    with unit_of_work() as work:
        words = speech(work)
    return _form(empty(), {}, words)


@bp.view("/new", permission="coupons.manage", everywhere=True, methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Make a draft."""
    with unit_of_work() as work:
        words = speech(work)
    wished, errors = read(typed(), words)
    if errors:
        return _form(typed(), errors, words), 422
    with unit_of_work() as work:
        coupon = services.create(work, wished, by=staff.actor, now=clock.now())
    flash(gettext("%(name)s is saved as a draft.", name=wished.name), "good")
    return redirect(url_for("console_coupons.show", coupon_id=coupon.id), 303)


@bp.view("/<int:coupon_id>/edit", permission="coupons.manage", everywhere=True)
def edit(_staff: Staff, coupon_id: int) -> ResponseReturnValue:
    """Show the form of a coupon as it is; of a withdrawn one there is nothing to change."""
    with unit_of_work() as work:
        offer = queries.coupon(work, coupon_id)
        words = speech(work)
    if offer.state == rules.WITHDRAWN:
        return redirect(url_for("console_coupons.show", coupon_id=coupon_id))
    return _form(filled(offer, words.currency), {}, words, offer=offer, version=str(offer.version))


@bp.view("/<int:coupon_id>/edit", permission="coupons.manage", everywhere=True, methods=("POST",))
def update(staff: Staff, coupon_id: int) -> ResponseReturnValue:
    """Change a coupon, unless somebody else did since the form was drawn."""
    with unit_of_work() as work:
        offer = queries.coupon(work, coupon_id)
        words = speech(work)
    wished, errors = read(typed(), words)
    version = request.form.get("version", "")
    if errors:
        return _form(typed(), errors, words, offer=offer, version=version), 422
    try:
        with unit_of_work() as work:
            services.edit(work, coupon_id, wished, version=_number(version), by=staff.actor, now=clock.now())
    except (Stale, KindFixed, BelowGranted) as refusal:
        said = {BESIDE[type(refusal)]: [gettext(refusal.title) % refusal.data]}
        return _form(typed(), said, words, offer=offer, version=version), refusal.status
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_coupons.show", coupon_id=coupon_id), 303)


@bp.view("/preview", permission="coupons.manage", methods=("POST",))
def preview(_staff: Staff) -> ResponseReturnValue:
    """Draw the card of what is typed so far."""
    with unit_of_work() as work:
        words = speech(work)
    return render_template("console/coupons/preview.html", view=_preview(typed(), words))


def _number(version: str) -> int:
    """Read the version that the form was drawn from; what nobody wrote there is none."""
    return int(version) if version.isascii() and version.isdecimal() and len(version) < 10 else 0


def _preview(form: Mapping[str, Any], words: Speech) -> dict[str, Any]:
    wished, _errors = read(form, words)
    return card(wished.name or gettext("The coupon’s name"), wished.terms, words)


def _form(
    form: Mapping[str, Any],
    errors: Mapping[str, list[str]],
    words: Speech,
    *,
    offer: Offer | None = None,
    version: str = "",
) -> str:
    view = {
        "id": offer.id if offer else None,
        "name": offer.name if offer else "",
        "is_published": bool(offer and offer.state == rules.PUBLISHED),
        "version": version,
        "currency": unit(words),
        "kinds": _options(rules.KINDS),
        "validity": _options(VALIDITY),
        "stores": [{"value": str(store_id), "label": name} for store_id, name in words.stores.items()],
        "items": [{"value": str(item_id), "label": name} for item_id, name in words.items.items()],
        "card": _preview(form, words),
    }
    return render_template("console/coupons/form.html", view=view, form=form, errors=errors)


def _options(labels: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"value": value, "label": gettext(label)} for value, label in labels.items()]
