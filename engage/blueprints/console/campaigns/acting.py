"""What people do with a campaign: start it now, pause, resume, end."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.campaigns.blueprint import MANAGE, bp
from engage.blueprints.guard import Staff
from engage.campaigns import queries, services
from engage.campaigns.rules import EVERYBODY_MS
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import N_, Malformed

DOING = {
    "start": (services.start, N_("It runs.")),
    "pause": (services.pause, N_("Paused. Nobody gets anything more for now.")),
    "resume": (services.resume, N_("It goes on.")),
    "end": (services.end, N_("Ended. Coupons that arrived stay with their owners.")),
}


@bp.view("/<int:campaign_id>/act", permission=MANAGE, everywhere=True, methods=("POST",))
def act(staff: Staff, campaign_id: int) -> ResponseReturnValue:
    """Do one of `rules.ACTIONS`, as the pressed button says."""
    action = request.form.get("action", "")
    with unit_of_work(statement_ms=EVERYBODY_MS) as work:
        queries.campaign(work, campaign_id)
        if action not in DOING:
            raise Malformed
        do, said = DOING[action]
        do(work, campaign_id, by=staff.actor, now=clock.now())
    flash(gettext(said), "good")
    return redirect(url_for("console_campaigns.show", campaign_id=campaign_id), 303)
