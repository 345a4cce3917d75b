"""Redeeming at the desk: a code is scanned or typed, the coupon is shown, and then redeemed (CP-3)."""

from __future__ import annotations

from typing import Any, Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.coupons.blueprint import bp
from engage.blueprints.console.people_words import fan_called
from engage.blueprints.console.subnav import marketing_pages
from engage.blueprints.coupon_card import held_card, speech
from engage.blueprints.faces import moment
from engage.blueprints.guard import Staff
from engage.clinic import queries as clinic
from engage.coupons import queries, rules, services
from engage.coupons.errors import OtherStore, Refused, UnknownCode
from engage.coupons.queries import Held
from engage.coupons.services import REFUSALS
from engage.coupons.wording import Speech
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import NotFound

TODAY_AT_MOST: Final = 20
LONGEST_CODE: Final = 40


@bp.view("/redeem", permission="coupons.redeem")
def redeem(staff: Staff) -> ResponseReturnValue:
    """Show the field for a code, what was just redeemed, and today's list."""
    wanted = request.args.get("done", "")
    with unit_of_work() as work:
        held = _done(work, staff, wanted)
        return _page(work, staff, held=held, done=held is not None)


@bp.view("/redeem", permission="coupons.redeem", methods=("POST",))
def look(staff: Staff) -> ResponseReturnValue:
    """Show the coupon of a code, and whether it can be redeemed here."""
    code = _typed()
    with unit_of_work() as work:
        held = queries.by_code(work, code) if code else None
        if not code:
            return _page(work, staff, refused=gettext("Please type the code, or scan it.")), 422
        if held is None:
            return _page(work, staff, code=code, refused=gettext(UnknownCode.title)), 409
        reason = _reason(staff, held)
        if reason is not None:
            return _page(work, staff, held=held, refused=gettext(reason.title)), 409
        return _page(work, staff, held=held)


@bp.view("/redeem/confirm", permission="coupons.redeem", methods=("POST",))
def confirm(staff: Staff) -> ResponseReturnValue:
    """Redeem the coupon at one of the person's stores."""
    code, store_id = _typed(), request.form.get("store", type=int)
    if store_id is None:
        return redirect(url_for("console_coupons.redeem"), 303)
    staff.demand("coupons.redeem", store_id)
    try:
        with unit_of_work() as work:
            clinic.store(work, store_id)
            held = services.redeem(work, code, store_id=store_id, by=staff.actor, now=clock.now())
    except Refused as refusal:
        with unit_of_work() as work:
            held_now = queries.by_code(work, code)
            return _page(work, staff, code=code, held=held_now, refused=gettext(refusal.title)), 409
    return redirect(url_for("console_coupons.redeem", done=held.id), 303)


def _typed() -> str:
    return rules.read_code(request.form.get("code", "")[:LONGEST_CODE])


def _done(work: Session, staff: Staff, wanted: str) -> Held | None:
    """Give what was just redeemed, if it was at one of the person's stores."""
    if not wanted.isascii() or not wanted.isdecimal() or len(wanted) > 18:
        return None
    try:
        held = queries.grant(work, int(wanted))
    except NotFound:
        return None
    at = held.redeemed_store_id
    return held if at is not None and staff.reach("coupons.redeem").holds(at) else None


def _stores(staff: Staff, held: Held) -> list[tuple[int, str]]:
    """Give the person's stores at which the coupon is good, the chosen one first."""
    reach = staff.reach("coupons.redeem")
    good = [
        (store.id, store.name)
        for store in staff.stores
        if reach.holds(store.id) and (not held.terms.store_ids or store.id in held.terms.store_ids)
    ]
    return sorted(good, key=lambda store: store[0] != staff.store_id)


def _reason(staff: Staff, held: Held) -> type[Refused] | None:
    standing = held.standing(clock.now())
    if standing != rules.HELD:
        return REFUSALS[standing]
    return None if _stores(staff, held) else OtherStore


def _page(
    work: Session,
    staff: Staff,
    *,
    code: str = "",
    held: Held | None = None,
    refused: str = "",
    done: bool = False,
) -> str:
    words = speech(work)
    names = fans.names_of(work, [held.fan_id] if held else [])
    view = {
        "code": code if held is None else "",
        "held": _shown(staff, held, words, names.get(held.fan_id, "")) if held else None,
        "refused": refused,
        "done": done,
        "today": _today(work, staff, words),
        "subnav": marketing_pages(staff),
    }
    return render_template("console/coupons/redeem.html", view=view)


def _shown(staff: Staff, held: Held, words: Speech, who: str) -> dict[str, Any]:
    zone = staff.house.zone
    stores = _stores(staff, held)
    return {
        "card": held_card(held, words, zone=zone, now=clock.now()),
        "code": rules.grouped(held.code),
        "who": fan_called(who, held.fan_id),
        "used": _used(held, words, zone),
        "stores": [{"value": str(store_id), "label": name} for store_id, name in stores],
    }


def _used(held: Held, words: Speech, zone: str) -> str:
    if held.redeemed_at is None or held.redeemed_store_id is None:
        return ""
    at = moment(clock.local(held.redeemed_at, zone))
    return str(gettext("%(moment)s at %(store)s", moment=at, store=words.stores[held.redeemed_store_id]))


def _today(work: Session, staff: Staff, words: Speech) -> list[dict[str, Any]]:
    scope, zone = staff.scope("coupons.redeem"), staff.house.zone
    begins, _ends = clock.day_bounds(clock.local(clock.now(), zone).date(), zone)
    only = None if scope.everywhere else scope.store_ids
    rows = queries.redeemed_since(work, begins, store_ids=only, limit=TODAY_AT_MOST)
    names = fans.names_of(work, [held.fan_id for held in rows])
    return [
        {
            "name": held.name,
            "who": fan_called(names.get(held.fan_id), held.fan_id),
            "store": words.stores[held.redeemed_store_id],
            "at": clock.local(held.redeemed_at, zone),
        }
        for held in rows
        if held.redeemed_at is not None and held.redeemed_store_id is not None
    ]
