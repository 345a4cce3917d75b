"""Booking on the phone (BK-6): a day, a time, who comes; then confirmed, or the nearest alternatives."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from babel.dates import format_date
from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from engage.blueprints.faces import day, moment
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.booking import queries, services
from engage.booking.errors import KeyReused, NotOpen, SlotFull
from engage.booking.rules import STATES, TONES, Slot
from engage.booking.services import Book
from engage.clinic import queries as clinic
from engage.kernel import clock, ids, settings
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_, NotFound

if TYPE_CHECKING:
    from engage.clinic.models import Doctor

bp = PatientBlueprint("patient_booking", __name__, url_prefix="/p/<account>")


def _a_time_of_ours(at: dt.datetime) -> None:
    """Refuse years whose neighbours no calendar holds."""
    if not 1970 < at.year < 9999:
        raise ValidationError(N_("Choose a time."))


class BookIn(Schema):
    """The booking form."""

    class Meta:
        """Fields that are not ours, such as the form token, are left out."""

        unknown = EXCLUDE

    doctor_id = fields.Integer(required=True)
    starts_at = fields.AwareDateTime(
        required=True,
        error_messages={"required": N_("Choose a time."), "invalid": N_("Choose a time.")},
        validate=_a_time_of_ours,
    )
    key = fields.UUID(required=True)
    name = fields.String(
        required=True,
        validate=[
            validate.Length(min=1, error=N_("Please write the name of who is coming.")),
            validate.Length(max=20, error=N_("At most 20 characters.")),
        ],
    )


@bp.view("/booking")
def choose(visitor: Visitor) -> ResponseReturnValue:
    """Show a doctor's days and times."""
    return _choose(visitor, form={}, errors={})


@bp.view("/booking", methods=("POST",))
def book(visitor: Visitor) -> ResponseReturnValue:
    """Book, and show the appointment; a lost race shows what is nearest."""
    form = {key: value.strip() for key, value in request.form.items()}
    try:
        wished = BookIn().load(form)
    except ValidationError as error:
        return _choose(visitor, form=form, errors=_translated(error)), 422
    wish = Book(
        key=wished["key"],
        fan_id=visitor.fan_id,
        doctor_id=wished["doctor_id"],
        starts_at=wished["starts_at"].astimezone(dt.UTC),
        patient_name=wished["name"],
    )
    try:
        with unit_of_work() as session:
            appointment = services.book(session, wish, now=clock.now())
    except SlotFull as refusal:
        return _taken(visitor, wish, refusal.data["nearest"]), 409
    except KeyReused:
        # Somebody went back and books for another person: the same form, under a key of its own.
        return _choose(
            visitor,
            form=form | {"key": ""},
            errors={"form": [gettext("Please tap once more to book this too.")]},
        ), 409
    except NotOpen as refusal:
        return _choose(visitor, form=form, errors={"form": [gettext(refusal.title)]}), 409
    return redirect(
        url_for("patient_booking.show", account=visitor.account_slug, appointment_id=appointment.id), 303
    )


@bp.view("/appointments/<int:appointment_id>")
def show(visitor: Visitor, appointment_id: int) -> ResponseReturnValue:
    """Show one of the fan's own appointments."""
    with unit_of_work() as session:
        row = queries.appointment(session, appointment_id, fan_id=visitor.fan_id)
        store = clinic.store(session, row.store_id)
        doctor = clinic.doctor(session, row.doctor_id)
    view = {
        "again_url": url_for("patient_booking.choose", account=visitor.account_slug),
        "appointment": {
            "moment": moment(clock.local(row.starts_at, store.zone)),
            "name": row.patient_name,
            "doctor": doctor.name,
            "store": store.short_name,
            "address": store.address,
            "state": {"tone": TONES[row.state], "label": gettext(STATES[row.state])},
        },
    }
    return render_template("patient/booking/done.html", view=view)


