"""Booking rules of a store: what patients may book by themselves (BK-2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from marshmallow import ValidationError

from engage.blueprints.console.calendar.blueprint import bp, store_tabs
from engage.blueprints.console.refused import sentences
from engage.blueprints.guard import Staff
from engage.blueprints.opening import time_of_day
from engage.booking import queries, services
from engage.booking.rules.terms import Terms
from engage.booking.schemas import TermsIn
from engage.clinic import queries as clinic
from engage.clinic.rules import DAY
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import Invalid

SLOTS: Final = (10, 15, 20, 30, 40, 45, 60, 90, 120)
UNTIL: Final = (0, 30, 60, 120, 240, 480, 720, 1440, 2880, 4320, 10080)
FIELDS: Final = (
    "earliest",
    "latest",
    "notice_days",
    "horizon_days",
    "same_day",
    "change_until",
    "slot_minutes",
    "approval",
    "self_booking",
)
SWITCHES: Final = ("same_day", "approval", "self_booking")


@bp.view("/stores/<int:store_id>/rules", permission="clinic.manage")
def terms_form(staff: Staff, store_id: int) -> ResponseReturnValue:
    """Show what the store allows."""
    staff.demand("clinic.manage", store_id)
    with unit_of_work() as work:
        terms = queries.terms(work, store_id)
    form: dict[str, Any] = {
        "earliest": time_of_day(terms.earliest),
        "latest": time_of_day(terms.latest % DAY),
        "notice_days": str(terms.notice_days),
        "horizon_days": str(terms.horizon_days),
        "slot_minutes": str(terms.slot_minutes),
        "change_until": str(terms.change_until // dt.timedelta(minutes=1)),
    } | {name: getattr(terms, name) for name in SWITCHES}
    return _form(store_id, form, {})


@bp.view("/stores/<int:store_id>/rules", permission="clinic.manage", methods=("POST",))
def save_terms(staff: Staff, store_id: int) -> ResponseReturnValue:
    """Keep them. Visits that are booked stay."""
    staff.demand("clinic.manage", store_id)
    typed: dict[str, Any] = {name: request.form.get(name, "").strip() for name in FIELDS}
    typed |= {name: name in request.form for name in SWITCHES}
    try:
        read = TermsIn().load(typed)
        until = dt.timedelta(minutes=read.pop("change_until"))
        with unit_of_work() as work:
            terms = Terms(**read, change_until=until)
            services.set_terms(work, store_id, terms, by=staff.actor, now=clock.now())
    except ValidationError as error:
        return _form(store_id, typed, sentences(error)), 422
    except Invalid as refusal:
        return _form(store_id, typed, sentences(ValidationError(dict(refusal.fields)))), 422
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_calendar.terms_form", store_id=store_id), 303)


def _form(store_id: int, form: Mapping[str, Any], errors: Mapping[str, list[str]]) -> str:
    with unit_of_work() as work:
        store = clinic.store(work, store_id)
    kept = form["change_until"]
    minutes = sorted({*UNTIL, *([int(kept)] if str(kept).isdecimal() and len(kept) < 6 else [])})
    view = {
        "id": store_id,
        "name": store.short_name,
        "tabs": store_tabs(store_id, "console_calendar.terms_form"),
        "slots": [{"value": str(number), "label": str(number)} for number in SLOTS],
        "until": [{"value": str(number), "label": _length(number)} for number in minutes],
    }
    in_order = {name: errors[name] for name in FIELDS if name in errors}
    return render_template("console/calendar/terms.html", view=view, form=form, errors=in_order)


def _length(minutes: int) -> str:
    if not minutes:
        return str(gettext("until the visit begins"))
    if minutes % DAY == 0:
        return str(ngettext("%(num)s day before", "%(num)s days before", minutes // DAY))
    if minutes % 60 == 0:
        return str(ngettext("%(num)s hour before", "%(num)s hours before", minutes // 60))
    return str(ngettext("%(num)s minute before", "%(num)s minutes before", minutes))
