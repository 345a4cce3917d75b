"""Consent to the privacy notice, asked for where a fan first tells who they are (PT-8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request
from flask_babel import gettext

from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.privacy import queries, services

if TYPE_CHECKING:
    from engage.blueprints.guard import Visitor
    from engage.kernel.db import Session

FIELD = "agrees"


def notice(session: Session, fan_id: int) -> str:
    """Give the notice that a fan is to agree to; nothing if there is none, or they did to this wording."""
    standing = queries.standing(session, fan_id)
    return standing.notice.text if standing.notice and standing.is_asked else ""


def agrees(visitor: Visitor) -> bool:
    """Whether the fan agrees: just now, which is written down, or before, or there is nothing to agree to."""
    with unit_of_work() as session:
        if request.form.get(FIELD) == "yes":
            services.give(session, visitor.fan_id, now=clock.now())
            return True
        return not queries.standing(session, visitor.fan_id).is_asked


def missing() -> dict[str, list[str]]:
    """Say, beside its field, that there is no consent yet."""
    return {FIELD: [gettext("Please agree to the privacy notice first.")]}
