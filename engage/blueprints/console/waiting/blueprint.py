"""The blueprint of the waiting list, and who may see which wish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.booking.queries import waiting as queries
from engage.kernel.db import Session
from engage.kernel.errors import NotFound

if TYPE_CHECKING:
    from engage.booking.models import WaitingWish

bp = ConsoleBlueprint("console_waiting", __name__, url_prefix="/console/waiting")

PERMISSION = "appointments.manage"


def visible(session: Session, staff: Staff, wish_id: int) -> WaitingWish:
    """Give one wish of the person's stores.

    Raises:
        NotFound: there is none, or it is at a store of others.
    """
    found = queries.wish(session, wish_id)
    if not staff.reach(PERMISSION).holds(found.store_id):
        raise NotFound(wish=wish_id)
    return found
