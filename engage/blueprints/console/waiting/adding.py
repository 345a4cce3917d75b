"""Putting somebody on the waiting list who calls or stands at the desk."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from babel.dates import get_day_names
from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext
from marshmallow import ValidationError

from engage.blueprints.console.people_words import described
from engage.blueprints.console.refused import sentences
from engage.blueprints.console.waiting.blueprint import PERMISSION, bp
from engage.blueprints.guard import Staff
from engage.blueprints.waiting_words import DAYS, EVERY_DAY, PARTS, DeskWishIn
from engage.booking import services
from engage.booking.errors import NotOffered, TooManyWishes, WindowOver
from engage.booking.services import Wanted
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import DomainError
from engage.patients import queries as patients
from engage.patients.errors import ChartErased, ChartMoved

FOUND: Final = 6
LONGEST_WORDS: Final = 40
FIELD_OF: Final[Mapping[type[DomainError], str]] = {
    WindowOver: "to_date",
    TooManyWishes: "patient",
    NotOffered: "item_id",
    ChartMoved: "patient",
    ChartErased: "patient",
}


@bp.view("/new", permission=PERMISSION)
def new(staff: Staff) -> ResponseReturnValue:
    """Show the form, for the patient that the address names."""
    return _form(staff, {"patient": request.args.get("patient", "")}, {})


@bp.view("/patients", permission=PERMISSION, methods=("POST",))
def find(_staff: Staff) -> ResponseReturnValue:
    """Show whom the words fit. Posted: names stand in no address."""
    words = request.form.get("q", "").replace("\0", "").strip()[:LONGEST_WORDS]
    with unit_of_work() as session:
        found = patients.search(session, words, limit=FOUND)
    view = {"people": [_choice(person) for person in found], "asked": bool(words)}
    return render_template("console/waiting/people.html", view=view, form={}, errors={})


@bp.view("/new", permission=PERMISSION, methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Put somebody on the list; who has WeChat is asked there, others are called."""
    form: dict[str, Any] = {name: value.replace("\0", "").strip() for name, value in request.form.items()}
    form["weekdays"] = request.form.getlist("weekdays")
    try:
        wished = DeskWishIn().load(form)
        with unit_of_work() as session:
            staff.demand(PERMISSION, wished["store_id"])
            made = services.add_wish(session, _wanted(session, wished), by=staff.actor, now=clock.now()).id
    except ValidationError as error:
        return _form(staff, form, sentences(error)), 422
    except tuple(FIELD_OF) as refusal:
        wrong = {FIELD_OF[type(refusal)]: [gettext(refusal.title) % refusal.data]}
        return _form(staff, form, wrong), 422
    flash(gettext("On the waiting list."), "good")
    return redirect(url_for("console_waiting.show", wish_id=made), 303)


def _wanted(session: Session, wished: Mapping[str, Any]) -> Wanted:
    asked = patients.fans_of(session, wished["patient"])
    return Wanted(
        key=wished["key"],
        patient_id=patients.patient(session, wished["patient"]).id,
        store_id=wished["store_id"],
        doctor_id=wished["doctor_id"],
        window=wished["window"],
        item_id=wished["item_id"],
        fan_id=asked[0] if asked else None,
    )


def _form(staff: Staff, form: Mapping[str, Any], errors: Mapping[str, Sequence[str]]) -> str:
    now = clock.now()
    reach = staff.reach(PERMISSION)
    with unit_of_work() as session:
        stores = [store for store in clinic.stores(session) if reach.holds(store.id)]
        doctors, items = clinic.doctors(session), clinic.items(session)
        chosen = _chosen(session, str(form.get("patient", "")))
    today = clock.local(now, stores[0].zone).date() if stores else now.date()
    filled = {
        "key": str(uuid.uuid4()),
        "store_id": str(staff.store_id or (stores[0].id if stores else "")),
        "part": "any",
        "weekdays": [str(number) for number in EVERY_DAY],
        "from_date": today.isoformat(),
        "to_date": (today + dt.timedelta(days=DAYS)).isoformat(),
        **form,
    }
    anybody, nothing = ("", gettext("Whoever is free")), ("", gettext("Not said"))
    view = {
        "stores": _options([(str(store.id), store.short_name) for store in stores]),
        "doctors": _options([anybody, *((str(doctor.id), doctor.name) for doctor in doctors)]),
        "items": _options([nothing, *((str(item.id), item.name) for item in items)]),
        "parts": _options([(name, gettext(words)) for name, (_begin, _end, words) in PARTS.items()]),
        "weekdays": [
            (str(number), name)
            for number, name in sorted(get_day_names("abbreviated", locale=get_locale()).items())
        ],
        "people": chosen,
        "asked": False,
        "find_url": url_for("console_waiting.find"),
        "submit_url": url_for("console_waiting.create"),
        "list_url": url_for("console_waiting.index"),
        "url": request.path,
    }
    return render_template("console/waiting/form.html", view=view, form=filled, errors=errors)


def _chosen(session: Session, number: str) -> list[dict[str, str]]:
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        return []
    found = patients.patients(session, {int(number)})
    return [_choice(person) for person in found.values()]


def _options(pairs: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"value": value, "label": label} for value, label in pairs]


def _choice(person: Any) -> dict[str, str]:
    return {"value": str(person.id), "name": person.name, "sub": described(person)}
