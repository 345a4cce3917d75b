"""The blueprint of the calendar, the tabs of a store, and what follows from a change."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from flask import redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext, ngettext

from engage.blueprints.console import toasts
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.booking import queries as booking
from engage.kernel.db import Session
from engage.kernel.errors import N_

bp = ConsoleBlueprint("console_calendar", __name__, url_prefix="/console")

# How far ahead visits are looked at that a change may leave outside open time.
AHEAD: Final = dt.timedelta(days=366)

_TABS: Final = (
    ("console_stores.edit", N_("Details and hours")),
    ("console_calendar.terms_form", N_("Booking rules")),
    ("console_calendar.month", N_("Special days")),
    ("console_calendar.closed", N_("Closures")),
    ("console_photos.pictures", N_("Pictures")),
)


def store_tabs(store_id: int, current: str) -> list[dict[str, Any]]:
    """Give the pages of one store, side by side."""
    return [
        {
            "label": gettext(label),
            "url": url_for(endpoint, store=store_id)
            if endpoint == "console_calendar.closed"
            else url_for(endpoint, store_id=store_id),
            "current": endpoint == current,
        }
        for endpoint, label in _TABS
    ]


def language() -> str:
    """Give the language in which holidays are named."""
    return str(get_locale())


def left_outside(
    work: Session, *, now: dt.datetime, store_id: int | None = None, doctor_id: int | None = None
) -> int:
    """Count the visits to come of a store or a doctor that stand outside open time."""
    store_ids = None if store_id is None else {store_id}
    return len(
        booking.outside_ids(work, begin=now, end=now + AHEAD, store_ids=store_ids, doctor_id=doctor_id)
    )


def after(
    staff: Staff,
    told: str,
    outside: int,
    page_url: str,
    *,
    undo_url: str = "",
    store_id: int | None = None,
    doctor_id: int | None = None,
) -> ResponseReturnValue:
    """End a change: say what was done, and go to the visits it left outside open time, if there are any."""
    text = told
    if outside:
        text += " " + ngettext(
            "%(num)s visit stands outside open time now. Nobody was cancelled.",
            "%(num)s visits stand outside open time now. Nobody was cancelled.",
            outside,
        )
    toasts.say(text, undo_url, tone="bad" if outside else "good")
    if outside and staff.may("appointments.view"):
        return redirect(url_for("console_calendar.outside", store=store_id, doctor=doctor_id), 303)
    return redirect(page_url, 303)
