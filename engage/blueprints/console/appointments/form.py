"""The form of an appointment at the desk: what is typed, what it means, what it offers."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from flask import request
from flask_babel import gettext
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from engage.blueprints.addresses import read_day
from engage.blueprints.console.appointments import slots
from engage.blueprints.console.appointments.asked import read_id
from engage.blueprints.console.appointments.slots import ANY
from engage.blueprints.guard import Staff
from engage.booking import queries
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session
from engage.kernel.errors import N_

if TYPE_CHECKING:
    from engage.clinic.models import Store

WHO: Final = ("q", "patient", "name", "phone")
WHERE: Final = ("store", "doctor", "day")
FIELDS: Final = ("key", *WHO, *WHERE, "item", "complaint", "note", "rebook")
NEW: Final = "new"
CHOOSE_TIME: Final = N_("Please choose a time.")


def typed() -> dict[str, str]:
    """Give the form as it was sent; a time offered in place of the wished one counts as chosen."""
    form = {name: request.form.get(name, "").replace("\0", "").strip() for name in FIELDS}
    form["starts_at"] = request.form.get("starts_at", "")
    parts = request.form.get("instead", "").split("|")
    if len(parts) == 3:
        form["store"], form["doctor"], form["starts_at"] = parts
    return form


class DetailsIn(Schema):
    """What is told of a visit, and of somebody who is new."""

    class Meta:
        """What is read against the clinic's own lists is left out here."""

        unknown = EXCLUDE

    key = fields.UUID(required=True)
    complaint = fields.String(validate=validate.Length(max=200, error=N_("At most 200 characters.")))
    note = fields.String(validate=validate.Length(max=500, error=N_("At most 500 characters.")))


class NewPatientIn(Schema):
    """Somebody without a chart."""

    class Meta:
        """The rest of the form is read elsewhere."""

        unknown = EXCLUDE

    name = fields.String(
        required=True,
        validate=[
            validate.Length(min=1, error=N_("Please fill this in.")),
            validate.Length(max=20, error=N_("At most 20 characters.")),
            validate.Predicate("isprintable", error=N_("Please leave out special characters.")),
        ],
    )
    phone = fields.String(required=True, validate=validate.Length(min=1, error=N_("Please fill this in.")))


@dataclass(frozen=True, slots=True)
class Place:
    """Where, with whom and when; None for the doctor is anybody."""

    store_id: int
    doctor_id: int | None
    starts_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Wish:
    """An appointment as somebody wants it; `patient_id` None is the new person of the form."""

    key: uuid.UUID
    patient_id: int | None
    place: Place
    item_id: int | None
    complaint: str
    note: str


def read_wish(session: Session, staff: Staff, form: Mapping[str, str]) -> Wish:
    """Read the whole form.

    Raises:
        ValidationError: with the sentences of every wrong field.
    """
    wrong: dict[str, list[str]] = {}
    details: dict[str, Any] = {}
    for schema in (DetailsIn(), *([NewPatientIn()] if form["patient"] == NEW else [])):
        try:
            details |= schema.load(form)
        except ValidationError as error:
            wrong |= error.messages_dict
    if form["patient"] != NEW and not _is_id(form["patient"]):
        wrong["patient"] = [N_("Find the patient, or choose “New patient”.")]
    place = None
    try:
        place = read_place(session, staff, form)
    except ValidationError as error:
        wrong |= error.messages_dict
    item_id = None
    if place is not None and form["item"]:
        offered = clinic.items(session, store_id=place.store_id, enabled_only=True)
        item_id = read_id(form["item"], [item.id for item in offered])
        if item_id is None:
            wrong["item"] = [N_("The store does not offer this item. Please choose another.")]
    if wrong or place is None:
        raise ValidationError(wrong)
    return Wish(
        key=details["key"],
        patient_id=None if form["patient"] == NEW else int(form["patient"]),
        place=place,
        item_id=item_id,
        complaint=details["complaint"],
        note=details["note"],
    )


def read_place(session: Session, staff: Staff, form: Mapping[str, str]) -> Place:
    """Read store, doctor and time.

    Raises:
        ValidationError: no time is chosen, or the store or the doctor is none of those offered.
    """
    store_id = read_id(form["store"], [store.id for store in stores_of(session, staff)])
    doctor_id = read_id(form["doctor"], [doctor.id for doctor in clinic.doctors(session)])
    starts_at = slots.read(form["starts_at"])
    if store_id is None or starts_at is None or (doctor_id is None and form["doctor"] != ANY):
        raise ValidationError({"starts_at": [CHOOSE_TIME]})
    return Place(store_id, doctor_id, starts_at)


