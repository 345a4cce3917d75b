"""One campaign: how it stands, live while it runs, and what it sends."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.accounts import queries as accounts
from engage.blueprints.console import filter_bar
from engage.blueprints.console.campaigns import previews, shapes
from engage.blueprints.console.campaigns.blueprint import MANAGE, bp
from engage.blueprints.console.subnav import marketing_pages
from engage.blueprints.faces import moment
from engage.blueprints.guard import Staff
from engage.campaigns import queries, rules
from engage.campaigns.models import Campaign
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.notifications import services as notifications
from engage.tenancy import queries as tenancy
from engage.wechat.rules import day_ends_at


@bp.view("/<int:campaign_id>", permission=MANAGE, everywhere=True)
def show(staff: Staff, campaign_id: int) -> ResponseReturnValue:
    """Show a campaign: its progress, its coupon and message, and what can be done with it."""
    return page(staff, campaign_id)


@bp.view("/<int:campaign_id>/progress", permission=MANAGE, everywhere=True)
def progress(staff: Staff, campaign_id: int) -> ResponseReturnValue:
    """Give the moving part alone; the head comes along once the state is another than was shown."""
    with unit_of_work() as work:
        campaign = queries.campaign(work, campaign_id)
        view = _head(campaign, staff) | _progress(work, campaign, staff.house.zone)
    view["head_too"] = request.args.get("state") != campaign.state
    return render_template("console/campaigns/progress.html", view=view)


def page(staff: Staff, campaign_id: int, **looked_up: Any) -> str:
    """Draw the page of a campaign; `looked_up` is what somebody looked for, and who was found."""
    with unit_of_work() as work:
        campaign = queries.campaign(work, campaign_id)
        connected = accounts.accounts(work)
        view = {
            **_head(campaign, staff),
            **_progress(work, campaign, staff.house.zone),
            **previews.of(work, campaign.coupon_id, campaign.account_id, connected, at=campaign.starts_at),
            "facts": _facts(work, campaign, {one.id: one.name for one in connected}, staff.house.zone),
            "subnav": marketing_pages(staff),
            "asked": None,
            **_lookup_words(staff),
            **looked_up,
        }
    return render_template("console/campaigns/show.html", view=view)


def _head(campaign: Campaign, staff: Staff) -> dict[str, Any]:
    return {
        "id": campaign.id,
        "name": campaign.name,
        "state": shapes.state_of(campaign),
        "starts_at": clock.local(campaign.starts_at, staff.house.zone),
        "is_editable": campaign.state in rules.EDITABLE,
        "actions": [
            {
                "name": name,
                "label": gettext(action.label),
                "consequence": gettext(action.consequence),
                "tone": action.tone,
            }
            for name, action in rules.actions(campaign.state).items()
        ],
    }


def _progress(work: Session, campaign: Campaign, zone: str) -> dict[str, Any]:
    """Count how it stands; before the start there is nothing to count but who would be meant now."""
    if campaign.started_at is None:
        would = queries.reachable(work, queries.audience(campaign), now=clock.now())
        return {"progress": None, "is_moving": False, "would_reach": shapes.number(would)}
    counted, now = queries.progress(work, campaign), clock.now()
    spent = notifications.spent(work, now=now) if counted.under_way else frozenset()
    is_held = bool(spent) if campaign.account_id is None else campaign.account_id in spent
    return {
        "held_until": clock.local(day_ends_at(now), zone) if is_held else None,
        "progress": shapes.progress(campaign, counted),
        "is_moving": shapes.is_moving(campaign, counted, now=now),
        "looks_again": shapes.looks_again(counted.targeted),
        "progress_url": url_for("console_campaigns.progress", campaign_id=campaign.id, state=campaign.state),
    }


def _whom(work: Session, campaign: Campaign) -> str:
    return filter_bar.sentence(work, queries.audience(campaign).changed(account_id=None))


def _lookup_words(staff: Staff) -> dict[str, str]:
    """Say by what somebody is found: patients only by who may see them."""
    by_all = gettext("WeChat name, patient’s name or phone")
    return {
        "lookup_lead": gettext("Why did she get it, or why not?"),
        "lookup_hint": by_all if staff.may("people.view") else gettext("WeChat name"),
    }


def _facts(work: Session, campaign: Campaign, names: Any, zone: str) -> list[dict[str, str]]:
    planner = tenancy.staff_member(work, campaign.created_by) if campaign.created_by else None
    times: tuple[tuple[str, dt.datetime | None], ...] = (
        (gettext("Planned for"), None if campaign.started_at == campaign.starts_at else campaign.starts_at),
        (gettext("Started"), campaign.started_at),
        (gettext("Paused"), campaign.paused_at),
        (gettext("Ended") if campaign.state == "ended" else gettext("Finished"), campaign.ended_at),
    )
    return [
        {"label": gettext("To the fans of"), "value": shapes.account_name(campaign.account_id, names)},
        {"label": gettext("Who of them"), "value": _whom(work, campaign)},
        *({"label": label, "value": moment(clock.local(at, zone))} for label, at in times if at),
        {"label": gettext("Planned by"), "value": planner.name if planner else gettext("Set-up")},
    ]
