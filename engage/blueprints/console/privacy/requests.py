"""What patients asked for under Me, Privacy (PT-8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.people_words import called, fan_called
from engage.blueprints.console.subnav import people_pages
from engage.blueprints.faces import moment
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.patients import persons
from engage.privacy import queries, rules, services
from engage.privacy.errors import RequestDecided

if TYPE_CHECKING:
    from engage.fans.models import Fan
    from engage.patients.models import Patient
    from engage.privacy.models import PrivacyRequest

bp = ConsoleBlueprint("console_requests", __name__, url_prefix="/console/people/requests")


@bp.view("", permission="privacy.manage", everywhere=True)
def index(staff: Staff) -> ResponseReturnValue:
    """Show what patients asked for: what waits, or what was decided."""
    state = request.args.get("state", "waiting")
    state = state if state in rules.REQUEST_STATES else "waiting"
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    with unit_of_work() as session:
        page = queries.requests(session, state=state, cursor=trail[-1] if trail else None)
        fan_ids = {row.fan_id for row in page.items}
        asking = fans.by_ids(session, fan_ids)
        charts = persons.of_fans(session, fan_ids)
    view = {
        "rows": [
            _row(row, asking[row.fan_id], charts.get(row.fan_id, ()), staff.house.zone) for row in page.items
        ],
        "state": state,
        "states": [
            {"label": gettext(label), "url": url_for("console_requests.index", state=name), "value": name}
            for name, label in rules.REQUEST_STATES.items()
        ],
        "newer_url": _page(state, trail[:-1]) if trail else "",
        "older_url": _page(state, [*trail, page.next]) if page.next else "",
        "subnav": people_pages(staff),
    }
    return render_template("console/privacy/requests.html", view=view)


@bp.view("/<int:request_id>", permission="privacy.manage", methods=("POST",), everywhere=True)
def decide(staff: Staff, request_id: int) -> ResponseReturnValue:
    """Say what became of a request."""
    try:
        with unit_of_work() as session:
            services.decide(
                session, request_id, request.form.get("state", ""), by=staff.actor, now=clock.now()
            )
    except RequestDecided as refusal:
        flash(gettext(refusal.title), "bad")
    return redirect(url_for("console_requests.index"), 303)


def _row(row: PrivacyRequest, fan: Fan, charts: Sequence[Patient], zone: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "what": gettext(rules.REQUESTS[row.kind]),
        "at": moment(clock.local(row.asked_at, zone)),
        "fan": fan_called(fan.nickname, fan.id),
        "charts": [
            {"name": called(chart), "url": url_for("console_held.show", patient_id=chart.id)}
            for chart in charts
        ],
        "decide_url": url_for("console_requests.decide", request_id=row.id) if row.state == "waiting" else "",
        "decided": moment(clock.local(row.decided_at, zone)) if row.decided_at else "",
    }


def _page(state: str, trail: list[str]) -> str:
    return url_for("console_requests.index", state=state, page=".".join(trail) or None)
