"""A fan's privacy: the notice, consent and its end, asking for a copy or for erasure (PT-8)."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.faces import day
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.privacy import queries, services
from engage.privacy.queries import Standing
from engage.privacy.rules import REQUEST_STATES, REQUESTS

bp = PatientBlueprint("patient_privacy", __name__, url_prefix="/p/<account>/privacy")


@bp.view("")
def show(visitor: Visitor) -> ResponseReturnValue:
    """Show the notice, how the fan stands to it, and what was asked for."""
    with unit_of_work() as session:
        standing = queries.standing(session, visitor.fan_id)
        is_muted = fans.fan(session, visitor.fan_id).muted_at is not None
    zone = visitor.house.zone
    consent = standing.consent
    view = {
        "notice": standing.notice.text if standing.notice else "",
        "agreed": day(clock.local(consent.given_at, zone).date()) if consent else "",
        "is_asked": standing.is_asked,
        "is_muted": is_muted,
        "requests": [_request(standing, kind, zone) for kind in REQUESTS],
        "me_url": url_for("patient_me.show", account=visitor.account_slug),
    }
    return render_template("patient/privacy.html", view=view)


@bp.view("/give", methods=("POST",))
def give(visitor: Visitor) -> ResponseReturnValue:
    """Agree to the notice; messages come (again)."""
    with unit_of_work() as session:
        services.give(session, visitor.fan_id, now=clock.now())
    return _back(visitor)


@bp.view("/withdraw", methods=("POST",))
def withdraw(visitor: Visitor) -> ResponseReturnValue:
    """Take consent back; from now on no message comes."""
    with unit_of_work() as session:
        services.withdraw(session, visitor.fan_id, now=clock.now())
    return _back(visitor)


@bp.view("/ask", methods=("POST",))
def ask(visitor: Visitor) -> ResponseReturnValue:
    """Ask the clinic for a copy, or for erasure."""
    with unit_of_work() as session:
        services.ask(session, visitor.fan_id, request.form.get("kind", ""), now=clock.now())
    return _back(visitor)


def _request(standing: Standing, kind: str, zone: str) -> dict[str, Any]:
    row = standing.requests.get(kind)
    return {
        "kind": kind,
        "label": gettext(REQUESTS[kind]),
        "waits": row is not None and row.state == "waiting",
        "state": gettext(REQUEST_STATES[row.state]) if row else "",
        "at": day(clock.local(row.asked_at, zone).date()) if row else "",
    }


def _back(visitor: Visitor) -> ResponseReturnValue:
    return redirect(url_for("patient_privacy.show", account=visitor.account_slug), 303)
