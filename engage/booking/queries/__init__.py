"""Reading booking: times that are open, and visits."""

from __future__ import annotations

from engage.booking.queries.openings import (
    Board,
    Column,
    Opening,
    board,
    nearest_slots,
    open_slots,
    openings,
    slot_at,
)
from engage.booking.queries.visits import (
    Row,
    Standing,
    Week,
    appointment,
    between,
    by_key,
    counts_by_day,
    held,
    hold_of,
    is_busy,
    locked,
    of_fan,
    of_patient,
    row,
    standing,
    weeks,
)

__all__ = [
    "Board",
    "Column",
    "Opening",
    "Row",
    "Standing",
    "Week",
    "appointment",
    "between",
    "board",
    "by_key",
    "counts_by_day",
    "held",
    "hold_of",
    "is_busy",
    "locked",
    "nearest_slots",
    "of_fan",
    "of_patient",
    "open_slots",
    "openings",
    "row",
    "slot_at",
    "standing",
    "weeks",
]
