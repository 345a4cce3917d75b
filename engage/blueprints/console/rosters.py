"""Rosters: who works where in a week, adding shifts for weeks at once, removing one (BK-1, BK-20)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from marshmallow import ValidationError

from engage.blueprints import faces
from engage.blueprints.addresses import read_day
from engage.blueprints.console import roster_week, toasts
from engage.blueprints.console.calendar.blueprint import after, left_outside
from engage.blueprints.console.calendar.doctors import AS_THE_STORE
from engage.blueprints.console.refused import sentences
from engage.blueprints.console.subnav import settings_pages
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.blueprints.opening import weekday_name
from engage.booking import queries as booking
from engage.booking.rules import LIVE
from engage.clinic import queries, services
from engage.clinic.errors import DoctorElsewhere
from engage.clinic.rules import GRID, Roster, moment
from engage.clinic.schemas import RosterIn
from engage.clinic.services import Added
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_, Invalid, NotFound

if TYPE_CHECKING:
    from engage.clinic.models import Doctor, Shift, Store

bp = ConsoleBlueprint("console_rosters", __name__, url_prefix="/console/rosters")

WEEK: Final = dt.timedelta(days=7)
STEP: Final = dt.timedelta(minutes=GRID)
# A store may lie in another zone than the chain.
MARGIN: Final = dt.timedelta(days=1)
DAY: Final = MARGIN
CLASHES_TOLD: Final = 5
SLOTS: Final = (10, 15, 20, 30, 40, 45, 60, 90, 120)
FIELDS = (
    "doctor",
    "store",
    "weekdays",
    "from_date",
    "to_date",
    "begin",
    "end",
    "break_from",
    "break_to",
    "slot_minutes",
    "per_slot",
)


@bp.view("", permission="clinic.manage")
def index(staff: Staff) -> ResponseReturnValue:
    """Show a week: of all doctors, or of the one chosen in the address."""
    now = clock.now()
    today = clock.local(now, staff.house.zone).date()
    monday = roster_week.monday_of(read_day(request.args.get("week", "")) or today)
    days = [monday + dt.timedelta(days=number) for number in range(7)]
    begin, _ = clock.day_bounds(days[0], staff.house.zone)
    _, end = clock.day_bounds(days[-1], staff.house.zone)
    with unit_of_work() as work:
        doctors, stores = queries.doctors(work), queries.stores(work)
        chosen = _chosen(request.args.get("doctor", ""), doctors)
        shifts = queries.shifts_at(
            work,
            doctor_ids=(chosen.id,) if chosen else [doctor.id for doctor in doctors],
            begin=begin - MARGIN,
            end=end + MARGIN,
        )
        calendars = queries.calendars(work, [store.id for store in stores], days[0] - DAY, days[-1] + DAY)
        booked = _booked(work, chosen, begin, end)
    placed = [one for one in roster_week.blocks(shifts, stores, calendars, now=now) if one.day in days]
    tints = dict.fromkeys((one.store, one.tint) for one in placed)
    view = {
        "doctor": {"id": chosen.id, "name": chosen.name, "title": chosen.title} if chosen else None,
        "doctors": _doctor_options(doctors, chosen, monday),
        "days": [{"date": day, "is_today": day == today, "is_over": day < today} for day in days],
        "title": _span(days[0], days[-1]),
        "older_url": _week_url(chosen, monday - WEEK),
        "newer_url": _week_url(chosen, monday + WEEK),
        "today_url": _week_url(chosen, None) if today not in days else "",
        "new_url": url_for("console_rosters.new", doctor=chosen.id if chosen else None, week=monday),
        "stores": [{"name": name, "tint": tint} for name, tint in tints],
        "agenda": [(day, [one for one in placed if one.day == day]) for day in days],
        "names": {one.id: one.name for one in doctors},
        "booked": _per_shift(shifts, booked),
        "rows": roster_week.grid(placed, days)
        if chosen
        else roster_week.overview(placed, [(one.id, one.name, one.title) for one in doctors], days),
        "is_empty": not placed,
        "subnav": settings_pages(staff),
    }
    return render_template("console/rosters/week.html", view=view)


@bp.view("/new", permission="clinic.manage")
def new(staff: Staff) -> ResponseReturnValue:
    """Show a form for four weeks of workdays, as most rosters are."""
    today = clock.local(clock.now(), staff.house.zone).date()
    monday = read_day(request.args.get("week", "")) or today
    first = max(monday, today)
    form = {
        "doctor": request.args.get("doctor", ""),
        "store": "",
        "weekdays": [str(day) for day in range(5)],
        "from_date": first.isoformat(),
        "to_date": (first + 4 * WEEK - dt.timedelta(days=1)).isoformat(),
        "begin": "09:00",
        "end": "18:00",
        "has_break": True,
        "break_from": "12:00",
        "break_to": "13:30",
        "slot_minutes": AS_THE_STORE,
        "per_slot": "1",
    }
    return _form(staff, form, {})


@bp.view("/new", permission="clinic.manage", methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Add the shifts that are missing."""
    try:
        with unit_of_work() as work:
            rosters = _rosters(work, staff)
            added = [services.add_shifts(work, one, by=staff.actor, now=clock.now()) for one in rosters]
    except ValidationError as error:
        return _form(staff, _typed(), sentences(error)), 422
    except Invalid as refusal:
        return _form(staff, _typed(), sentences(ValidationError(dict(refusal.fields)))), 422
    _tell(added)
    return redirect(
        url_for("console_rosters.index", doctor=rosters[0].doctor_id, week=rosters[0].from_date), 303
    )


