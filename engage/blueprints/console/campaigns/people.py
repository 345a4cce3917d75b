"""Whom a campaign reached: lists by what became of coupon and message, and one person looked up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.campaigns import shapes, showing
from engage.blueprints.console.campaigns.blueprint import MANAGE, bp
from engage.blueprints.console.subnav import marketing_pages
from engage.blueprints.guard import Staff
from engage.campaigns import queries, rules
from engage.campaigns.queries import Reached
from engage.fans import queries as fans
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_
from engage.notifications import rules as messages
from engage.patients import queries as patients

# The lists that are always offered; those of a reason are reached from the page's figures.
LISTS = {
    "": N_("All"),
    "granted": N_("Got the coupon"),
    "skipped": N_("No coupon"),
    "pending": N_("Not yet"),
}
STEPS = {"told": N_("Were told in WeChat"), "redeemed": N_("Used it")}

WORDS_AT_MOST = 60


@bp.view("/<int:campaign_id>/people", permission=MANAGE, everywhere=True)
def people(staff: Staff, campaign_id: int) -> ResponseReturnValue:
    """Show a page of recipients, filtered by what stands in the address."""
    which = request.args.get("show", "")
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    with unit_of_work() as work:
        campaign = queries.campaign(work, campaign_id)
        page = queries.recipients(work, campaign, which, cursor=trail[-1] if trail else None)
        rows = _rows(work, page.items, staff)
    view = {
        "id": campaign.id,
        "name": campaign.name,
        "rows": rows,
        "filters": _filters(campaign.id, which),
        "by_reason": _by_reason(which),
        "all_url": _address(campaign.id, "", []),
        "newer_url": _address(campaign.id, which, trail[:-1]) if trail else "",
        "older_url": _address(campaign.id, which, [*trail, page.next]) if page.next else "",
        "subnav": marketing_pages(staff),
    }
    return render_template("console/campaigns/people.html", view=view)


@bp.view("/<int:campaign_id>/find", permission=MANAGE, everywhere=True, methods=("POST",))
def find(staff: Staff, campaign_id: int) -> ResponseReturnValue:
    """Say whether somebody got coupon and message, and why not. Words of people stay out of addresses."""
    words = request.form.get("q", "").strip()[:WORDS_AT_MOST]
    found: Sequence[dict[str, Any]] = ()
    if words:
        with unit_of_work() as work:
            campaign = queries.campaign(work, campaign_id)
            them = queries.lookup(work, campaign, words, with_patients=staff.may("people.view"))
            found = _rows(work, them, staff)
    if request.headers.get("HX-Request"):
        return render_template("console/campaigns/found.html", view={"asked": words, "found": found})
    return showing.page(staff, campaign_id, asked=words, found=found)


def _rows(work: Session, them: Sequence[Reached], staff: Staff) -> list[dict[str, Any]]:
    ids = [one.fan_id for one in them]
    names = fans.names_of(work, ids)
    speak_for = patients.names_of_fans(work, ids) if staff.may("people.view") else {}
    comma = "、" if staff.language == "zh_Hans" else ", "
    return [
        shapes.reached(
            one, names.get(one.fan_id, ""), comma.join(speak_for.get(one.fan_id, ())), staff.house.zone
        )
        for one in them
    ]


def _filters(campaign_id: int, current: str) -> list[dict[str, Any]]:
    return [
        {"label": gettext(label), "url": _address(campaign_id, which, []), "current": which == current}
        for which, label in LISTS.items()
    ]


def _by_reason(which: str) -> str:
    """Name the list of a reason, or of a step, that is none of those always offered."""
    name, _, reason = which.partition(":")
    if which in LISTS:
        return ""
    if name in STEPS:
        return str(gettext(STEPS[name]))
    known = rules.REASONS.get(reason) or messages.REASONS.get(reason)
    if known:
        return str(gettext(known))
    state = messages.STATES.get(name.removeprefix("notice-"), N_("Chosen"))
    return str(gettext("Message: %(state)s", state=gettext(state)))


def _address(campaign_id: int, which: str, trail: list[str]) -> str:
    chosen = {"show": which, "page": ".".join(trail)}
    kept: dict[str, Any] = {key: value for key, value in chosen.items() if value}
    return url_for("console_campaigns.people", campaign_id=campaign_id, **kept)
