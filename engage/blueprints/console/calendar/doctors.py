"""A doctor's month: each day's periods with most patients per slot; click, edit, copy (BK-3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from engage.blueprints import faces
from engage.blueprints.addresses import read_day
from engage.blueprints.console.calendar import former_days
from engage.blueprints.console.calendar.blueprint import after, bp, language, left_outside
from engage.blueprints.console.calendar.days import closing_times, month_days, month_name, next_month
from engage.blueprints.guard import Staff
from engage.blueprints.opening import time_of_day, weekday_name
from engage.booking import queries as booking
from engage.booking.rules.terms import SLOT_MINUTES
from engage.clinic import queries, services
from engage.clinic.errors import DayChanged, DoctorElsewhere
from engage.clinic.rules import DAY, Period
from engage.clinic.schemas import minute_of
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_, Invalid, NotFound

if TYPE_CHECKING:
    from engage.clinic.models import Doctor, Store
    from engage.clinic.rules import Calendar, Closing

WEEK: Final = 7
PERIODS: Final = 4
COPY_DAYS_AT_MOST: Final = 366
SLOTS: Final = (10, 15, 20, 30, 40, 45, 60, 90, 120)
PERIOD_FIELDS: Final = ("begin", "end", "store", "slot", "per_slot")
# A new shift's slots are as long as the store's booking rules say, unless another length is chosen.
AS_THE_STORE: Final = ""
Typed = Mapping[str, str]


@bp.view("/doctors/<int:doctor_id>/month", permission="clinic.manage")
def doctor_month(staff: Staff, doctor_id: int) -> ResponseReturnValue:
    """Show a doctor's month, from Monday to Sunday."""
    return _month(staff, doctor_id, {})


@bp.view("/doctors/<int:doctor_id>/days/<day>", permission="clinic.manage")
def doctor_day(staff: Staff, doctor_id: int, day: str) -> ResponseReturnValue:
    """Show the form of one day, filled with its periods."""
    date = _date(day)
    with unit_of_work() as work:
        periods = services.periods_of(work, doctor_id, date, date).get(date, ())
    return _day(staff, doctor_id, date, [_as_typed(period) for period in periods], {})


@bp.view("/doctors/<int:doctor_id>/days/<day>", permission="clinic.manage", methods=("POST",))
def set_doctor_day(staff: Staff, doctor_id: int, day: str) -> ResponseReturnValue:
    """Let these periods hold on the day, at the stores that the person keeps."""
    date, now = _date(day), clock.now()
    typed = _typed()
    with unit_of_work() as work:
        stores = queries.stores(work)
        mine, names = _mine(staff, stores), {store.id: store.short_name for store in stores}
        terms = booking.terms_of(work, mine)
    periods, wrong = _read(typed, {store_id: one.slot_minutes for store_id, one in terms.items()})
    if wrong:
        return _day(staff, doctor_id, date, typed, wrong), 422
    try:
        with unit_of_work() as work:
            undo = _set(work, staff, doctor_id, {date: periods}, mine, now=now, seen=_seen())
            outside = left_outside(work, now=now, doctor_id=doctor_id)
    except DayChanged as refusal:
        told = {"period-0": [gettext(refusal.title), _as_it_is(refusal.data["periods"], names)]}
        return _day(staff, doctor_id, date, typed, told), 409
    except Invalid as refusal:
        told = {name: [gettext(text) for text in texts] for name, texts in refusal.fields.items()}
        return _day(staff, doctor_id, date, typed, told), 422
    except DoctorElsewhere as refusal:
        return _day(staff, doctor_id, date, typed, {"period-0": [gettext(refusal.title)]}), 409
    page = url_for("console_calendar.doctor_month", doctor_id=doctor_id, month=f"{date:%Y-%m}")
    return after(staff, gettext("Saved."), outside, page, undo_url=undo, doctor_id=doctor_id)