@bp.view("/<int:shift_id>", permission="clinic.manage")
def show(staff: Staff, shift_id: int) -> ResponseReturnValue:
    """Show one shift, in the drawer or on a page."""
    now = clock.now()
    with unit_of_work() as work:
        shift = queries.shift(work, shift_id)
        doctor, store = queries.doctor(work, shift.doctor_id), queries.store(work, shift.store_id)
        date = shift.starts_at.date()
        calendars = queries.calendars(work, [store.id], date - DAY, date + 2 * DAY)
        booked = booking.between(
            work,
            begin=shift.starts_at,
            end=shift.ends_at,
            store_ids=frozenset({store.id}),
            doctor_id=doctor.id,
            states=LIVE,
        )
    (block,) = roster_week.blocks([shift], [store], calendars, now=now)
    view = {
        "id": shift.id,
        "block": block,
        "doctor": doctor.name,
        "store": store.name,
        "booked": len(booked),
        "may_remove": shift.ends_at > now and staff.reach("clinic.manage").holds(store.id),
        "week_url": url_for("console_rosters.index", doctor=doctor.id, week=block.day),
    }
    return render_template("console/rosters/shift.html", view=view)


@bp.view("/<int:shift_id>/remove", permission="clinic.manage", methods=("POST",))
def remove(staff: Staff, shift_id: int) -> ResponseReturnValue:
    """Remove a shift; appointments in it stay booked."""
    with unit_of_work() as work:
        shift = queries.shift(work, shift_id)
        staff.demand("clinic.manage", shift.store_id)
        zone = queries.store(work, shift.store_id).zone
        services.remove_shift(work, shift_id, by=staff.actor, now=clock.now())
        outside = left_outside(work, now=clock.now(), store_id=shift.store_id, doctor_id=shift.doctor_id)
    told = gettext("The shift is removed. Appointments in it stay booked.")
    if request.headers.get("HX-Target") == "drawer-content":
        toasts.say(told, _undo_url(shift, zone))
        return render_template("console/rosters/removed.html", outside=outside, doctor_id=shift.doctor_id)
    page = url_for(
        "console_rosters.index", doctor=shift.doctor_id, week=clock.local(shift.starts_at, zone).date()
    )
    return after(staff, told, outside, page, undo_url=_undo_url(shift, zone), doctor_id=shift.doctor_id)


@bp.view("/restore", permission="clinic.manage", methods=("POST",))
def restore(staff: Staff) -> ResponseReturnValue:
    """Take back the removal of a shift, which stands in the address as the form would hold it."""
    try:
        with unit_of_work() as work:
            roster = _rosters(work, staff)[0]
            result = services.add_shifts(work, roster, by=staff.actor, now=clock.now())
            zone = queries.store(work, roster.store_id).zone
            begin = moment(roster.from_date, roster.begin_minute, zone)
            shift = next(iter(queries.shifts(work, roster.doctor_id, begin=begin, end=begin + STEP)), None)
    except ValidationError as error:
        return _form(staff, _typed(), sentences(error)), 422
    if result.clashes:
        raise DoctorElsewhere
    if shift is None:
        raise NotFound
    return redirect(url_for("console_rosters.show", shift_id=shift.id), 303)


def _chosen(text: str, doctors: Sequence[Doctor]) -> Doctor | None:
    return next((doctor for doctor in doctors if str(doctor.id) == text), None)


def _booked(
    work: Session, doctor: Doctor | None, begin: dt.datetime, end: dt.datetime
) -> Sequence[dt.datetime]:
    """Give when a doctor's appointments of the week begin; of all doctors nobody asks."""
    if doctor is None:
        return ()
    rows = booking.between(
        work, begin=begin - MARGIN, end=end + MARGIN, store_ids=None, doctor_id=doctor.id, states=LIVE
    )
    return [row.starts_at for row in rows]


def _per_shift(shifts: Sequence[Shift], booked: Sequence[dt.datetime]) -> dict[int, int]:
    return {
        shift.id: sum(shift.starts_at <= at < shift.ends_at for at in booked) for shift in shifts if booked
    }


