"""Which fans a member of staff may see: at their stores, and those of no store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engage.blueprints.guard import Staff
from engage.fans import queries
from engage.kernel.db import Session
from engage.kernel.errors import NotFound

if TYPE_CHECKING:
    from engage.fans.models import Fan

VIEW: Final = "fans.view"
MANAGE: Final = "fans.manage"


def visible(session: Session, staff: Staff, fan_id: int, permission: str = VIEW) -> Fan:
    """Give a fan for whom the person has a permission.

    Raises:
        NotFound: there is none, or it is another store's.
    """
    fan = queries.fan(session, fan_id)
    if not may(staff, fan, permission):
        raise NotFound(fan=fan_id)
    return fan


def may(staff: Staff, fan: Fan, permission: str) -> bool:
    """Whether the person has a permission for a fan: at the fan's store, or anywhere for one of no store."""
    if fan.store_id is None:
        return staff.may(permission)
    return staff.reach(permission).holds(fan.store_id)