def stores_of(session: Session, staff: Staff) -> Sequence[Store]:
    """Give the stores at which the person may book."""
    scope = staff.reach("appointments.manage")
    return [store for store in clinic.stores(session) if scope.holds(store.id)]


def wished(session: Session, staff: Staff, asked: Mapping[str, str], *, now: dt.datetime) -> dict[str, str]:
    """Give store, doctor, day and time of a form that opens, by what an address asks for."""
    stores = stores_of(session, staff)
    known = [store.id for store in stores]
    store_id = read_id(asked.get("store", ""), known) or (
        staff.store_id if staff.store_id in known else next(iter(known), None)
    )
    zone = next((store.zone for store in stores if store.id == store_id), staff.house.zone)
    starts_at = slots.read(asked.get("at", "") or asked.get("starts_at", ""))
    today = clock.local(now, zone).date()
    day = clock.local(starts_at, zone).date() if starts_at else read_day(asked.get("day", "")) or today
    return {
        "store": str(store_id or ""),
        "doctor": asked.get("doctor", ""),
        "day": day.isoformat(),
        "starts_at": slots.written(starts_at) if starts_at else "",
    }


def place_choices(
    session: Session, staff: Staff, form: dict[str, str], *, now: dt.datetime
) -> dict[str, Any]:
    """Give the stores, doctors and times to choose from; what the form has not chosen is chosen here."""
    stores = {store.id: store for store in stores_of(session, staff)}
    store_id = read_id(form["store"], stores) or next(iter(stores), None)
    form["store"] = str(store_id or "")
    view: dict[str, Any] = {
        "stores": [{"value": str(store.id), "label": store.short_name} for store in stores.values()],
        "zone": stores[store_id].zone if store_id else staff.house.zone,
        "doctors": [],
        "times": [],
        "no_times": gettext("Please choose a store and a day."),
    }
    day = read_day(form["day"])
    if store_id is None or day is None:
        return view
    store = stores[store_id]
    begin, end = clock.day_bounds(day, store.zone)
    view["doctors"] = _doctors(session, store, begin=begin, end=end)
    if form["doctor"] not in {choice["value"] for choice in view["doctors"]}:
        form["doctor"] = next((choice["value"] for choice in view["doctors"]), "")
    doctor_id = None if form["doctor"] == ANY else int(form["doctor"] or 0)
    found = queries.open_slots(session, store_id, doctor_id, begin=begin, end=end, now=now)
    view["times"] = slots.parts(found, store.zone)
    view["no_times"] = gettext("Nothing is open then. Choose another day or doctor.")
    return view


def item_choices(session: Session, store: str) -> list[dict[str, Any]]:
    """Give the items that may be booked, below their categories."""
    offered = clinic.items(session, store_id=int(store) if store else None, enabled_only=True)
    names = {category.id: category.name for category in clinic.categories(session)}
    return [
        {
            "label": names[category_id],
            "items": [
                {
                    "value": str(item.id),
                    "label": gettext("%(item)s, %(n)s min", item=item.name, n=item.minutes),
                }
                for item in items
            ],
        }
        for category_id, items in groupby(offered, key=lambda item: item.category_id)
    ]


def _doctors(session: Session, store: Store, *, begin: dt.datetime, end: dt.datetime) -> list[dict[str, str]]:
    """Give the doctors, those on duty at the store that day first, then the store's places without one."""
    shifts = clinic.shifts_at(session, store_id=store.id, begin=begin, end=end)
    on_duty = {shift.doctor_id for shift in shifts}
    doctors = sorted(clinic.doctors(session), key=lambda doctor: doctor.id not in on_duty)
    away = gettext("not on duty")
    choices = [
        {
            "value": str(doctor.id),
            "label": doctor.name if doctor.id in on_duty else f"{doctor.name} · {away}",
        }
        for doctor in doctors
    ]
    if store.any_per_hour:
        choices.append({"value": ANY, "label": gettext("No doctor named")})
    return choices


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < len(text) <= 18
