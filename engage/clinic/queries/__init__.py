"""Reading the clinic: stores and when they are open, doctors, items, complaint presets, rosters."""

from __future__ import annotations

from engage.clinic.queries.calendars import (
    calendars,
    closing_of,
    closure,
    closures_between,
    special_days,
)
from engage.clinic.queries.catalogue import (
    categories,
    category,
    complaint,
    complaints,
    doctor,
    doctors,
    hours,
    is_done_at,
    item,
    item_names,
    item_stores,
    items,
    names,
    store,
    stores,
)
from engage.clinic.queries.rosters import (
    LONGEST_SHIFT,
    shift,
    shift_times,
    shifts,
    shifts_at,
)
from engage.clinic.queries.showing import (
    is_photo,
    missing_of,
    picture,
    pictures,
    shown_store,
    shown_stores,
)
from engage.clinic.queries.welcome import Welcome, reasons, welcomes

__all__ = [
    "LONGEST_SHIFT",
    "Welcome",
    "calendars",
    "categories",
    "category",
    "closing_of",
    "closure",
    "closures_between",
    "complaint",
    "complaints",
    "doctor",
    "doctors",
    "hours",
    "is_done_at",
    "is_photo",
    "item",
    "item_names",
    "item_stores",
    "items",
    "missing_of",
    "names",
    "picture",
    "pictures",
    "reasons",
    "shift",
    "shift_times",
    "shifts",
    "shifts_at",
    "shown_store",
    "shown_stores",
    "special_days",
    "store",
    "stores",
    "welcomes",
]