@bp.view("/doctors/<int:doctor_id>/copy", permission="clinic.manage", methods=("POST",))
def copy_days(staff: Staff, doctor_id: int) -> ResponseReturnValue:
    """Copy a day, or its week, onto the days from one date to another."""
    now = clock.now()
    source, first, last = (read_day(request.form.get(name, "")) for name in ("source", "first", "last"))
    weekdays = {int(day) for day in request.form.getlist("weekdays") if day in set("0123456")}
    whole_week = request.form.get("what") == "week"
    if source is None or first is None or last is None or last < first:
        return _month(staff, doctor_id, {"last": [gettext("The last day comes before the first.")]}), 422
    if (last - first).days >= COPY_DAYS_AT_MOST:
        return _month(staff, doctor_id, {"last": [gettext("At most a year at once.")]}), 422
    onto = [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
    monday = source - dt.timedelta(days=source.weekday())
    from_days = {date: monday + dt.timedelta(days=date.weekday()) if whole_week else source for date in onto}
    chosen = [date for date in onto if whole_week or date.weekday() in weekdays]
    if not chosen:
        return _month(staff, doctor_id, {"weekdays": [gettext("Choose at least one weekday.")]}), 422
    try:
        with unit_of_work() as work:
            mine = _mine(staff, queries.stores(work))
            there = services.periods_of(work, doctor_id, monday, monday + dt.timedelta(days=6))
            days = {
                date: [one for one in there.get(from_days[date], ()) if one.store_id in mine]
                for date in chosen
            }
            undo = _set(work, staff, doctor_id, days, mine, now=now)
            outside = left_outside(work, now=now, doctor_id=doctor_id)
    except DoctorElsewhere as refusal:
        return _month(staff, doctor_id, {"source": [gettext(refusal.title)]}), 409
    told = ngettext("Copied onto %(num)s day.", "Copied onto %(num)s days.", len(chosen))
    page = url_for("console_calendar.doctor_month", doctor_id=doctor_id, month=f"{first:%Y-%m}")
    return after(staff, told, outside, page, undo_url=undo, doctor_id=doctor_id)


@bp.view("/doctors/<int:doctor_id>/restore", permission="clinic.manage", methods=("POST",))
def restore_days(staff: Staff, doctor_id: int) -> ResponseReturnValue:
    """Take back a change of days; the address holds what stood on them."""
    now = clock.now()
    with unit_of_work() as work:
        queries.doctor(work, doctor_id)
        days = former_days.read(request.args.get("were", ""))
        mine = _mine(staff, queries.stores(work))
        services.set_days(work, doctor_id, days, store_ids=mine, by=staff.actor, now=now)
        outside = left_outside(work, now=now, doctor_id=doctor_id)
    page = url_for("console_calendar.doctor_month", doctor_id=doctor_id, month=f"{min(days):%Y-%m}")
    return after(staff, gettext("As it was before."), outside, page, doctor_id=doctor_id)


def _set(
    work: Session,
    staff: Staff,
    doctor_id: int,
    days: Mapping[dt.date, Sequence[Period]],
    mine: frozenset[int],
    *,
    now: dt.datetime,
    seen: Mapping[dt.date, Sequence[Period]] | None = None,
) -> str:
    """Let periods hold on some days; gives the address that takes it back, if there is anything to."""
    were = services.periods_of(work, doctor_id, min(days), max(days))
    changed = services.set_days(work, doctor_id, days, store_ids=mine, by=staff.actor, now=now, seen=seen)
    written = former_days.write(
        {date: [one for one in were.get(date, ()) if one.store_id in mine] for date in days}
    )
    if not changed or not written:
        return ""
    return url_for("console_calendar.restore_days", doctor_id=doctor_id, were=written)


def _month(staff: Staff, doctor_id: int, errors: Mapping[str, list[str]]) -> str:
    now = clock.now()
    zone = staff.house.zone
    today = clock.local(now, zone).date()
    first = (read_day(f"{request.args.get('month', '')}-01") or today).replace(day=1)
    shown = month_days(first)
    begin, _ = clock.day_bounds(shown[0], zone)
    _, end = clock.day_bounds(shown[-1], zone)
    with unit_of_work() as work:
        doctor, stores = queries.doctor(work, doctor_id), queries.stores(work)
        periods = services.periods_of(work, doctor_id, shown[0], shown[-1])
        calendars = queries.calendars(
            work, [store.id for store in stores], shown[0], shown[-1], language=language()
        )
        closings = queries.closures_between(work, None, begin, end)
    names = {store.id: store.short_name for store in stores}
    stops = [one for one in closings if one.item_id is None and one.doctor_id in (None, doctor_id)]
    cells = [
        _cell(doctor, date, periods.get(date, ()), names, calendars, stops) | _marks(date, first, today)
        for date in shown
    ]
    view = {
        "id": doctor_id,
        "name": doctor.name,
        "title": month_name(first),
        "older_url": url_for(
            ".doctor_month", doctor_id=doctor_id, month=f"{first - dt.timedelta(days=1):%Y-%m}"
        ),
        "newer_url": url_for(".doctor_month", doctor_id=doctor_id, month=f"{next_month(first):%Y-%m}"),
        "today_url": url_for(".doctor_month", doctor_id=doctor_id) if first != today.replace(day=1) else "",
        "week_url": url_for("console_rosters.index", doctor=doctor_id),
        "weekdays": [weekday_name(number) for number in range(WEEK)],
        "weeks": [cells[at : at + WEEK] for at in range(0, len(cells), WEEK)],
        "choices": [{"value": str(day), "label": weekday_name(day)} for day in range(WEEK)],
        "whats": [
            {"value": "day", "label": gettext("The day")},
            {"value": "week", "label": gettext("Its week")},
        ],
    }
    following = max(today, first)
    form = {
        "what": request.form.get("what", "day"),
        "source": request.form.get("source", following.isoformat()),
        "first": request.form.get("first", (following + dt.timedelta(days=1)).isoformat()),
        "last": request.form.get("last", (following + dt.timedelta(days=28)).isoformat()),
        "weekdays": request.form.getlist("weekdays") or [str(day) for day in range(5)],
    }
    return render_template("console/calendar/doctor_month.html", view=view, form=form, errors=errors)


def _cell(
    doctor: Doctor,
    date: dt.date,
    periods: Sequence[Period],
    names: Mapping[int, str],
    calendars: Mapping[int, Calendar],
    closings: Sequence[Closing],
) -> dict[str, Any]:
    shut, reasons = [], []
    for store_id in dict.fromkeys(period.store_id for period in periods):
        calendar = calendars[store_id]
        day = calendar.day(date)
        if not day.stretches:
            shut.append(day.name or gettext("Store closed"))
        begin, end = clock.day_bounds(date, calendar.zone)
        reasons += [
            f"{one.reason or gettext('Closure')} {closing_times(one, begin, end, calendar.zone)}"
            for one in closings
            if one.stops(store_id, doctor.id) and one.intervals(begin, end, calendar.zone)
        ]
    return {
        "date": date,
        "url": url_for("console_calendar.doctor_day", doctor_id=doctor.id, day=date),
        "is_shut": not periods,
        "periods": [
            {
                "times": f"{time_of_day(one.begin_minute)}–{time_of_day(one.end_minute)}",
                "store": names[one.store_id],
                "most": one.per_slot * ((one.end_minute - one.begin_minute) // one.slot_minutes),
            }
            for one in periods
        ],
        "warnings": [*dict.fromkeys(shut), *dict.fromkeys(reasons)],
    }


def _marks(date: dt.date, first: dt.date, today: dt.date) -> dict[str, bool]:
    return {"is_other": date.month != first.month, "is_today": date == today, "is_over": date < today}


def _day(
    staff: Staff,
    doctor_id: int,
    date: dt.date,
    typed: Sequence[Typed],
    errors: Mapping[str, list[str]],
) -> str:
    with unit_of_work() as work:
        doctor, stores = queries.doctor(work, doctor_id), queries.stores(work)
        stands = services.periods_of(work, doctor_id, date, date).get(date, ())
    mine = _mine(staff, stores)
    own = {str(store_id) for store_id in mine}
    shown = [one for one in typed if errors or one["store"] in own]
    rows = [*shown, *([_blank(stores, mine)] * max(0, PERIODS - len(shown)))]
    view = {
        "id": doctor_id,
        "name": doctor.name,
        "date": date,
        "seen": former_days.write({date: [one for one in stands if one.store_id in mine]}),
        "periods": rows,
        "stores": [{"value": str(one.id), "label": one.short_name} for one in stores if one.id in mine],
        "slots": _slots(typed),
        "back_url": url_for("console_calendar.doctor_month", doctor_id=doctor_id, month=f"{date:%Y-%m}"),
        "heading": gettext("%(name)s, %(day)s", name=doctor.name, day=faces.day(date)),
    }
    return render_template("console/calendar/doctor_day.html", view=view, errors=errors)


def _seen() -> Mapping[dt.date, Sequence[Period]] | None:
    """Give what stood on the day when its form was drawn."""
    written = request.form.get("seen", "")
    return former_days.read(written) if written else None


def _as_it_is(periods: Sequence[Period], names: Mapping[int, str]) -> str:
    """Say which periods stand on a day by now."""
    told = ", ".join(
        f"{time_of_day(one.begin_minute)}–{time_of_day(one.end_minute)} {names[one.store_id]}"
        for one in periods
    )
    now: str = gettext("Now it is: %(periods)s.", periods=told or gettext("nothing"))
    return now


def _slots(typed: Sequence[Typed]) -> list[dict[str, str]]:
    """Give the lengths to choose from: the store's own, and numbers with those that are there already."""
    there = {int(row["slot"]) for row in typed if row["slot"].isdecimal() and len(row["slot"]) < 4}
    numbers = [{"value": str(number), "label": str(number)} for number in sorted({*SLOTS, *there})]
    return [{"value": AS_THE_STORE, "label": gettext("As the store")}, *numbers]


def _blank(stores: Sequence[Store], mine: frozenset[int]) -> Typed:
    store = next((str(one.id) for one in stores if one.id in mine), "")
    return {"begin": "", "end": "", "store": store, "slot": AS_THE_STORE, "per_slot": "1"}


def _as_typed(period: Period) -> Typed:
    return {
        "begin": time_of_day(period.begin_minute),
        "end": time_of_day(period.end_minute % DAY),
        "store": str(period.store_id),
        "slot": str(period.slot_minutes),
        "per_slot": str(period.per_slot),
    }


def _typed() -> list[Typed]:
    """Give the rows of the form in which a beginning or an end stands."""
    columns = {name: request.form.getlist(name) for name in PERIOD_FIELDS}
    rows = [
        dict(zip(PERIOD_FIELDS, (text.strip() for text in row), strict=True))
        for row in zip(*columns.values(), strict=False)
    ]
    return [row for row in rows if row["begin"] or row["end"]]


def _read(typed: Sequence[Typed], slots: Mapping[int, int]) -> tuple[list[Period], dict[str, list[str]]]:
    """Read the rows; `slots` is how long those of each store are where none is chosen."""
    periods: list[Period] = []
    wrong: dict[str, list[str]] = {}
    for number, row in enumerate(typed):
        begin, end = minute_of(row["begin"]), minute_of(row["end"], ends=True)
        numbers = [row["store"], row["slot"] or "0", row["per_slot"]]
        if begin is None or end is None:
            wrong[f"period-{number}"] = [gettext(N_("Please give a time such as 09:30."))]
        elif not all(text.isascii() and text.isdecimal() and len(text) < 10 for text in numbers):
            wrong[f"period-{number}"] = [gettext(N_("Please give a whole number."))]
        else:
            store_id, slot, per_slot = map(int, numbers)
            length = slots.get(store_id, SLOT_MINUTES) if row["slot"] == AS_THE_STORE else slot
            periods.append(Period(begin, end, store_id, length, per_slot))
    return periods, wrong


def _mine(staff: Staff, stores: Sequence[Store]) -> frozenset[int]:
    """Give the stores whose rosters the person keeps."""
    scope = staff.reach("clinic.manage")
    return frozenset(store.id for store in stores if scope.holds(store.id))


def _date(written: str) -> dt.date:
    date = read_day(written)
    if date is None:
        raise NotFound
    return date
