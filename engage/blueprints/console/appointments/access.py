"""Whose appointments a person may see and change; one row is not narrowed to the chosen store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engage.blueprints.guard import Staff
from engage.booking import queries
from engage.kernel.db import Session
from engage.kernel.errors import NotAllowed, NotFound
from engage.tenancy.rules import StoreScope, store_scope

if TYPE_CHECKING:
    from engage.booking.models import Appointment


def reach(staff: Staff, permission: str) -> StoreScope:
    """Give the stores at which it is permitted, whichever is chosen in the top bar."""
    return store_scope(staff.grants, permission, None)


def visible(session: Session, staff: Staff, appointment_id: int) -> Appointment:
    """Give one appointment of the person's stores.

    Raises:
        NotFound: there is none, or it is at a store of others.
    """
    found = queries.appointment(session, appointment_id)
    if not reach(staff, "appointments.view").holds(found.store_id):
        raise NotFound(appointment=appointment_id)
    return found


def demand(staff: Staff, permission: str, store_id: int) -> None:
    """Let through who has the permission at the store.

    Raises:
        NotAllowed: none of the person's roles gives it there.
    """
    if not reach(staff, permission).holds(store_id):
        raise NotAllowed
