"""The part of a person's page that tells who speaks for them in WeChat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import url_for
from flask_babel import gettext

from engage.blueprints.console.people.part import Part
from engage.blueprints.console.people_words import fan_called
from engage.blueprints.guard import Staff
from engage.chat import queries as chat
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import Session
from engage.patients import queries
from engage.patients.rules import WAYS

if TYPE_CHECKING:
    from engage.patients.models import Patient

TEMPLATE = "console/people/parts/bindings.html"


def bindings(session: Session, staff: Staff, person: Patient) -> Part:
    """Give who speaks for the person, and since when."""
    live = queries.bindings_of(session, person.id)
    known = fans.by_ids(session, {binding.fan_id for binding in live})
    reach = chat.accounts_in_reach(session, staff.reach("people.manage"))
    may_bind = bool(reach) and person.erased_at is None
    rows = [
        {
            "name": fan_called(known[binding.fan_id].nickname, binding.fan_id),
            "how": gettext(WAYS[binding.how]),
            "since": clock.local(binding.bound_at, staff.house.zone).date().isoformat(),
            "end_url": (
                url_for("console_bindings.end", binding_id=binding.id, at="patient")
                if known[binding.fan_id].account_id in reach
                else ""
            ),
        }
        for binding in live
    ]
    code_url = url_for("console_bindings.make", patient_id=person.id) if may_bind else ""
    return Part(TEMPLATE, {"rows": rows, "code_url": code_url})
