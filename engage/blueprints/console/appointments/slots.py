"""Times to choose: how they stand in addresses and forms, and the slots of a day by part of the day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from flask_babel import gettext

from engage.blueprints.faces import moment
from engage.booking.rules import Slot
from engage.kernel import clock
from engage.kernel.errors import N_

ANY: Final = "any"

# A part of the day and the hour at which it ends.
PARTS: Final = ((12, N_("Morning")), (18, N_("Afternoon")), (24, N_("Evening")))


def written(moment_: dt.datetime) -> str:
    """Write a moment as addresses and forms carry it."""
    return f"{moment_.astimezone(dt.UTC):%Y-%m-%dT%H:%M}Z"


def read(text: str) -> dt.datetime | None:
    """Read a moment; None for what is none."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(dt.UTC) if found.tzinfo and 1970 < found.year < 9999 else None


def parts(slots: Iterable[Slot], zone: str) -> list[dict[str, Any]]:
    """Give slots as choices, those of each part of the day together; parts without any are left out."""
    found: list[dict[str, Any]] = []
    begins_at = 0
    choices = [(clock.local(slot.starts_at, zone), slot) for slot in slots]
    for ends_at, label in PARTS:
        within = [
            {"value": written(slot.starts_at), "time": begin, "free": slot.free}
            for begin, slot in choices
            if begins_at <= begin.hour < ends_at
        ]
        if within:
            found.append({"label": gettext(label), "slots": within})
        begins_at = ends_at
    return found


def instead(slots: Iterable[Slot], zone: str) -> list[dict[str, str]]:
    """Give slots as buttons that take them in place of the wished one."""
    return [
        {
            "value": f"{slot.store_id}|{slot.doctor_id or ANY}|{written(slot.starts_at)}",
            "label": moment(clock.local(slot.starts_at, zone)),
        }
        for slot in slots
    ]
