"""What a fan holds: the coupons of the account, and one of them with its code for the desk (CP-4)."""

from __future__ import annotations

from typing import Any, Final

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints import qr
from engage.blueprints.coupon_card import dated, held_card, last_day, speech
from engage.blueprints.faces import moment
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.clinic import queries as clinic
from engage.coupons import queries, rules
from engage.coupons.queries import EXPIRED, USABLE, USED, Held
from engage.coupons.wording import Speech
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import N_

bp = PatientBlueprint("patient_coupons", __name__, url_prefix="/p/<account>/coupons")

TABS: Final = {USABLE: N_("Usable"), USED: N_("Used"), EXPIRED: N_("Expired")}
SHOWN = 50


@bp.view("")
def index(visitor: Visitor) -> ResponseReturnValue:
    """Show the coupons that can be used, were used, or have expired, as the address says."""
    which = request.args.get("which", USABLE)
    which = which if which in TABS else USABLE
    account = visitor.account_slug
    with unit_of_work() as session:
        held = queries.wallet(session, visitor.fan_id, which, now=clock.now(), limit=SHOWN)
        words = speech(session)
    view = {
        "which": which,
        "tabs": [
            {
                "label": gettext(label),
                "url": url_for(
                    "patient_coupons.index", account=account, which=key if key != USABLE else None
                ),
                "current": key == which,
            }
            for key, label in TABS.items()
        ],
        "coupons": [_card(visitor, one, words) for one in held],
        "book_url": url_for("patient_booking.choose", account=account),
    }
    return render_template("patient/coupons/list.html", view=view)


@bp.view("/<int:grant_id>")
def show(visitor: Visitor, grant_id: int) -> ResponseReturnValue:
    """Show one coupon: the code and its picture for the desk while it can be used."""
    return render_template("patient/coupons/show.html", view=_shown(visitor, grant_id))


@bp.view("/<int:grant_id>/state")
def state(visitor: Visitor, grant_id: int) -> ResponseReturnValue:
    """Give the coupon again if it no longer stands as the page shows it; else nothing."""
    view = _shown(visitor, grant_id)
    if view["coupon"]["standing"]["key"] == request.args.get("seen"):
        return "", 204
    return render_template("patient/coupons/coupon.html", view=view)


def _shown(visitor: Visitor, grant_id: int) -> dict[str, Any]:
    account, zone = visitor.account_slug, visitor.house.zone
    with unit_of_work() as session:
        held = queries.grant_of(session, grant_id, visitor.fan_id)
        words = speech(session)
        zones = {store.id: store.zone for store in clinic.stores(session)}
    card = _card(visitor, held, words)
    standing = card["standing"]["key"]
    return {
        "coupon": card,
        "code": rules.grouped(held.code),
        "qr": qr.picture(held.code) if standing == rules.HELD else "",
        "used": _used(held, words, zones),
        "period": _period(held, zone),
        "stores": [
            {"name": name, "url": url_for("patient_stores.show", account=account, store_id=store_id)}
            for store_id, name in words.stores.items()
            if not held.terms.store_ids or store_id in held.terms.store_ids
        ],
        "state_url": url_for("patient_coupons.state", account=account, grant_id=grant_id, seen=standing)
        if standing in {rules.HELD, rules.NOT_YET}
        else "",
        "list_url": url_for("patient_coupons.index", account=account),
        "book_url": url_for("patient_booking.choose", account=account),
    }


def _card(visitor: Visitor, held: Held, words: Speech) -> dict[str, Any]:
    url = url_for("patient_coupons.show", account=visitor.account_slug, grant_id=held.id)
    return held_card(held, words, zone=visitor.house.zone, now=clock.now()) | {"url": url}


def _used(held: Held, words: Speech, zones: dict[int, str]) -> str:
    """Say when and where it was used."""
    if held.redeemed_at is None or held.redeemed_store_id is None:
        return ""
    at = moment(clock.local(held.redeemed_at, zones[held.redeemed_store_id]))
    return str(gettext("%(moment)s at %(store)s", moment=at, store=words.stores[held.redeemed_store_id]))


def _period(held: Held, zone: str) -> str:
    """Write from when until when it can be used."""
    today = clock.local(clock.now(), zone).date()
    first, last = clock.local(held.valid_from, zone).date(), last_day(held, zone)
    return f"{dated(first, today)} – {dated(last, today)}"
