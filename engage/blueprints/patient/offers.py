"""The coupon of an automatic reply: seen, and taken once by who has proven a phone (OA-5)."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.coupon_card import card, speech
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import DomainError, NotFound
from engage.patients import queries as patients
from engage.replies import queries, services
from engage.replies.errors import OfferLimited, OfferOver, OfferUsedUp

bp = PatientBlueprint("patient_offers", __name__, url_prefix="/p/<account>/coupons/offer/<int:reply_id>")


@bp.view("")
def show(visitor: Visitor, reply_id: int) -> ResponseReturnValue:
    """Show the coupon; who has taken it sees the one that is theirs."""
    return _page(visitor, reply_id)


@bp.view("", methods=("POST",))
def take(visitor: Visitor, reply_id: int) -> ResponseReturnValue:
    """Take it; who has proven no phone yet does so first, and comes back."""
    with unit_of_work() as session:
        offered = queries.offer(session, reply_id, visitor.account_id)
        is_verified = patients.verified_phone(session, visitor.fan_id) is not None
    if offered is None:
        return _page(visitor, reply_id)
    if not is_verified:
        return redirect(_bind_url(visitor, reply_id), 303)
    try:
        with unit_of_work() as session:
            taken = services.take(
                session, reply_id, visitor.fan_id, account_id=visitor.account_id, now=clock.now()
            )
    except (OfferOver, OfferUsedUp, OfferLimited) as refusal:
        return _page(visitor, reply_id, refusal=refusal)
    return redirect(_coupon_url(visitor, taken), 303)


def _page(visitor: Visitor, reply_id: int, *, refusal: DomainError | None = None) -> ResponseReturnValue:
    """Show it, or say that it is over; a reply that gives none any more, or never was, is not found."""
    now = clock.now()
    with unit_of_work() as session:
        offered = queries.offer(session, reply_id, visitor.account_id)
        taken = queries.taken(session, reply_id, visitor.fan_id)
        why = refusal or queries.why_not(session, offered, now=now)
        is_verified = patients.verified_phone(session, visitor.fan_id) is not None
        words = speech(session)
    account = visitor.account_slug
    view = {
        "card": card(offered.name, offered.terms, words) if offered else None,
        "taken_url": _coupon_url(visitor, taken) if taken else "",
        "why_not": gettext(why.title) if why and not taken else "",
        "bind_url": "" if is_verified else _bind_url(visitor, reply_id),
        "take_url": url_for("patient_offers.take", account=account, reply_id=reply_id),
        "list_url": url_for("patient_coupons.index", account=account),
        "book_url": url_for("patient_booking.choose", account=account),
    }
    status = NotFound.status if offered is None and not taken else 200
    return render_template("patient/coupons/offer.html", view=view), refusal.status if refusal else status


def _coupon_url(visitor: Visitor, grant_id: int) -> str:
    return url_for("patient_coupons.show", account=visitor.account_slug, grant_id=grant_id)


def _bind_url(visitor: Visitor, reply_id: int) -> str:
    """Give the way over the phone's verification, and back."""
    here = url_for("patient_offers.show", account=visitor.account_slug, reply_id=reply_id)
    return url_for("patient_bind.begin", account=visitor.account_slug, next=here)
