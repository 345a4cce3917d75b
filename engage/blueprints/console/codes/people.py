"""Who stands behind a number of a code's funnel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.codes import shapes
from engage.blueprints.console.codes.blueprint import MANAGE, bp
from engage.blueprints.console.codes.reach import visible
from engage.blueprints.console.people_words import fan_called
from engage.blueprints.console.subnav import marketing_pages
from engage.blueprints.faces import day
from engage.blueprints.guard import Staff
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.patients import queries as patients
from engage.qrcodes import queries
from engage.qrcodes.queries import Days, Person
from engage.qrcodes.rules import STEPS


@bp.view("/<int:code_id>/people", permission=MANAGE)
def people(staff: Staff, code_id: int) -> ResponseReturnValue:
    """Show a page of the people of a step, in the span of days that the address asks for."""
    step = request.args.get("step", "people")
    step = step if step in STEPS else "people"
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    asked = shapes.asked_days(clock.local(clock.now(), staff.house.zone).date())
    with unit_of_work() as work:
        code = visible(work, staff, code_id)
        page = queries.people(work, code_id, step, asked.days, cursor=trail[-1] if trail else None)
        ids = [person.fan_id for person in page.items]
        names = fans.names_of(work, ids)
        speak_for = patients.names_of_fans(work, ids) if staff.may("people.view") else {}
    chosen = {"step": step, **asked.arguments}
    view = {
        "name": code.name,
        "back_url": _url("show", code_id, asked.arguments),
        "lead": _lead(asked.days),
        "rows": [_row(person, names, speak_for, staff) for person in page.items],
        "steps": [
            {
                "label": gettext(label),
                "url": _url("people", code_id, {**chosen, "step": one}),
                "current": one == step,
            }
            for one, label in STEPS.items()
        ],
        "all_url": _url("people", code_id, {**chosen, "step": "people"}),
        "newer_url": _url("people", code_id, {**chosen, "page": ".".join(trail[:-1])}) if trail else "",
        "older_url": _url("people", code_id, {**chosen, "page": ".".join([*trail, page.next])})
        if page.next
        else "",
        "subnav": marketing_pages(staff),
    }
    return render_template("console/codes/people.html", view=view)


def _row(
    person: Person, names: Mapping[int, str], speak_for: Mapping[int, Sequence[str]], staff: Staff
) -> dict[str, Any]:
    comma = gettext(", ")
    return {
        "name": fan_called(names.get(person.fan_id), person.fan_id),
        "url": url_for("console_fans.show", fan_id=person.fan_id) if staff.may("fans.view") else "",
        "patients": comma.join(speak_for.get(person.fan_id, ())),
        "since": clock.local(person.since, staff.house.zone),
        "scans": person.scans,
        "is_new": person.is_new,
        "reached": _reached(person),
    }


def _reached(person: Person) -> dict[str, str]:
    """Say how far somebody came: the last step alone."""
    if person.came:
        return {"tone": "good", "label": gettext("Arrived")}
    if person.is_booked:
        return {"tone": "confirmed", "label": gettext("Booked")}
    if person.is_bound:
        return {"tone": "waiting", "label": gettext("Bound")}
    return {"tone": "ended", "label": gettext("Only scanned")}


def _lead(days: Days | None) -> str:
    if days is None:
        return str(gettext("Everybody since the code was made."))
    return str(gettext("Scans from %(begin)s to %(end)s.", begin=day(days.begin), end=day(days.end)))


def _url(view: str, code_id: int, chosen: Mapping[str, str]) -> str:
    given: dict[str, Any] = dict(chosen)
    return url_for(f"console_codes.{view}", code_id=code_id, **given)
