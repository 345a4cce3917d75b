"""All campaigns: what runs, what comes, what was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.accounts import queries as accounts
from engage.audiences.filters import EVERYBODY
from engage.blueprints.console import filter_bar
from engage.blueprints.console.campaigns import shapes
from engage.blueprints.console.campaigns.blueprint import MANAGE, bp
from engage.blueprints.console.subnav import marketing_pages
from engage.blueprints.guard import Staff
from engage.campaigns import queries, rules
from engage.coupons import queries as coupons
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_

if TYPE_CHECKING:
    from engage.campaigns.models import Campaign


@bp.view("", permission=MANAGE, everywhere=True)
def index(staff: Staff) -> ResponseReturnValue:
    """Show a page of campaigns, filtered by what stands in the address."""
    state = request.args.get("state", "")
    state = state if state in rules.STATES else ""
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    with unit_of_work() as work:
        page = queries.campaigns(work, state=state, cursor=trail[-1] if trail else None)
        counts = queries.counts_by_state(work)
        turns = queries.turns(work, [one.id for one in page.items if one.state in ("running", "paused")])
        offers = coupons.by_ids(work, {one.coupon_id for one in page.items})
        names = {account.id: account.name for account in accounts.accounts(work)}
        whom = _whom(work, page.items)
    view = {
        "rows": [
            shapes.row(
                one,
                offers[one.coupon_id].name,
                shapes.account_name(one.account_id, names),
                turns.get(one.id),
                staff.house.zone,
                whom=whom.get(one.id, ""),
            )
            for one in page.items
        ],
        "filters": _filters(state, counts),
        "filtered": bool(state),
        "newer_url": _address(state, trail[:-1]) if trail else "",
        "older_url": _address(state, [*trail, page.next]) if page.next else "",
        "subnav": marketing_pages(staff),
    }
    return render_template("console/campaigns/list.html", view=view)


def _whom(work: Session, campaigns: Sequence[Campaign]) -> Mapping[int, str]:
    """Say whom campaigns mean that are not for all."""
    meant = {one.id: queries.audience(one).changed(account_id=None) for one in campaigns}
    some = {campaign_id: asked for campaign_id, asked in meant.items() if asked != EVERYBODY}
    if not some:
        return {}
    say = filter_bar.spoken(work)
    return {campaign_id: say(asked) for campaign_id, asked in some.items()}


def _filters(current: str, counts: Any) -> list[dict[str, Any]]:
    there = {"": N_("All"), **{state: label for state, label in rules.STATES.items() if state in counts}}
    return [
        {
            "label": gettext(label),
            "url": _address(state, []),
            "current": state == current,
            "count": counts.get(state),
        }
        for state, label in there.items()
    ]


def _address(state: str, trail: list[str]) -> str:
    chosen = {"state": state, "page": ".".join(trail)}
    kept: dict[str, Any] = {key: value for key, value in chosen.items() if value}
    return url_for("console_campaigns.index", **kept)
