"""A store's month: who is closed and why, special days, and which public holidays it keeps (BK-1, BK-20)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from babel.dates import format_skeleton
from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext

from engage.blueprints import faces
from engage.blueprints.addresses import read_day
from engage.blueprints.console.calendar.blueprint import after, bp, language, left_outside, store_tabs
from engage.blueprints.console.hours_form import MODES, read_days, stored_days, typed_days
from engage.blueprints.guard import Staff
from engage.blueprints.opening import day_times, time_of_day, weekday_name
from engage.clinic import queries, services
from engage.clinic.holidays import COUNTRIES
from engage.clinic.rules import ON_HOLIDAYS, Calendar, Closing, Day, Hours, Special
from engage.clinic.schemas import NAME_LENGTH
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import NotFound

if TYPE_CHECKING:
    from engage.clinic.models import Store

WEEK = 7


@bp.view("/stores/<int:store_id>/days", permission="clinic.manage")
def month(staff: Staff, store_id: int) -> ResponseReturnValue:
    """Show a month of the store, from Monday to Sunday."""
    staff.demand("clinic.manage", store_id)
    now = clock.now()
    with unit_of_work() as work:
        store = queries.store(work, store_id)
        today = clock.local(now, store.zone).date()
        first = (read_day(f"{request.args.get('month', '')}-01") or today).replace(day=1)
        shown = month_days(first)
        calendar = queries.calendars(work, [store_id], shown[0], shown[-1], language=language())[store_id]
        begin, _ = clock.day_bounds(shown[0], store.zone)
        _, end = clock.day_bounds(shown[-1], store.zone)
        closings = [one for one in queries.closures_between(work, store_id, begin, end) if one.store_id]
    cells = [_cell(store, calendar, closings, day, first, today) for day in shown]
    view = {
        "id": store_id,
        "name": store.short_name,
        "tabs": store_tabs(store_id, "console_calendar.month"),
        "title": month_name(first),
        "older_url": url_for(".month", store_id=store_id, month=f"{first - dt.timedelta(days=1):%Y-%m}"),
        "newer_url": url_for(".month", store_id=store_id, month=f"{next_month(first):%Y-%m}"),
        "today_url": url_for(".month", store_id=store_id) if first != today.replace(day=1) else "",
        "weekdays": [weekday_name(number) for number in range(WEEK)],
        "weeks": [cells[at : at + WEEK] for at in range(0, len(cells), WEEK)],
        "countries": [{"value": code, "label": gettext(name)} for code, name in COUNTRIES.items()],
        "on_holidays": [{"value": name, "label": gettext(label)} for name, label in ON_HOLIDAYS.items()],
        "make_up": [{"value": str(day), "label": weekday_name(day, width="wide")} for day in range(WEEK)],
        "month": f"{first:%Y-%m}",
    }
    form = {
        "holiday_country": store.holiday_country,
        "on_holidays": store.on_holidays,
        "make_up_weekday": str(store.make_up_weekday),
    }
    return render_template("console/calendar/month.html", view=view, form=form)


@bp.view("/stores/<int:store_id>/holidays", permission="clinic.manage", methods=("POST",))
def keep_holidays(staff: Staff, store_id: int) -> ResponseReturnValue:
    """Choose whose public holidays the store keeps."""
    staff.demand("clinic.manage", store_id)
    now = clock.now()
    weekday = request.form.get("make_up_weekday", "")
    with unit_of_work() as work:
        queries.store(work, store_id)
        services.keep_holidays(
            work,
            store_id,
            country=request.form.get("holiday_country", ""),
            on_holidays=request.form.get("on_holidays", ""),
            make_up_weekday=int(weekday) if weekday in set("0123456") else -1,
            by=staff.actor,
            now=now,
        )
        outside = left_outside(work, now=now, store_id=store_id)
    page = url_for("console_calendar.month", store_id=store_id, month=request.form.get("month"))
    return after(staff, gettext("Saved."), outside, page, store_id=store_id)


@bp.view("/stores/<int:store_id>/days/<day>", permission="clinic.manage")
def day_form(staff: Staff, store_id: int, day: str) -> ResponseReturnValue:
    """Show the form of one date, filled with what holds on it."""
    staff.demand("clinic.manage", store_id)
    date = _date(day)
    with unit_of_work() as work:
        store = queries.store(work, store_id)
        calendar = queries.calendars(work, [store_id], date, date, language=language())[store_id]
    holds = calendar.day(date)
    form = {"name": holds.name}
    return _form(store, date, holds, form, _as_hours(date, holds.stretches), {})


@bp.view("/stores/<int:store_id>/days/<day>", permission="clinic.manage", methods=("POST",))
def set_day(staff: Staff, store_id: int, day: str) -> ResponseReturnValue:
    """Make it a special day: these hours hold, whatever the week and the holidays say."""
    staff.demand("clinic.manage", store_id)
    date, now = _date(day), clock.now()
    name = request.form.get("name", "").strip()
    typed = typed_days(request.form)[date.weekday()]
    hours, wrong = read_days([typed])
    if len(name) > NAME_LENGTH or not name.isprintable():
        wrong["name"] = [gettext("At most 30 characters.")]
    with unit_of_work() as work:
        store = queries.store(work, store_id)
        calendar = queries.calendars(work, [store_id], date, date, language=language())[store_id]
        if wrong:
            return _form(store, date, calendar.day(date), {"name": name}, hours, wrong, typed=typed), 422
        special = Special(name, tuple((one.opens, one.closes) for one in hours))
        services.set_special_day(work, store_id, date, special, by=staff.actor, now=now)
        outside = left_outside(work, now=now, store_id=store_id)
    before = calendar.special.get(date)
    undo = _restore_url(store_id, date, before) if before else _remove_url(store_id, date)
    told = gettext("%(day)s is a special day now.", day=faces.day(date))
    return after(staff, told, outside, _month_url(store_id, date), undo_url=undo, store_id=store_id)


@bp.view("/stores/<int:store_id>/days/<day>/remove", permission="clinic.manage", methods=("POST",))
def remove_day(staff: Staff, store_id: int, day: str) -> ResponseReturnValue:
    """Let the date be as the week and the holidays say."""
    staff.demand("clinic.manage", store_id)
    date, now = _date(day), clock.now()
    with unit_of_work() as work:
        queries.store(work, store_id)
        was = services.remove_special_day(work, store_id, date, by=staff.actor, now=now)
        outside = left_outside(work, now=now, store_id=store_id)
    undo = _restore_url(store_id, date, was) if was else ""
    told = gettext("%(day)s is as usual again.", day=faces.day(date))
    return after(staff, told, outside, _month_url(store_id, date), undo_url=undo, store_id=store_id)


@bp.view("/stores/<int:store_id>/days/<day>/restore", permission="clinic.manage", methods=("POST",))
def restore_day(staff: Staff, store_id: int, day: str) -> ResponseReturnValue:
    """Take back a removal or a change; the address holds what was there."""
    staff.demand("clinic.manage", store_id)
    date, now = _date(day), clock.now()
    special = Special(
        request.args.get("name", "")[:NAME_LENGTH], _read_stretches(request.args.get("hours", ""))
    )
    with unit_of_work() as work:
        services.set_special_day(work, store_id, date, special, by=staff.actor, now=now)
    return redirect(_month_url(store_id, date), 303)


def month_days(first: dt.date) -> list[dt.date]:
    """Give the days that a month's page shows: whole weeks from Monday."""
    begin = first - dt.timedelta(days=first.weekday())
    end = next_month(first)
    days = (end - begin).days
    return [begin + dt.timedelta(days=number) for number in range(-(-days // WEEK) * WEEK)]


def next_month(first: dt.date) -> dt.date:
    """Give the first day of the month after."""
    return (first.replace(day=28) + dt.timedelta(days=4)).replace(day=1)


def month_name(first: dt.date) -> str:
    """Write a month: 2026年11月, November 2026."""
    return str(format_skeleton("yMMMM", first, locale=get_locale()))


def _cell(
    store: Store,
    calendar: Calendar,
    closings: Sequence[Closing],
    date: dt.date,
    first: dt.date,
    today: dt.date,
) -> dict[str, Any]:
    day = calendar.day(date)
    begin, end = clock.day_bounds(date, store.zone)
    closed = [
        {"reason": one.reason, "times": closing_times(one, begin, end, store.zone)}
        for one in closings
        if one.doctor_id is None and one.item_id is None and one.intervals(begin, end, store.zone)
    ]
    return {
        "date": date,
        "url": url_for("console_calendar.day_form", store_id=store.id, day=date),
        "times": day_times(_as_hours(date, day.stretches)),
        "is_shut": not day.stretches,
        "kind": day.kind,
        "name": day.name,
        "closed": closed,
        "is_other": date.month != first.month,
        "is_today": date == today,
        "is_over": date < today,
    }


def closing_times(closing: Closing, begin: dt.datetime, end: dt.datetime, zone: str) -> str:
    """Write the parts of a local day that a closure takes: 09:00–12:00."""
    parts = closing.intervals(begin, end, zone)
    if parts == [(begin, end)]:
        return str(gettext("closed all day"))
    return ", ".join(f"{clock.local(a, zone):%H:%M}–{clock.local(b, zone):%H:%M}" for a, b in parts)


def _form(
    store: Store,
    date: dt.date,
    holds: Day,
    form: Mapping[str, str],
    hours: Sequence[Hours],
    errors: Mapping[str, list[str]],
    *,
    typed: Any = None,
) -> str:
    shown = typed or stored_days(hours)[date.weekday()]
    view = {
        "id": store.id,
        "name": store.short_name,
        "date": date,
        "days": [shown],
        "modes": [{"value": mode, "label": gettext(label)} for mode, label in MODES.items()],
        "is_special": holds.kind == "special",
        "kind": holds.kind,
        "holiday": holds.name,
        "back_url": _month_url(store.id, date),
    }
    return render_template("console/calendar/day.html", view=view, form=form, errors=errors)


def _as_hours(date: dt.date, stretches: Sequence[tuple[int, int]]) -> list[Hours]:
    return [Hours(date.weekday(), opens, closes) for opens, closes in stretches]


def _date(written: str) -> dt.date:
    date = read_day(written)
    if date is None:
        raise NotFound
    return date


def _month_url(store_id: int, date: dt.date) -> str:
    return url_for("console_calendar.month", store_id=store_id, month=f"{date:%Y-%m}")


def _remove_url(store_id: int, date: dt.date) -> str:
    return url_for("console_calendar.remove_day", store_id=store_id, day=date)


def _restore_url(store_id: int, date: dt.date, was: Special) -> str:
    hours = ",".join(f"{time_of_day(opens)}-{time_of_day(closes)}" for opens, closes in was.stretches)
    return url_for("console_calendar.restore_day", store_id=store_id, day=date, name=was.name, hours=hours)


def _read_stretches(written: str) -> tuple[tuple[int, int], ...]:
    """Read what `_restore_url` wrote.

    Raises:
        NotFound: somebody else wrote it.
    """
    try:
        times = [part.split("-") for part in written.split(",") if part]
        return tuple((_minute(begin), _minute(end)) for begin, end in times)
    except ValueError as error:
        raise NotFound from error


def _minute(written: str) -> int:
    hours, minutes = written.split(":")
    return int(hours) * 60 + int(minutes)
