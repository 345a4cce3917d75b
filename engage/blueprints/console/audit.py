"""The audit trail: who changed what, and who looked at whose chart (PL-2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.audit import queries
from engage.audit.queries import Sought
from engage.blueprints.console.audit_words import ACTORS, GROUPS, group_actions, said
from engage.blueprints.console.subnav import settings_pages
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import N_
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from engage.audit.models import AuditEntry

bp = ConsoleBlueprint("console_audit", __name__, url_prefix="/console/audit")

SPANS: Final = {"1": N_("24 hours"), "7": N_("7 days"), "30": N_("30 days")}

# The page of what an entry is about: its endpoint and the name of its id there.
PAGES: Final = {
    "patient": ("console_people.show", "patient_id"),
    "fan": ("console_fans.show", "fan_id"),
    "staff": ("console_staff.show", "staff_id"),
    "appointment": ("console_appointments.show", "appointment_id"),
    "campaign": ("console_campaigns.show", "campaign_id"),
    "account": ("console_accounts.show", "account_id"),
    "push": ("console_journal.show", "push_id"),
}


@bp.view("", permission="audit.view")
def index(staff: Staff) -> ResponseReturnValue:
    """Show a page of the trail, filtered by what stands in the address."""
    cursors = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    with unit_of_work() as session:
        people = tenancy.all_names(session)
        kept = _kept(people)
        page = queries.trail(session, _sought(kept, clock.now()), cursor=cursors[-1] if cursors else None)
    view = {
        "rows": [_row(entry, people, staff.house.zone) for entry in page.items],
        "filters": _filters(kept, people),
        "about": kept.get("about", ""),
        "all_url": _address({key: value for key, value in kept.items() if key != "about"}),
        "filtered": bool(kept),
        "newer_url": _address(kept, page=".".join(cursors[:-1])) if cursors else "",
        "older_url": _address(kept, page=".".join([*cursors, page.next])) if page.next else "",
        "subnav": settings_pages(staff),
    }
    return render_template("console/audit/list.html", view=view)


def _sought(kept: Mapping[str, str], now: dt.datetime) -> Sought:
    kind, _, number = kept.get("about", "").partition("-")
    return Sought(
        staff_id=int(kept["who"]) if "who" in kept else None,
        actions=group_actions(kept["what"]) if "what" in kept else None,
        subject=(kind, int(number)) if number else None,
        since=now - dt.timedelta(days=int(kept["days"])) if "days" in kept else None,
    )


def _row(entry: AuditEntry, people: Mapping[int, str], zone: str) -> dict[str, Any]:
    return {
        "at": clock.local(entry.at, zone),
        "who": people.get(entry.actor_id or 0)
        if entry.actor_kind == "staff"
        else gettext(ACTORS[entry.actor_kind]),
        "said": said(entry.action),
        "fields": entry.fields,
        "number": entry.subject_id,
        "url": _page_of(entry),
        "about_url": url_for("console_audit.index", about=f"{entry.subject_kind}-{entry.subject_id}"),
    }


def _page_of(entry: AuditEntry) -> str:
    """Give the page of what the entry is about; empty where it has none."""
    endpoint, name = PAGES.get(entry.subject_kind, ("", ""))
    about: dict[str, Any] = {name: entry.subject_id}
    return url_for(endpoint, **about) if endpoint else ""


def _kept(people: Mapping[int, str]) -> dict[str, str]:
    """Give the filters in the address; what makes no sense filters nothing."""
    makes_sense: dict[str, Callable[[str], bool]] = {
        "who": lambda value: value in {str(staff_id) for staff_id in people},
        "what": lambda value: value in GROUPS,
        "days": lambda value: value in SPANS,
        "about": _is_subject,
    }
    asked = {key: request.args.get(key, "") for key in makes_sense}
    return {key: value for key, value in asked.items() if makes_sense[key](value)}


def _is_subject(text: str) -> bool:
    kind, _, number = text.partition("-")
    return kind.isidentifier() and number.isascii() and number.isdecimal() and len(number) <= 18


def _filters(kept: Mapping[str, str], people: Mapping[int, str]) -> list[dict[str, Any]]:
    choices = {
        "what": (gettext("What"), {key: gettext(label) for key, (label, _) in GROUPS.items()}),
        "who": (gettext("Who"), {str(staff_id): name for staff_id, name in people.items()}),
        "days": (gettext("When"), {key: gettext(label) for key, label in SPANS.items()}),
    }
    return [
        {"key": key, "label": label, "options": _options(key, labels, kept)}
        for key, (label, labels) in choices.items()
    ]


def _options(key: str, labels: Mapping[str, str], kept: Mapping[str, str]) -> list[dict[str, Any]]:
    current = kept.get(key, "")
    return [
        {"label": label, "url": _address(kept, **{key: value}), "current": value == current}
        for value, label in {"": gettext("All"), **labels}.items()
    ]


def _address(kept: Mapping[str, str], **changed: str) -> str:
    chosen: dict[str, Any] = {key: value for key, value in {**kept, **changed}.items() if value}
    return url_for("console_audit.index", **chosen)
