"""The coupons of the clinic, and one of them: its figures, who got it last, publishing and withdrawing."""

from __future__ import annotations

from typing import Any, Final

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.coupons.blueprint import bp
from engage.blueprints.console.people_words import fan_called
from engage.blueprints.console.subnav import marketing_pages
from engage.blueprints.coupon_card import card, dated, last_day, speech
from engage.blueprints.guard import Staff
from engage.coupons import queries, rules, services
from engage.coupons.queries import Figures, Held, Offer
from engage.coupons.wording import Speech
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import N_

LATEST: Final = 20


@bp.view("", permission="coupons.manage")
def index(staff: Staff) -> ResponseReturnValue:
    """Show a page of coupons, those of a state if the address says so."""
    state = request.args.get("state", "")
    state = state if state in rules.STATES else ""
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    with unit_of_work() as work:
        page = queries.coupons(work, state=state or None, cursor=trail[-1] if trail else None)
        counted = queries.figures(work, [offer.id for offer in page.items], now=clock.now())
        words = speech(work)
    view = {
        "rows": [_row(offer, counted[offer.id], words) for offer in page.items],
        "options": [
            {"label": gettext(label), "url": _address(state=value), "current": value == state}
            for value, label in {"": N_("All"), **rules.STATES}.items()
        ],
        "filtered": bool(state),
        "newer_url": _address(state=state, page=".".join(trail[:-1])) if trail else "",
        "older_url": _address(state=state, page=".".join([*trail, page.next])) if page.next else "",
        "may_change": staff.reach("coupons.manage").everywhere,
        "subnav": marketing_pages(staff),
    }
    return render_template("console/coupons/list.html", view=view)


@bp.view("/<int:coupon_id>", permission="coupons.manage")
def show(staff: Staff, coupon_id: int) -> ResponseReturnValue:
    """Show one coupon."""
    now, zone = clock.now(), staff.house.zone
    with unit_of_work() as work:
        offer = queries.coupon(work, coupon_id)
        counted = queries.figures(work, [coupon_id], now=now)[coupon_id]
        latest = queries.latest(work, coupon_id, limit=LATEST)
        names = fans.names_of(work, [held.fan_id for held in latest])
        words = speech(work)
    may_change = staff.reach("coupons.manage").everywhere
    view = _row(offer, counted, words) | {
        "card": card(offer.name, offer.terms, words),
        "figures": _figures(offer, counted),
        "latest": [
            {
                "who": fan_called(names.get(held.fan_id), held.fan_id),
                "granted_at": clock.local(held.granted_at, zone),
                "until": dated(last_day(held, zone), clock.local(now, zone).date()),
                **_standing(held),
            }
            for held in latest
        ],
        "per_person": offer.per_person,
        "may_edit": may_change and offer.state != rules.WITHDRAWN,
        "may_publish": may_change and offer.state == rules.DRAFT,
        "may_withdraw": may_change and offer.state == rules.PUBLISHED,
    }
    return render_template("console/coupons/show.html", view=view)


@bp.view("/<int:coupon_id>/publish", permission="coupons.manage", everywhere=True, methods=("POST",))
def publish(staff: Staff, coupon_id: int) -> ResponseReturnValue:
    """Let a draft be given out."""
    where = {"online": "online" in request.form, "offline": "offline" in request.form}
    with unit_of_work() as work:
        services.publish(work, coupon_id, **where, by=staff.actor, now=clock.now())
    flash(gettext("Published."), "good")
    return redirect(url_for("console_coupons.show", coupon_id=coupon_id), 303)


@bp.view("/<int:coupon_id>/withdraw", permission="coupons.manage", everywhere=True, methods=("POST",))
def withdraw(staff: Staff, coupon_id: int) -> ResponseReturnValue:
    """Give a coupon out no more."""
    with unit_of_work() as work:
        services.withdraw(work, coupon_id, by=staff.actor, now=clock.now())
    flash(gettext("Withdrawn. What people hold stays good."), "good")
    return redirect(url_for("console_coupons.show", coupon_id=coupon_id), 303)


def _row(offer: Offer, counted: Figures, words: Speech) -> dict[str, Any]:
    return {
        "id": offer.id,
        "name": offer.name,
        "kind": gettext(rules.KINDS[offer.terms.kind]),
        "sentence": card(offer.name, offer.terms, words)["sentence"],
        "state": {"tone": rules.TONES[offer.state], "label": gettext(rules.STATES[offer.state])},
        "where": _where(offer),
        "stock": offer.stock,
        "left": offer.left,
        "is_low": offer.left is not None and offer.stock is not None and offer.left * 10 < offer.stock,
        "granted": counted.granted,
        "redeemed": counted.redeemed,
    }


def _where(offer: Offer) -> str:
    if offer.state == rules.DRAFT:
        return ""
    if offer.online and offer.offline:
        return str(gettext("Online and at the desk"))
    return str(gettext("Online, in WeChat") if offer.online else gettext("At the desk"))


def _figures(offer: Offer, counted: Figures) -> list[dict[str, Any]]:
    left = gettext("without limit") if offer.left is None else offer.left
    return [
        {"label": gettext("Given out"), "value": counted.granted, "tone": "confirmed"},
        {"label": gettext("Redeemed"), "value": counted.redeemed, "tone": "good"},
        {"label": gettext("Expired"), "value": counted.expired, "tone": "ended"},
        {"label": gettext("In stock"), "value": left, "tone": "waiting"},
    ]


def _standing(held: Held) -> dict[str, str]:
    standing = held.standing(clock.now())
    return {"tone": rules.STANDING_TONES[standing], "standing": gettext(rules.STANDINGS[standing])}


def _address(**chosen: str) -> str:
    """Give the list's address; what is empty is left out."""
    given: dict[str, Any] = {key: value for key, value in chosen.items() if value}
    return url_for("console_coupons.index", **given)
