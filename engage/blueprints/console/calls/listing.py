"""The list of calls, with the filters of the address."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_timedelta, gettext

from engage.blueprints.console.calls.blueprint import bp
from engage.blueprints.console.subnav import appointments_pages
from engage.blueprints.faces import moment
from engage.blueprints.guard import Staff
from engage.booking import queries as booking
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_
from engage.patients import queries as patients
from engage.tasks import queries, rules
from engage.tasks.queries import Wanted
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from engage.booking.queries import Row
    from engage.tasks.models import Task

VIEWS: Final = {"": N_("To call now"), "later": N_("All open"), "done": N_("Done")}
TONES: Final = {"open": "waiting", "done": "good", "void": "ended"}
# What came of a call is coloured by what it means for the visit.
OUTCOME_TONES: Final = {
    "will_come": "good",
    "rebooked": "good",
    "coming_late": "waiting",
    "cancelled": "ended",
    "not_coming": "ended",
    "not_reached": "bad",
    "looked_into": "good",
}


@bp.view("", permission="tasks.work")
def index(staff: Staff) -> ResponseReturnValue:
    """Show a page of calls, those that are due longest first."""
    now, kept = clock.now(), asked(request.args)
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    with unit_of_work() as session:
        page = queries.listed(session, wanted(staff, kept, now=now), cursor=trail[-1] if trail else None)
        rows = _rows(session, staff, page.items, now=now)
        later = queries.listed(session, wanted(staff, {"view": "later"}, now=now), size=1).items
    view = {
        "rows": rows,
        "kept": kept,
        "filters": _filters(kept),
        "filtered": bool(kept.get("kind")),
        "shown": kept.get("view", ""),
        "next_due": _next_due(staff, later),
        "newer_url": address(kept, page=".".join(trail[:-1])) if trail else "",
        "older_url": address(kept, page=".".join([*trail, page.next])) if page.next else "",
        "texts_url": url_for("console_calls.texts") if staff.reach("clinic.manage").everywhere else "",
        "subnav": appointments_pages(staff),
    }
    return render_template("console/calls/list.html", view=view)


def asked(given: Mapping[str, str]) -> dict[str, Any]:
    """Give the filters of an address; what is not known filters nothing."""
    chosen = {
        "view": given.get("view", "") if given.get("view") in VIEWS else "",
        "kind": given.get("kind", "") if given.get("kind") in rules.CALLS else "",
    }
    return {key: value for key, value in chosen.items() if value}


def wanted(staff: Staff, kept: Mapping[str, str], *, now: dt.datetime) -> Wanted:
    """Give which tasks a list with these filters holds, at the stores of the person."""
    scope = staff.scope("tasks.work")
    shown = kept.get("view", "")
    return Wanted(
        store_ids=None if scope.everywhere else scope.store_ids,
        kinds=(kept["kind"],) if "kind" in kept else rules.CALLS,
        state="done" if shown == "done" else "open",
        due_by=None if shown else now,
    )


def address(kept: Mapping[str, str], **changed: str) -> str:
    """Give the list's address with something changed; what is empty is left out."""
    chosen: dict[str, Any] = {key: value for key, value in {**kept, **changed}.items() if value}
    return url_for("console_calls.index", **chosen)


def _rows(session: Session, staff: Staff, tasks: Sequence[Task], *, now: dt.datetime) -> list[dict[str, Any]]:
    people = patients.patients(session, {task.patient_id for task in tasks if task.patient_id is not None})
    visits = booking.rows_by_id(session, {task.subject_id for task in tasks})
    names = tenancy.names_of(
        session, {one for task in tasks for one in (task.assignee_id, task.done_by) if one is not None}
    )
    return [
        {
            "id": task.id,
            "who": people[task.patient_id].name if task.patient_id is not None else "",
            "kind": gettext(rules.KINDS[task.kind].label),
            "visit": _visit(visits.get(task.subject_id), staff.house.zone),
            "due": _due(task, now=now),
            "is_urgent": task.kind == "call_no_show" and task.state == "open",
            "attempts": task.attempts,
            "by": names.get(_who(task, now=now) or 0, ""),
            **standing(task),
        }
        for task in tasks
    ]


def _visit(row: Row | None, zone: str) -> str:
    if row is None:
        return ""
    when = moment(clock.local(row.starts_at, zone))
    return " · ".join(part for part in (when, row.doctor, row.store) if part)


def _who(task: Task, *, now: dt.datetime) -> int | None:
    if task.state != "open":
        return task.done_by
    is_held = task.assigned_at is not None and task.assigned_at > now - rules.TAKEN_FOR
    return task.assignee_id if is_held else None


def _due(task: Task, *, now: dt.datetime) -> str:
    """Say how long a call is due, or when it will be."""
    if task.done_at is not None:
        return str(format_timedelta(task.done_at - now, add_direction=True))
    return str(format_timedelta(task.due_at - now, add_direction=True))


def standing(task: Task) -> dict[str, str]:
    """Give how a call stands, or what came of it, with its tone."""
    if task.outcome is not None:
        word = rules.KINDS[task.kind].outcomes[task.outcome].label
        return {"tone": OUTCOME_TONES[task.outcome], "state": gettext(word)}
    return {"tone": TONES[task.state], "state": gettext(rules.STATES[task.state])}


def _next_due(staff: Staff, later: Sequence[Task]) -> str:
    return moment(clock.local(later[0].due_at, staff.house.zone)) if later else ""


def _filters(kept: Mapping[str, str]) -> list[dict[str, Any]]:
    kinds = {"": N_("All"), **{name: rules.KINDS[name].label for name in rules.CALLS}}
    return [
        {"key": key, "label": label, "options": _options(key, words, kept)}
        for key, label, words in (
            ("view", gettext("Which"), VIEWS),
            ("kind", gettext("Kind"), kinds),
        )
    ]


def _options(key: str, labels: Mapping[str, str], kept: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "label": gettext(label),
            "url": address(kept, **{key: value}),
            "current": value == kept.get(key, ""),
        }
        for value, label in labels.items()
    ]
