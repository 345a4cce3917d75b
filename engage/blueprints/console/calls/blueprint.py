"""The blueprint of calls, and who may see which; the views stand in the modules beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.tasks import queries

if TYPE_CHECKING:
    from engage.tasks.models import Task

bp = ConsoleBlueprint("console_calls", __name__, url_prefix="/console/calls")


def visible(session: Session, staff: Staff, call_id: int) -> Task:
    """Give one task of the person's stores.

    Raises:
        NotFound: there is none, or it is at a store of others.
    """
    found = queries.task(session, call_id)
    if not staff.reach("tasks.work").holds(found.store_id):
        raise NotFound(task=call_id)
    return found
