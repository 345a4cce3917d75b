"""Closures of stores, doctors and items: list, add, change, remove with undo (BK-1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError

from engage.blueprints import faces
from engage.blueprints.console.calendar.blueprint import after, bp, left_outside, store_tabs
from engage.blueprints.console.refused import sentences
from engage.blueprints.console.subnav import settings_pages
from engage.blueprints.guard import Staff
from engage.blueprints.opening import time_of_day, weekday_name
from engage.clinic import queries, services
from engage.clinic.errors import ClosureChanged
from engage.clinic.rules import DAY, moment
from engage.clinic.schemas import ClosureIn
from engage.clinic.services import ClosureDetails
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_, Invalid, NotFound

if TYPE_CHECKING:
    from engage.clinic.models import Closure, Doctor, Item, Store
    from engage.clinic.rules import Closing

FIELDS: Final = (
    "subject",
    "store",
    "doctor",
    "item",
    "how",
    "weekday",
    "from_day",
    "from_time",
    "to_day",
    "to_time",
    "reason",
)
AHEAD: Final = dt.timedelta(days=5 * 366)


@bp.view("/closures", permission="clinic.manage")
def closed(staff: Staff) -> ResponseReturnValue:
    """List closures that are not over, of all stores or of the one in the address."""
    now, scope = clock.now(), staff.reach("clinic.manage")
    with unit_of_work() as work:
        stores = queries.stores(work)
        asked = request.args.get("store")
        store = next((one for one in stores if str(one.id) == asked and scope.holds(one.id)), None)
        found = queries.closures_between(work, store.id if store else None, now, now + AHEAD)
        doctors, items = queries.doctors(work), queries.items(work)
    named = _Names(stores, doctors, items, staff.house.zone)
    view = {
        "rows": [
            named.row(
                one, may_change=scope.everywhere or (one.store_id is not None and scope.holds(one.store_id))
            )
            for one in found
            if one.store_id is None or scope.holds(one.store_id)
        ],
        "store": store.short_name if store else "",
        "tabs": store_tabs(store.id, "console_calendar.closed") if store else settings_pages(staff),
        "new_url": url_for("console_calendar.new_closure", store=store.id if store else None),
        "back_url": url_for("console_stores.index"),
    }
    return render_template("console/calendar/closures.html", view=view)


@bp.view("/closures/new", permission="clinic.manage")
def new_closure(staff: Staff) -> ResponseReturnValue:
    """Show a form for tomorrow morning."""
    today = clock.local(clock.now(), staff.house.zone).date()
    tomorrow = (today + dt.timedelta(days=1)).isoformat()
    form = {
        "store": request.args.get("store", ""),
        "doctor": request.args.get("doctor", ""),
        "item": "",
        "how": "once",
        "weekday": "0",
        "from_day": tomorrow,
        "from_time": "09:00",
        "to_day": tomorrow,
        "to_time": "12:00",
        "reason": "",
    }
    return _form(staff, form, {})


@bp.view("/closures/new", permission="clinic.manage", methods=("POST",))
def add_closure(staff: Staff) -> ResponseReturnValue:
    """Close a time."""
    now = clock.now()
    try:
        with unit_of_work() as work:
            details = _details(work, staff)
            services.add_closure(work, details, by=staff.actor, now=now)
            outside = _outside(work, details, now)
    except (ValidationError, Invalid) as error:
        return _form(staff, _typed(), _wrong(error)), 422
    return _after(staff, gettext("The time is closed."), details, outside)


@bp.view("/closures/<int:closure_id>", permission="clinic.manage")
def edit_closure(staff: Staff, closure_id: int) -> ResponseReturnValue:
    """Show the form filled with what is closed."""
    with unit_of_work() as work:
        closure = queries.closure(work, closure_id)
        staff.demand("clinic.manage", closure.store_id)
        zone = _zone(work, staff, closure.store_id)
    return _form(staff, _stored(closure, zone), {}, closure_id=closure_id, version=closure.version)


@bp.view("/closures/<int:closure_id>", permission="clinic.manage", methods=("POST",))
def update_closure(staff: Staff, closure_id: int) -> ResponseReturnValue:
    """Change a closure."""
    now = clock.now()
    version = request.form.get("version", "")
    seen = int(version) if version.isdecimal() and len(version) < 9 else 0
    try:
        with unit_of_work() as work:
            staff.demand("clinic.manage", queries.closure(work, closure_id).store_id)
            details = _details(work, staff)
            services.update_closure(work, closure_id, seen, details, by=staff.actor, now=now)
            outside = _outside(work, details, now)
    except (ValidationError, Invalid) as error:
        return _form(staff, _typed(), _wrong(error), closure_id=closure_id, version=seen), 422
    except ClosureChanged as refusal:
        wrong = {"subject": [gettext(refusal.title)]}
        return _form(staff, _typed(), wrong, closure_id=closure_id, version=seen), 409
    return _after(staff, gettext("Saved."), details, outside)


@bp.view("/closures/<int:closure_id>/remove", permission="clinic.manage", methods=("POST",))
def remove_closure(staff: Staff, closure_id: int) -> ResponseReturnValue:
    """Open the time again."""
    with unit_of_work() as work:
        staff.demand("clinic.manage", queries.closure(work, closure_id).store_id)
        was = services.remove_closure(work, closure_id, by=staff.actor, now=clock.now())
    told: dict[str, Any] = (
        {name: _written(value) for name, value in asdict(was).items() if value is not None} if was else {}
    )
    undo = url_for("console_calendar.restore_closure", **told) if told else ""
    page = url_for("console_calendar.closed", store=was.store_id if was else None)
    return after(staff, gettext("The time is open again."), 0, page, undo_url=undo)


@bp.view("/closures/restore", permission="clinic.manage", methods=("POST",))
def restore_closure(staff: Staff) -> ResponseReturnValue:
    """Take back a removal; the address holds what was closed."""
    now = clock.now()
    try:
        read: dict[str, Any] = ClosureIn.Was().load(request.args.to_dict())
    except ValidationError as error:
        raise NotFound from error
    details = ClosureDetails(**read)
    staff.demand("clinic.manage", details.store_id)
    with unit_of_work() as work:
        services.add_closure(work, details, by=staff.actor, now=now)
        outside = _outside(work, details, now)
    return _after(staff, gettext("The time is closed."), details, outside)


class _Names:
    """Writes closures as the list shows them."""

    def __init__(
        self, stores: Sequence[Store], doctors: Sequence[Doctor], items: Sequence[Item], zone: str
    ) -> None:
        self.stores = {store.id: store for store in stores}
        self.doctors = {doctor.id: doctor.name for doctor in doctors}
        self.items = {item.id: item.name for item in items}
        self.zone = zone

    def row(self, one: Closing, *, may_change: bool) -> dict[str, Any]:
        store = self.stores.get(one.store_id) if one.store_id else None
        subjects = [
            self.doctors.get(one.doctor_id, "") if one.doctor_id else "",
            self.items.get(one.item_id, "") if one.item_id else "",
        ]
        what = [name for name in subjects if name] or [gettext("The whole store")]
        return {
            "id": one.id,
            "subject": " · ".join(what),
            "store": store.short_name if store else gettext("All stores"),
            "when": self.when(one, store.zone if store else self.zone),
            "is_weekly": one.weekday is not None,
            "reason": one.reason,
            "may_change": may_change,
        }

    @staticmethod
    def when(one: Closing, zone: str) -> str:
        if one.starts_at and one.ends_at:
            begin, end = clock.local(one.starts_at, zone), clock.local(one.ends_at, zone)
            if begin.time() == end.time() == dt.time():
                first, last = begin.date(), end.date() - dt.timedelta(days=1)
                return faces.day(first) if first == last else f"{faces.day(first)} – {faces.day(last)}"
            if begin.date() == end.date():
                return f"{faces.day(begin.date())} {begin:%H:%M}–{end:%H:%M}"
            return f"{faces.moment(begin)} – {faces.moment(end)}"
        weekday = weekday_name(one.weekday or 0, width="wide")
        times = f"{time_of_day(one.from_minute or 0)}–{time_of_day(one.to_minute or 0)}"
        if one.to_date:
            return str(
                gettext(
                    "every %(weekday)s %(times)s, until %(day)s",
                    weekday=weekday,
                    times=times,
                    day=faces.day(one.to_date),
                )
            )
        return str(gettext("every %(weekday)s %(times)s", weekday=weekday, times=times))


def _details(work: Session, staff: Staff) -> ClosureDetails:
    """Read the form.

    Raises:
        ValidationError: with the sentences of every wrong field.
    """
    read: dict[str, Any] = ClosureIn().load(_typed())
    scope = staff.reach("clinic.manage")
    store_id = read["store"]
    if store_id is None and not scope.everywhere:
        raise ValidationError({"store": [N_("Please choose a store from the list.")]})
    if store_id is not None and not scope.holds(store_id):
        raise ValidationError({"store": [N_("Please choose a store from the list.")]})
    subject = {"store_id": store_id, "doctor_id": read["doctor"], "item_id": read["item"]}
    if read["how"] == "weekly":
        return ClosureDetails(
            **subject,
            weekday=read["weekday"],
            from_minute=read["from_time"],
            to_minute=read["to_time"] or DAY,
            from_date=read["from_day"],
            to_date=read["to_day"],
            reason=read["reason"],
        )
    zone = _zone(work, staff, store_id)
    return ClosureDetails(
        **subject,
        starts_at=moment(read["from_day"], read["from_time"], zone),
        ends_at=moment(read["to_day"] or read["from_day"], read["to_time"], zone),
        reason=read["reason"],
    )


def _written(value: object) -> object:
    return value.isoformat() if isinstance(value, dt.date) else value


def _typed() -> dict[str, Any]:
    return {name: request.form.get(name, "").strip() for name in FIELDS if name != "subject"}


def _stored(closure: Closure, zone: str) -> dict[str, str]:
    form = {
        "store": str(closure.store_id or ""),
        "doctor": str(closure.doctor_id or ""),
        "item": str(closure.item_id or ""),
        "reason": closure.reason,
        "weekday": str(closure.weekday or 0),
    }
    if closure.starts_at and closure.ends_at:
        begin, end = clock.local(closure.starts_at, zone), clock.local(closure.ends_at, zone)
        # Midnight is the end of the day before.
        last = (end - dt.timedelta(minutes=1)).date()
        return form | {
            "how": "once",
            "from_day": begin.date().isoformat(),
            "from_time": f"{begin:%H:%M}",
            "to_day": last.isoformat(),
            "to_time": f"{end:%H:%M}",
        }
    return form | {
        "how": "weekly",
        "from_day": closure.from_date.isoformat() if closure.from_date else "",
        "from_time": time_of_day(closure.from_minute or 0),
        "to_day": closure.to_date.isoformat() if closure.to_date else "",
        "to_time": time_of_day((closure.to_minute or 0) % DAY),
    }


def _zone(work: Session, staff: Staff, store_id: int | None) -> str:
    return staff.house.zone if store_id is None else queries.store(work, store_id).zone


def _outside(work: Session, details: ClosureDetails, now: dt.datetime) -> int:
    return left_outside(work, now=now, store_id=details.store_id, doctor_id=details.doctor_id)


def _after(staff: Staff, told: str, details: ClosureDetails, outside: int) -> ResponseReturnValue:
    page = url_for("console_calendar.closed", store=details.store_id)
    return after(staff, told, outside, page, store_id=details.store_id, doctor_id=details.doctor_id)


def _wrong(error: ValidationError | Invalid) -> dict[str, list[str]]:
    if isinstance(error, Invalid):
        return sentences(ValidationError(dict(error.fields)))
    return sentences(error)


def _form(
    staff: Staff,
    form: Mapping[str, Any],
    errors: Mapping[str, list[str]],
    *,
    closure_id: int | None = None,
    version: int = 0,
) -> str:
    scope = staff.reach("clinic.manage")
    with unit_of_work() as work:
        stores = [store for store in queries.stores(work) if scope.holds(store.id)]
        doctors, items = queries.doctors(work), queries.items(work)
    everywhere = [{"value": "", "label": gettext("All stores")}] if scope.everywhere else []
    view = {
        "id": closure_id,
        "version": version,
        "stores": [*everywhere, *({"value": str(one.id), "label": one.short_name} for one in stores)],
        "doctors": _options(gettext("Not one doctor alone"), doctors),
        "item_choices": _options(gettext("Not one item alone"), items),
        "how": [
            {"value": "once", "label": gettext("Once")},
            {"value": "weekly", "label": gettext("Every week")},
        ],
        "weekdays": [{"value": str(day), "label": weekday_name(day, width="wide")} for day in range(7)],
        "back_url": url_for("console_calendar.closed"),
    }
    in_order = {name: errors[name] for name in FIELDS if name in errors}
    return render_template("console/calendar/closure.html", view=view, form=form, errors=in_order)


def _options(nobody: str, ones: Sequence[Doctor | Item]) -> list[dict[str, str]]:
    return [{"value": "", "label": nobody}, *({"value": str(one.id), "label": one.name} for one in ones)]
