"""A new appointment, for somebody with a chart or somebody new."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError

from engage.blueprints.console.appointments import slots
from engage.blueprints.console.appointments.blueprint import bp
from engage.blueprints.console.appointments.form import (
    NEW,
    Wish,
    item_choices,
    place_choices,
    read_wish,
    typed,
    wished,
)
from engage.blueprints.console.people_words import described
from engage.blueprints.console.refused import sentences
from engage.blueprints.guard import Staff
from engage.booking import queries, services
from engage.booking.errors import KeyReused, NotOpen, NotPossible, PatientBusy, SlotFull
from engage.booking.services import Book
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_, DomainError
from engage.patients import queries as patients
from engage.patients import services as charts
from engage.patients.errors import ChartErased, ChartMoved, WrongName, WrongPhone
from engage.patients.services import NewChart

if TYPE_CHECKING:
    from engage.patients.models import Patient

FOUND = 6
LONGEST_WORDS = 40

KNOWN = N_("This person has a chart already. It is chosen now; look at it and book again.")

# Which field a refusal belongs to.
FIELD_OF: Mapping[type[DomainError], str] = {
    SlotFull: "starts_at",
    NotOpen: "starts_at",
    NotPossible: "starts_at",
    PatientBusy: "starts_at",
    WrongName: "name",
    WrongPhone: "phone",
}


class _HasChart(Exception):
    """The name and phone of somebody new are those of a chart."""

    def __init__(self, patient_id: int) -> None:
        super().__init__(patient_id)
        self.patient_id = patient_id


@bp.view("/new", permission="appointments.manage")
def new(staff: Staff) -> ResponseReturnValue:
    """Show the form, filled with what the address asks for."""
    asked = {name: value.replace("\0", "") for name, value in request.args.items()}
    with unit_of_work() as session:
        form = wished(session, staff, asked, now=clock.now())
    chosen = {name: asked.get(name, "") for name in ("patient", "rebook")}
    return _form(staff, form | {"key": str(uuid.uuid4()), **chosen}, {})


@bp.view("/patients", permission="appointments.manage", methods=("POST",))
def find(_staff: Staff) -> ResponseReturnValue:
    """Show whom the words fit, or somebody new with these words. Posted: names stand in no address."""
    form = typed()
    words = form["q"][:LONGEST_WORDS]
    with unit_of_work() as session:
        found = patients.search(session, words, limit=FOUND)
    if words and not found:
        form = _somebody_new(form, words)
    view = {"people": [_choice(person) for person in found], "asked": bool(words)}
    return render_template("console/appointments/patients.html", view=view, form=form, errors={})


@bp.view("/times", permission="appointments.manage")
def times(staff: Staff) -> ResponseReturnValue:
    """Show the times of a store, a doctor and a day."""
    with unit_of_work() as session:
        form = wished(session, staff, request.args, now=clock.now())
        form["day"] = request.args.get("day", form["day"])
        view = place_choices(session, staff, form, now=clock.now())
    return render_template("console/appointments/when.html", view=view, form=form, errors={})


@bp.view("/new", permission="appointments.manage", methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Book; a refusal keeps what was typed and says what to do."""
    form = typed()
    try:
        with unit_of_work() as session:
            made = book_typed(session, staff, form)
            appointment_id = made.id
    except ValidationError as error:
        return _form(staff, form, sentences(error)), 422
    except _HasChart as refusal:
        form["patient"] = str(refusal.patient_id)
        return _form(staff, form, {"patient": [gettext(KNOWN)]}), 422
    except KeyReused as refusal:
        appointment_id = _made_meanwhile(staff, form)
        if appointment_id is None:
            return _form(staff, form, {"starts_at": [gettext(refusal.title)]}), 422
    except (ChartMoved, ChartErased) as refusal:
        form |= {"patient": "", "q": str(refusal.data.get("number", ""))}  # shows the chart that stayed
        return _form(staff, form, {"patient": [gettext(refusal.title) % refusal.data]}), 422
    except (SlotFull, NotOpen, NotPossible, PatientBusy, WrongName, WrongPhone) as refusal:
        wrong = {FIELD_OF[type(refusal)]: [gettext(refusal.title)]}
        return _form(staff, form, wrong, nearest=refusal.data.get("nearest", ())), 422
    flash(gettext("Booked."), "good")
    return redirect(url_for("console_appointments.show", appointment_id=appointment_id), 303)


