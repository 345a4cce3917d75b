"""The blueprint of bindings; the views stand in the modules beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.chat import queries as chat
from engage.fans import queries as fans
from engage.kernel.db import Session
from engage.kernel.errors import NotFound

if TYPE_CHECKING:
    from engage.fans.models import Fan

bp = ConsoleBlueprint("console_bindings", __name__, url_prefix="/console/bindings")


def fan_in_reach(session: Session, staff: Staff, fan_id: int) -> Fan:
    """Give a fan of an account whose people the person may manage.

    Raises:
        NotFound: there is none, or it is of an account of others.
    """
    found = fans.fan(session, fan_id)
    if found.account_id not in chat.accounts_in_reach(session, staff.reach("people.manage")):
        raise NotFound(fan=fan_id)
    return found
