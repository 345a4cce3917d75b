"""An account's replies in their order, and the box that says which of them a sentence gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.replies.blueprint import (
    PERMISSION,
    bp,
    own_account,
    own_reply,
    pages_url,
)
from engage.blueprints.console.replies.drawing import bubble, glance
from engage.blueprints.console.subnav import account_pages
from engage.blueprints.guard import Staff
from engage.coupons import queries as coupons
from engage.coupons.queries import Offer
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.replies import queries, rules, services

if TYPE_CHECKING:
    from engage.replies.models import ReplyRule

# More is cut: nobody writes more in a chat.
LONGEST_SENTENCE = 600


@bp.view("/accounts/<int:account_id>/replies", permission=PERMISSION)
def listed(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Show the welcome, the replies to words, and the test box."""
    now = clock.now()
    with unit_of_work() as session:
        account = own_account(session, staff, account_id)
        found = queries.replies(session, account_id)
        offers = _offers(session, found)
        pictures = queries.pictures(session, account_id)
        states = {rule.id: queries.standing(rule, offers, pictures, now=now) for rule in found}
    welcome = next((rule for rule in found if rule.kind == rules.WELCOME), None)
    keywords = [rule for rule in found if rule.kind == rules.KEYWORD]
    view = {
        "account": {"id": account.id, "name": account.name},
        "tabs": account_pages(staff, account_id),
        "welcome": _row(welcome, offers, states) if welcome else None,
        "bubble": bubble(welcome.content, pages_url(account), offers) if welcome else None,
        "rows": [_row(rule, offers, states) for rule in keywords],
        "is_full": len(keywords) >= rules.MOST_RULES,
    }
    return render_template("console/replies/list.html", view=view)


@bp.view("/accounts/<int:account_id>/replies/try", permission=PERMISSION, methods=("POST",))
def tried(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Say which reply a sentence would get, and draw it."""
    sentence = request.form.get("sentence", "").strip()[:LONGEST_SENTENCE]
    with unit_of_work() as session:
        account = own_account(session, staff, account_id)
        found = queries.replies(session, account_id)
        offers = _offers(session, found)
        book = queries.read_book(
            session, account, public_url=current_app.config["PUBLIC_URL"], now=clock.now()
        )
    answer = book.answer_to(sentence) if sentence else None
    rule = next((one for one in found if answer and one.id == answer.rule_id), None)
    view = {
        "sentence": sentence,
        "account_id": account_id,
        "rule": _hit(rule, found) if rule else None,
        "bubble": bubble(rule.content, pages_url(account), offers) if rule else None,
    }
    return render_template("console/replies/tried.html", view=view)


@bp.view("/replies/<int:reply_id>/switch", permission=PERMISSION, methods=("POST",))
def switch(staff: Staff, reply_id: int) -> ResponseReturnValue:
    """Switch a reply on or off."""
    with unit_of_work() as session:
        rule, _account = own_reply(session, staff, reply_id)
        is_on = request.form.get("on") == "yes"
        services.switch(session, reply_id, is_on=is_on, by=staff.actor, now=clock.now())
    return _back(rule)


@bp.view("/replies/<int:reply_id>/move", permission=PERMISSION, methods=("POST",))
def move(staff: Staff, reply_id: int) -> ResponseReturnValue:
    """Move a reply to words up or down."""
    with unit_of_work() as session:
        rule, _account = own_reply(session, staff, reply_id)
        up = request.form.get("direction") == "up"
        services.move(session, reply_id, up=up, by=staff.actor, now=clock.now())
    return _back(rule)


@bp.view("/replies/<int:reply_id>/remove", permission=PERMISSION, methods=("POST",))
def remove(staff: Staff, reply_id: int) -> ResponseReturnValue:
    """Delete a reply."""
    with unit_of_work() as session:
        rule, _account = own_reply(session, staff, reply_id)
        services.remove(session, reply_id, by=staff.actor, now=clock.now())
    flash(gettext("The reply is deleted. What was taken from it stays."), "good")
    return _back(rule)


def _back(rule: ReplyRule) -> ResponseReturnValue:
    return redirect(url_for("console_replies.listed", account_id=rule.account_id), 303)


def _offers(session: Session, found: Sequence[ReplyRule]) -> Mapping[int, Offer]:
    return coupons.by_ids(session, [rule.coupon_id for rule in found if rule.coupon_id is not None])


def _row(rule: ReplyRule, offers: Mapping[int, Offer], states: Mapping[int, str]) -> dict[str, Any]:
    tone, label = rules.STANDINGS[states[rule.id]]
    return {
        "id": rule.id,
        "words": " · ".join(rule.words),
        "match": gettext(rules.MATCHES[rule.match]) if rule.match else "",
        "kind": gettext(rules.ANSWERS[rule.content.kind]),
        "glance": glance(rule.content, offers),
        "is_on": rule.is_on,
        "state": {"tone": tone, "label": gettext(label)},
    }


def _hit(rule: ReplyRule, found: Sequence[ReplyRule]) -> dict[str, Any]:
    in_line = [one.id for one in found if one.kind == rules.KEYWORD]
    return {
        "place": in_line.index(rule.id) + 1,
        "match": gettext(rules.MATCHES[rule.match or rules.CONTAINS]),
        "words": " · ".join(rule.words),
        "url": url_for("console_replies.edit", reply_id=rule.id),
    }
