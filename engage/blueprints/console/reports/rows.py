"""The visits behind a number of the attendance report."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.reports.asked import Asked
from engage.blueprints.console.reports.blueprint import VIEW, bp
from engage.blueprints.console.reports.shapes import Names, days_words
from engage.blueprints.guard import Staff
from engage.booking import queries as booking
from engage.booking.queries import Row
from engage.booking.rules import CHANNELS, STATES, TONES
from engage.booking.rules.attendance import OUTCOMES
from engage.kernel import clock
from engage.kernel.db import unit_of_work


@bp.view("/attendance/visits", permission=VIEW)
def visits(staff: Staff) -> ResponseReturnValue:
    """Show a page of the visits that the address asks for, latest first."""
    zone, scope, now = staff.house.zone, staff.scope(VIEW), clock.now()
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    with unit_of_work() as session:
        names = Names.read(session, scope)
        asked = names.asked(today=clock.local(now, zone).date())
        which = asked.which(zone, None if scope.everywhere else scope.store_ids, now=now)
        page = booking.attended(session, which, cursor=trail[-1] if trail else None)
    view = {
        "lead": _lead(asked, names),
        "back_url": asked.url(outcome="", lead="", person=""),
        "rows": [_row(row, zone) for row in page.items],
        "outcomes": _outcomes(asked),
        "newer_url": _page(asked, trail[:-1]) if trail else "",
        "older_url": _page(asked, [*trail, page.next]) if page.next else "",
    }
    return render_template("console/reports/visits.html", view=view)


def _row(row: Row, zone: str) -> dict[str, Any]:
    return {
        "patient": row.patient_name,
        "url": url_for("console_appointments.show", appointment_id=row.id),
        "item": row.item,
        "at": clock.local(row.starts_at, zone),
        "doctor": row.doctor or gettext("No doctor named"),
        "store": row.store,
        "channel": gettext(CHANNELS[row.channel]),
        "tone": TONES[row.state],
        "state": gettext(STATES[row.state]),
        "late": row.late,
    }


def _lead(asked: Asked, names: Names) -> str:
    """Say what is shown: the days, and all that narrows them."""
    told = [days_words(asked)]
    chosen = ("store", "doctor", "item", "channel", "lead", "person")
    told += [names.of(key, getattr(asked, key)) for key in chosen if getattr(asked, key) not in {None, ""}]
    return str(gettext(", ")).join(told)


def _outcomes(asked: Asked) -> list[dict[str, Any]]:
    labels = {"": gettext("All")} | {key: gettext(label) for key, label in OUTCOMES.items()}
    return [
        {"label": label, "url": asked.url("visits", outcome=key), "current": key == asked.outcome}
        for key, label in labels.items()
    ]


def _page(asked: Asked, trail: list[str]) -> str:
    more: dict[str, Any] = {"page": ".".join(trail)} if trail else {}
    return url_for("console_reports.visits", **{**asked.kept(), **more})