def book_typed(session: Session, staff: Staff, form: Mapping[str, str]) -> Any:
    """Book what a form says; the same key gives what it made before."""
    wish = read_wish(session, staff, form)
    staff.demand("appointments.manage", wish.place.store_id)
    made = queries.by_key(session, wish.key)
    if made is not None and _is_repeat(made, wish):
        return made
    known = patients.patient(session, wish.patient_id).id if wish.patient_id else None
    patient_id = known or _new_patient(session, staff, form, wish)
    book = Book(
        key=wish.key,
        patient_id=patient_id,
        store_id=wish.place.store_id,
        doctor_id=wish.place.doctor_id,
        starts_at=wish.place.starts_at,
        item_id=wish.item_id,
        complaint=wish.complaint,
        note=wish.note,
        channel="desk",
        rebooked_from_id=read_rebooked(form),
    )
    return services.book(session, book, by=staff.actor, now=clock.now())


def read_rebooked(form: Mapping[str, str]) -> int | None:
    """Give the missed visit in whose place this one is booked, if it is."""
    asked = form.get("rebook", "")
    return int(asked) if asked.isascii() and asked.isdecimal() and len(asked) <= 18 else None


def _made_meanwhile(staff: Staff, form: Mapping[str, str]) -> int | None:
    """Give what the other of two presses at once made; its chart for somebody new is not this one's."""
    with unit_of_work() as session:
        wish = read_wish(session, staff, form)
        made = queries.by_key(session, wish.key)
        return made.id if made is not None and _is_repeat(made, wish) else None


def _is_repeat(made: Any, wish: Wish) -> bool:
    """Whether an appointment is what this form made before: a second press, or a reload."""
    same_time = (made.store_id, made.doctor_id, made.starts_at) == (
        wish.place.store_id,
        wish.place.doctor_id,
        wish.place.starts_at,
    )
    return same_time and wish.patient_id in {None, made.patient_id}


def _new_patient(session: Session, staff: Staff, form: Mapping[str, str], wish: Wish) -> int:
    """Make a chart, unless there is one of this name and phone.

    Raises:
        WrongName, WrongPhone: no chart can be made of it.
        _HasChart: the person is known.
    """
    name = " ".join(form["name"].lower().split())
    for known in patients.of_phone(session, patients.phone_of(session, form["phone"])):
        if known.name.lower() == name:
            raise _HasChart(known.id)
    new_chart = NewChart(form["name"], form["phone"], source="desk", store_id=wish.place.store_id)
    return charts.create_chart(session, new_chart, by=staff.actor, now=clock.now()).id


def _form(
    staff: Staff, form: dict[str, str], errors: Mapping[str, Sequence[str]], *, nearest: Sequence[Any] = ()
) -> str:
    with unit_of_work() as session:
        people = _people(session, form)
        view = place_choices(session, staff, form, now=clock.now())
        board: dict[str, Any] = {
            "view": "board",
            **{name: form[name] for name in ("store", "day", "patient")},
        }
        board_url = url_for("console_appointments.index", **board)
        view |= {
            "board_url": board_url if form["patient"].isdecimal() else "",
            "offered": item_choices(session, form["store"]),
            "complaints": [complaint.text for complaint in clinic.complaints(session)],
        }
    view |= {
        "people": [_choice(person) for person in people],
        "asked": bool(form.get("q")),
        "nearest": slots.instead(nearest, view["zone"]),
    }
    return render_template("console/appointments/form.html", view=view, form=form, errors=errors)


def _people(session: Session, form: dict[str, str]) -> list[Patient]:
    """Give whom the form shows: who is chosen, and whom its words find."""
    found = patients.search(session, form.get("q", ""), limit=FOUND) if form.get("q") else ()
    chosen = form["patient"]
    if chosen == NEW or chosen in {str(person.id) for person in found}:
        return list(found)
    known = patients.patients(session, [int(chosen)]) if chosen.isdecimal() and len(chosen) <= 18 else {}
    return [*known.values(), *found]


def _choice(person: Patient) -> dict[str, str]:
    return {"value": str(person.id), "name": person.name, "sub": described(person)}


def _somebody_new(form: dict[str, str], words: str) -> dict[str, str]:
    """Choose somebody new, with what was looked for as the name or the phone."""
    field = "name" if any(char.isalpha() for char in words) else "phone"
    if not form[field] or words.startswith(form[field]):
        form[field] = words
    return form | {"patient": NEW}