def _choose(visitor: Visitor, *, form: dict[str, str], errors: dict[str, list[str]]) -> str:
    now, zone = clock.now(), visitor.house.zone
    today = clock.local(now, zone).date()
    with unit_of_work() as session:
        doctor = _doctor(session)
        days = settings.get(session, services.HORIZON_DAYS)
        begin, _ = clock.day_bounds(today, zone)
        _, end = clock.day_bounds(today + dt.timedelta(days=days), zone)
        slots = queries.slots(session, doctor.id, begin=begin, end=end, now=now)
        stores = {store.id: store for store in clinic.stores(session)}
    by_day: dict[dt.date, list[Slot]] = {today + dt.timedelta(days=n): [] for n in range(days + 1)}
    for slot in slots:
        by_day[clock.local(slot.starts_at, zone).date()].append(slot)
    chosen = _chosen_day(by_day)
    shown = by_day[chosen]
    store = stores[shown[0].store_id] if shown else None
    view = {
        "doctor": {
            "id": doctor.id,
            "name": doctor.name,
            "title": doctor.title,
            "store": store.short_name if store else "",
            "portrait_url": "",
        },
        "days": [_day(visitor, doctor.id, date, found, date == chosen) for date, found in by_day.items()],
        "slots": [_slot(slot, zone) for slot in shown],
        "submit_url": url_for("patient_booking.book", account=visitor.account_slug),
        "key": form.get("key") or str(ids.new_key()),
    }
    return render_template("patient/booking/choose.html", view=view, form=form, errors=errors)


def _doctor(session: Session) -> Doctor:
    wished = request.values.get("doctor_id", type=int) or request.args.get("doctor", type=int)
    if wished:
        return clinic.doctor(session, wished)
    doctors = clinic.doctors(session)
    if not doctors:
        raise NotFound
    return doctors[0]


def _chosen_day(by_day: dict[dt.date, list[Slot]]) -> dt.date:
    """Give the day asked for, else the first with a free place, else today."""
    asked = request.args.get("day", "")
    for date, slots in by_day.items():
        if date.isoformat() == asked or (not asked and any(slot.free for slot in slots)):
            return date
    return next(iter(by_day))


def _day(
    visitor: Visitor,
    doctor_id: int,
    date: dt.date,
    slots: list[Slot],
    current: bool,  # noqa: FBT001
) -> dict[str, Any]:
    label, weekday = _day_parts(date)
    return {
        "date": date.isoformat(),
        "label": label,
        "weekday": weekday,
        "url": url_for(
            "patient_booking.choose", account=visitor.account_slug, doctor=doctor_id, day=date.isoformat()
        ),
        "current": current,
        "free": sum(slot.free for slot in slots),
    }


def _day_parts(date: dt.date) -> tuple[str, str]:
    parts = day(date).split(" ", 1)
    if str(get_locale()).startswith("zh"):
        return parts[0], parts[1]
    return format_date(date, "d MMM", locale=get_locale()), parts[0]


def _slot(slot: Slot, zone: str) -> dict[str, Any]:
    local = clock.local(slot.starts_at, zone)
    return {
        "starts_at": local.isoformat(),
        "label": f"{local:%H:%M}",
        "moment": moment(local),
        "free": slot.free,
        "taken": slot.free == 0,
    }


def _taken(visitor: Visitor, wish: Book, nearest: list[Slot]) -> str:
    zone = visitor.house.zone
    with unit_of_work() as session:
        doctor = clinic.doctor(session, wish.doctor_id)
    view = {
        "moment": moment(clock.local(wish.starts_at, zone)),
        "doctor": {"id": doctor.id, "name": doctor.name},
        "alternatives": [_slot(slot, zone) | {"key": str(ids.new_key())} for slot in nearest],
        "submit_url": url_for("patient_booking.book", account=visitor.account_slug),
        "choose_url": url_for("patient_booking.choose", account=visitor.account_slug),
    }
    return render_template("patient/booking/taken.html", view=view, form={"name": wish.patient_name})


def _translated(error: ValidationError) -> dict[str, list[str]]:
    """Give the sentences of each field; those of hidden fields stand above the form."""
    found: dict[str, list[str]] = {}
    for name, sentences in _sentences(error).items():
        found.setdefault(name if name in {"starts_at", "name"} else "form", []).extend(
            map(gettext, sentences)
        )
    return found


def _sentences(error: ValidationError) -> dict[str, list[str]]:
    return error.messages if isinstance(error.messages, dict) else {"form": error.messages}
