"""The blueprint of profiles; the views stand in the modules beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.chat import queries as chat
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.patients import waiting

if TYPE_CHECKING:
    from engage.patients.models import ProfileSubmission

bp = ConsoleBlueprint("console_profiles", __name__, url_prefix="/console/profiles")


def in_reach(session: Session, staff: Staff) -> frozenset[int]:
    """Give the accounts whose profiles the person may decide on."""
    return chat.accounts_in_reach(session, staff.reach("people.manage"))


def visible(session: Session, staff: Staff, submission_id: int) -> ProfileSubmission:
    """Give a profile within reach.

    Raises:
        NotFound: there is none, or it is of an account of others.
    """
    found = waiting.submission(session, submission_id)
    if found.account_id not in in_reach(session, staff):
        raise NotFound(submission=submission_id)
    return found
