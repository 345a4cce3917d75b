"""Profiles in a list, those that wait first, and one of them in the drawer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.audit import services as audit
from engage.blueprints.console.people_words import fan_called
from engage.blueprints.console.profiles import words
from engage.blueprints.console.profiles.blueprint import bp, in_reach, visible
from engage.blueprints.console.subnav import people_pages
from engage.blueprints.guard import Staff
from engage.chat import queries as chat
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.patients import profiles, queries, waiting
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engage.fans.models import Fan
    from engage.patients.models import ProfileSubmission

FOUND: Final = 5
LONGEST: Final = 40
CHARTS: Final = "profile-charts"  # what is to choose from, on the page


@bp.view("", permission="people.manage")
def index(staff: Staff) -> ResponseReturnValue:
    """Show the profiles that wait, or those that are decided."""
    decided = request.args.get("show") == "decided"
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    with unit_of_work() as session:
        within = in_reach(session, staff)
        page = waiting.submissions(session, within, decided=decided, cursor=trail[-1] if trail else None)
        known = fans.by_ids(session, {row.fan_id for row in page.items})
        by = tenancy.names_of(session, {row.decided_by for row in page.items if row.decided_by})
        count = waiting.waiting_count(session, within)
    shown = "decided" if decided else None
    view = {
        "rows": [_row(row, known, by, staff.house.zone) for row in page.items],
        "decided": decided,
        "tabs": [
            {
                "label": gettext("Waiting"),
                "url": url_for("console_profiles.index"),
                "current": not decided,
                "count": count or "",
            },
            {
                "label": gettext("Decided"),
                "url": url_for("console_profiles.index", show="decided"),
                "current": decided,
            },
        ],
        "form_url": url_for("console_profiles.design") if staff.reach("clinic.manage").everywhere else "",
        "newer_url": _address(shown, trail[:-1]) if trail else "",
        "older_url": _address(shown, [*trail, page.next]) if page.next else "",
        "subnav": people_pages(staff),
    }
    return render_template("console/profiles/list.html", view=view)


@bp.view("/<int:submission_id>", permission="people.manage")
def show(staff: Staff, submission_id: int) -> ResponseReturnValue:
    """Show one profile with the charts it may belong to."""
    return page(staff, submission_id)


@bp.view("/<int:submission_id>/charts", permission="people.manage", methods=("POST",))
def find(staff: Staff, submission_id: int) -> ResponseReturnValue:
    """Give other charts to which it may be added; on the page for who pressed Enter. Posted: names stand in
    no address.
    """
    if request.headers.get("HX-Target") != CHARTS:
        return page(staff, submission_id)
    with unit_of_work() as session:
        row = visible(session, staff, submission_id)
        view = _choice(session, staff, row)
    return render_template("console/profiles/charts.html", view=view)


def page(staff: Staff, submission_id: int, *, notice: str = "", typed: str = "") -> str:
    """Draw one profile; `notice` says why nothing was decided just now."""
    with unit_of_work() as session:
        row = visible(session, staff, submission_id)
        fan = fans.fan(session, row.fan_id)
        names = tenancy.names_of(session, {row.decided_by} if row.decided_by else set())
        conversation_id = chat.of_fan(session, row.fan_id)
        view = _row(row, {fan.id: fan}, names, staff.house.zone) | {
            "answers": words.answers(session, row),
            "waits": row.state == "waiting",
            "reason": row.reason or "",
            "patient_url": (
                url_for("console_people.show", patient_id=row.patient_id) if row.patient_id else ""
            ),
            "chat_url": (
                url_for("console_chats.show", conversation_id=conversation_id)
                if conversation_id and staff.may("chats.view")
                else ""
            ),
            "create_url": url_for("console_profiles.create", submission_id=row.id),
            "reject_url": url_for("console_profiles.reject", submission_id=row.id),
            "find_url": url_for("console_profiles.find", submission_id=row.id),
            "reason_max": profiles.REASON_LENGTH,
            "notice": notice,
            **(_choice(session, staff, row) if row.state == "waiting" else {}),
        }
    return render_template("console/profiles/drawer.html", view=view, form={"reason": typed})


def _choice(session: Session, staff: Staff, row: ProfileSubmission) -> dict[str, Any]:
    """Give charts to choose from: those that the words fit, else those that may be this person's.

    What of a chart differs is shown beside it: a look at that chart, and audited.
    """
    asked = request.form.get("q", "").replace("\0", "").strip()[:LONGEST]
    found = queries.search(session, asked, limit=FOUND) if asked else waiting.suggestions(session, row)
    bound = frozenset(chart.id for chart in queries.of_fan(session, row.fan_id))
    charts = words.candidates(session, row, found, bound)
    seen = [chart["id"] for chart in charts if chart["conflicts"]]
    audit.record_each(
        session, "patient.viewed", by=staff.actor, kind="patient", subject_ids=seen, now=clock.now()
    )
    return {
        "version": row.version,
        "asked": asked,
        "charts": charts,
        "attach_url": url_for("console_profiles.attach", submission_id=row.id),
    }


def _row(
    row: ProfileSubmission, known: Mapping[int, Fan], by: Mapping[int, str], zone: str
) -> dict[str, Any]:
    fan = fan_called(known[row.fan_id].nickname, row.fan_id)
    return {
        "id": row.id,
        "url": url_for("console_profiles.show", submission_id=row.id),
        "name": waiting.answers(row).get("name") or gettext("Erased"),
        "fan": fan,
        "at": clock.local(row.submitted_at, zone),
        "tone": words.TONES[row.state],
        "state": gettext(profiles.STATES[row.state]),
        "decided_at": clock.local(row.decided_at, zone) if row.decided_at else None,
        "by": by.get(row.decided_by or 0, ""),
    }


def _address(shown: str | None, trail: list[str]) -> str:
    return url_for("console_profiles.index", show=shown, page=".".join(trail) or None)