def _doctor_options(
    doctors: Sequence[Doctor], chosen: Doctor | None, monday: dt.date
) -> list[dict[str, Any]]:
    everybody = {
        "label": gettext("All doctors"),
        "url": _week_url(None, monday),
        "current": chosen is None,
    }
    return [
        everybody,
        *(
            {
                "label": doctor.name,
                "url": _week_url(doctor, monday),
                "current": chosen is not None and doctor.id == chosen.id,
            }
            for doctor in doctors
        ),
    ]


def _week_url(doctor: Doctor | None, monday: dt.date | None) -> str:
    return url_for("console_rosters.index", doctor=doctor.id if doctor else None, week=monday)


def _span(first: dt.date, last: dt.date) -> str:
    return f"{faces.day(first)} – {faces.day(last)}"


def _typed() -> dict[str, Any]:
    """Give what was typed, or stands in the address; a break that is not wanted is as it was at first."""
    names = set(FIELDS) - {"weekdays", "break_from", "break_to"}
    has_break = "has_break" in request.values
    return {name: request.values.get(name, "").strip() for name in names} | {
        "weekdays": request.values.getlist("weekdays"),
        "has_break": has_break,
        "break_from": request.values.get("break_from", "12:00") if has_break else "12:00",
        "break_to": request.values.get("break_to", "13:30") if has_break else "13:30",
    }


def _rosters(work: Session, staff: Staff) -> list[Roster]:
    """Read the form: one roster, or two around a break.

    Raises:
        ValidationError: with the sentences of every wrong field.
    """
    typed = _typed()
    as_the_store = typed["slot_minutes"] == AS_THE_STORE
    read: dict[str, Any] = RosterIn().load(typed | ({"slot_minutes": GRID} if as_the_store else {}))
    if read["doctor"] not in {doctor.id for doctor in queries.doctors(work)}:
        raise ValidationError({"doctor": [N_("Please choose a doctor from the list.")]})
    if read["store"] not in {store.id for store in _stores(work, staff)}:
        raise ValidationError({"store": [N_("Please choose a store from the list.")]})
    if as_the_store:
        read["slot_minutes"] = booking.terms(work, read["store"]).slot_minutes
    times = [(read["begin"], read["end"])]
    if read["has_break"]:
        times = [(read["begin"], read["break_from"]), (read["break_to"], read["end"])]
    return [
        Roster(
            doctor_id=read["doctor"],
            store_id=read["store"],
            weekdays=frozenset(read["weekdays"]),
            from_date=read["from_date"],
            to_date=read["to_date"],
            begin_minute=begin,
            end_minute=end,
            slot_minutes=read["slot_minutes"],
            per_slot=read["per_slot"],
        )
        for begin, end in times
    ]


def _tell(results: Sequence[Added]) -> None:
    """Say what was added, what was there, and on which days something stands in the way."""
    added, present = sum(one.added for one in results), sum(one.present for one in results)
    clashes = sorted({day for one in results for day in one.clashes})
    said = [ngettext("%(num)s shift added.", "%(num)s shifts added.", added)]
    if present:
        said.append(ngettext("%(num)s was there already.", "%(num)s were there already.", present))
    if clashes:
        days = gettext(", ").join(faces.day(day) for day in clashes[:CLASHES_TOLD])
        more = "…" if len(clashes) > CLASHES_TOLD else ""
        said.append(gettext("Another shift stands in the way on %(days)s.", days=days + more))
    flash(" ".join(said), "bad" if clashes else "good")


def _undo_url(shift: Shift, zone: str) -> str:
    """Give the address that adds a removed shift again."""
    begin, end = (clock.local(at, zone) for at in (shift.starts_at, shift.ends_at))
    return url_for(
        "console_rosters.restore",
        doctor=shift.doctor_id,
        store=shift.store_id,
        weekdays=begin.weekday(),
        from_date=begin.date(),
        to_date=begin.date(),
        begin=f"{begin:%H:%M}",
        end=f"{end:%H:%M}",
        slot_minutes=shift.slot_minutes,
        per_slot=shift.per_slot,
    )


def _stores(work: Session, staff: Staff) -> list[Store]:
    """Give the stores whose rosters the person keeps."""
    scope = staff.reach("clinic.manage")
    return [store for store in queries.stores(work) if scope.holds(store.id)]


def _form(staff: Staff, form: Mapping[str, Any], errors: Mapping[str, list[str]]) -> str:
    with unit_of_work() as work:
        doctors, stores = queries.doctors(work), _stores(work, staff)
    view = {
        "doctors": [{"value": str(doctor.id), "label": doctor.name} for doctor in doctors],
        "stores": [{"value": str(store.id), "label": store.short_name} for store in stores],
        "weekdays": [{"value": str(day), "label": weekday_name(day)} for day in range(7)],
        "slots": [
            {"value": AS_THE_STORE, "label": gettext("As the store")},
            *({"value": str(minutes), "label": str(minutes)} for minutes in SLOTS),
        ],
    }
    in_order = {name: errors[name] for name in FIELDS if name in errors}
    return render_template("console/rosters/form.html", view=view, form=form, errors=in_order)
