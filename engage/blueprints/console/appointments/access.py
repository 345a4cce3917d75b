"""Whose appointments a person may see; one row is not narrowed to the chosen store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engage.blueprints.guard import Staff
from engage.booking import queries
from engage.kernel.db import Session
from engage.kernel.errors import NotFound

if TYPE_CHECKING:
    from engage.booking.models import Appointment


def visible(session: Session, staff: Staff, appointment_id: int) -> Appointment:
    """Give one appointment of the person's stores.

    Raises:
        NotFound: there is none, or it is at a store of others.
    """
    found = queries.appointment(session, appointment_id)
    if not staff.reach("appointments.view").holds(found.store_id):
        raise NotFound(appointment=appointment_id)
    return found
