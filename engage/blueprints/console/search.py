"""Search over everything: one group of hits per feature that the person may see."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.fans.access import VIEW, may
from engage.blueprints.console.people_words import called, described, fan_called
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.fans import queries as fans
from engage.kernel.db import Session, unit_of_work
from engage.patients import queries as patients
from engage.tenancy import queries as tenancy

bp = ConsoleBlueprint("console_search", __name__, url_prefix="/console/search")

LONGEST = 40
FOUND = 8
FANS_READ = 80  # those of stores of others are left out afterwards


@bp.view("", permission="self")
def empty(_staff: Staff) -> ResponseReturnValue:
    """Show the page before anything was asked."""
    return render_template("console/search_page.html", view={"query": "", "groups": []})


@bp.view("", permission="self", methods=("POST",))
def results(staff: Staff) -> ResponseReturnValue:
    """Show what begins with the words: a list below the field, or a page for who pressed Enter.

    Posted: names and phones stand in no address.
    """
    words = request.form.get("q", "").replace("\0", "").strip()[:LONGEST]
    view = {"query": words, "groups": _groups(staff, words) if words else []}
    below = "HX-Request" in request.headers
    return render_template("console/search.html" if below else "console/search_page.html", view=view)


def _groups(staff: Staff, words: str) -> list[dict[str, Any]]:
    with unit_of_work() as session:
        groups = [
            (gettext("Patient charts"), _patients(session, words) if staff.may("people.view") else []),
            (gettext("Fans"), _fans(session, staff, words) if staff.may(VIEW) else []),
            (gettext("Staff"), _staff(session, words) if staff.may("staff.view") else []),
        ]
    return [{"label": label, "hits": hits} for label, hits in groups if hits]


def _fans(session: Session, staff: Staff, words: str) -> list[dict[str, str]]:
    found = [fan for fan in fans.search(session, words, limit=FANS_READ) if may(staff, fan, VIEW)]
    return [
        {
            "title": fan_called(fan.nickname, fan.id),
            "sub": fan.remark or "",
            "url": url_for("console_fans.show", fan_id=fan.id),
            "icon": "message-circle",
        }
        for fan in found[:FOUND]
    ]


def _patients(session: Session, words: str) -> list[dict[str, str]]:
    return [
        {
            "title": called(person),
            "sub": described(person),
            "url": url_for("console_people.show", patient_id=person.id),
            "icon": "user",
        }
        for person in patients.search(session, words, limit=FOUND)
    ]


def _staff(session: Session, words: str) -> list[dict[str, str]]:
    return [
        {
            "title": person.name,
            "sub": person.login,
            "url": url_for("console_staff.show", staff_id=person.id),
            "icon": "user-circle",
        }
        for person in tenancy.search(session, words)
    ]
