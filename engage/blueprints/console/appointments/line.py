"""A booking typed as one line: shown as it was read, asked about where it is unclear, booked by Enter."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError

from engage.blueprints.console.appointments import slots
from engage.blueprints.console.appointments.asked import read_id
from engage.blueprints.console.appointments.blueprint import bp
from engage.blueprints.console.appointments.form import stores_of
from engage.blueprints.console.appointments.new import FOUND, book_typed
from engage.blueprints.console.appointments.slots import ANY
from engage.blueprints.console.people_words import called, described
from engage.blueprints.faces import clock_time, moment
from engage.blueprints.guard import Staff
from engage.booking import queries
from engage.booking.errors import KeyReused, NotOpen, PatientBusy, SlotFull
from engage.booking.queries import Column
from engage.booking.rules import Slot
from engage.booking.rules.line import LONGEST, Line
from engage.booking.rules.line import read as read_line
from engage.clinic import queries as clinic
from engage.clinic.rules import moment as moment_of
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import NotFound
from engage.patients import queries as patients
from engage.patients.errors import ChartErased, ChartMoved

if TYPE_CHECKING:
    from engage.clinic.models import Store
    from engage.patients.models import Patient

FIELDS: Final = ("q", "read", "key", "store", "carried", "patient", "item", "instead", "do")
OFFERED: Final = 6


@dataclass(frozen=True, slots=True)
class Meant:
    """What a line means at a store; where it may mean several, the choice is still to be made."""

    store: Store
    line: Line
    people: Sequence[Patient]
    patient: Patient | None
    columns: Sequence[Column]
    slot: Slot | None
    offered: Sequence[Slot]
    items: Mapping[int, str]
    item_id: int | None
    names: Mapping[int, str]

    @property
    def ready(self) -> bool:
        """Whether it means one thing."""
        return self.patient is not None and self.slot is not None and len(self.items) < 2


@bp.view("/line", permission="appointments.manage", methods=("POST",))
def typed_line(staff: Staff) -> ResponseReturnValue:
    """Show how a line is read; Enter books one that was shown so before and leaves nothing to ask."""
    form = {name: request.form.get(name, "").replace("\0", "").strip() for name in FIELDS}
    form["q"] = form["q"][:LONGEST]
    if form["read"] != form["q"]:  # what was chosen belongs to a line that was shown
        form |= {"patient": "", "item": "", "instead": "", "do": ""}
    with unit_of_work() as session:
        meant = _meant(session, staff, form, now=clock.now())
    if form["do"] != "book" or not meant.ready:
        return _shown(form, meant)
    try:
        with unit_of_work() as session:
            made = book_typed(session, staff, _as_form(form, meant))
            appointment_id = made.id
    except ValidationError:
        return _shown(form, meant, refused=gettext(NotOpen.title))
    except (SlotFull, NotOpen, PatientBusy, KeyReused, ChartMoved, ChartErased) as refusal:
        with unit_of_work() as session:
            meant = _meant(session, staff, form, now=clock.now())
        return _shown(form, meant, refused=gettext(refusal.title) % refusal.data)
    return _shown({}, meant, made_url=url_for("console_appointments.show", appointment_id=appointment_id))


def _meant(session: Session, staff: Staff, form: Mapping[str, str], *, now: dt.datetime) -> Meant:
    """Read a line against the store's people, doctors, items and free times.

    Raises:
        NotFound: the person may book at no store.
    """
    stores = {store.id: store for store in stores_of(session, staff)}
    store = stores.get(read_id(form["store"], stores) or 0) or next(iter(stores.values()), None)
    if store is None:
        raise NotFound(store=form["store"])
    names = {doctor.id: doctor.name for doctor in clinic.doctors(session)}
    items = {item.id: item.name for item in clinic.items(session, store_id=store.id, enabled_only=True)}
    local = clock.local(now, store.zone)
    line = read_line(form["q"], now=local, doctors=names, items=items, is_known=bool(form["carried"]))
    people = _people(session, line.who, form["carried"])
    columns = _columns(session, store, line, now=now)
    slot, offered = _slot(store, line, columns, form)
    meant_items = {item_id: items[item_id] for item_id in line.items}
    item_id = read_id(form["item"], meant_items)
    if item_id:
        meant_items = {item_id: items[item_id]}
    return Meant(
        store=store,
        line=line,
        people=people,
        patient=_chosen(people, form["patient"]),
        columns=columns,
        slot=slot,
        offered=offered,
        items=meant_items,
        item_id=next(iter(meant_items), None),
        names=names,
    )


def _people(session: Session, who: str, carried: str) -> Sequence[Patient]:
    """Give whom the words may mean; without any, whom the page was opened for."""
    if who:
        return patients.search(session, who, limit=FOUND)
    is_id = carried.isascii() and carried.isdecimal() and len(carried) <= 18
    return list(patients.patients(session, [int(carried)]).values()) if is_id else ()


def _chosen(people: Sequence[Patient], choice: str) -> Patient | None:
    """Give the one who is meant: chosen, or the only one."""
    by_id = {str(person.id): person for person in people}
    return by_id.get(choice) or (people[0] if len(people) == 1 else None)


def _columns(session: Session, store: Store, line: Line, *, now: dt.datetime) -> Sequence[Column]:
    """Give the day of the doctors who may be meant: those named, or all who are there."""
    if line.day is None:
        return ()
    columns = queries.board(session, line.day, store.id, now=now).columns
    if line.anybody:
        return [column for column in columns if column.doctor_id is None]
    return [column for column in columns if not line.doctors or column.doctor_id in line.doctors]


def _slot(
    store: Store, line: Line, columns: Sequence[Column], form: Mapping[str, str]
) -> tuple[Slot | None, Sequence[Slot]]:
    """Give the free time that is meant, or else those to choose from."""
    free = [slot for column in columns for slot in column.slots if slot.free]
    if taken := _instead(free, form["instead"]):
        return taken, ()
    if line.day is None or line.minute is None:
        return None, sorted(free, key=lambda slot: slot.starts_at)[:OFFERED]
    wished = moment_of(line.day, line.minute, store.zone)
    then = [slot for slot in free if slot.starts_at == wished]
    if len(then) == 1:
        return then[0], ()
    nearest = sorted(free, key=lambda slot: abs(slot.starts_at - wished))[:OFFERED]
    return None, then or sorted(nearest, key=lambda slot: slot.starts_at)


def _instead(free: Sequence[Slot], choice: str) -> Slot | None:
    doctor, _, at = choice.partition("|")
    return next(
        (
            slot
            for slot in free
            if (str(slot.doctor_id or ANY), slots.written(slot.starts_at)) == (doctor, at)
        ),
        None,
    )


def _as_form(form: Mapping[str, str], meant: Meant) -> dict[str, str]:
    """Give the line as the form of a new appointment."""
    slot, patient = meant.slot, meant.patient
    if slot is None or patient is None:
        raise ValidationError({})
    return {
        "key": form["key"],
        "q": "",
        "patient": str(patient.id),
        "name": "",
        "phone": "",
        "store": str(slot.store_id),
        "doctor": str(slot.doctor_id or ANY),
        "day": "",
        "starts_at": slots.written(slot.starts_at),
        "item": str(meant.item_id or ""),
        "complaint": meant.line.unread,
        "note": "",
    }


def _shown(form: Mapping[str, str], meant: Meant, *, refused: str = "", made_url: str = "") -> str:
    view = {
        "key": str(uuid.uuid4()) if made_url or refused else form["key"],
        "read": form.get("q", ""),
        "refused": refused,
        "made_url": made_url,
        "ready": meant.ready and not refused,
        "asks": bool(form.get("q")),
        "patient": _person(meant.patient) if meant.patient else None,
        "people": [_person(person) for person in meant.people] if meant.patient is None else [],
        "who": meant.line.who,
        "when": _when(meant),
        "doctor": _doctor(meant, meant.slot.doctor_id) if meant.slot else "",
        "question": _question(meant),
        "offered": [_offer(meant, slot) for slot in meant.offered],
        "chosen": {name: form[name] for name in ("patient", "item", "instead") if form.get(name)},
        "items": [{"value": str(item_id), "label": name} for item_id, name in meant.items.items()],
        "complaint": meant.line.unread,
        "new_url": _new_url(meant),
    }
    return render_template("console/appointments/line_read.html", view=view)


def _when(meant: Meant) -> str:
    if meant.slot:
        return moment(clock.local(meant.slot.starts_at, meant.store.zone))
    if meant.line.day is None or meant.line.minute is None:
        return ""
    return moment(
        clock.local(moment_of(meant.line.day, meant.line.minute, meant.store.zone), meant.store.zone)
    )


def _question(meant: Meant) -> str:
    """Say what is to be chosen about the time, if something is."""
    if meant.slot:
        return ""
    if meant.line.day is None:
        return str(gettext("When? Add a day or a time."))
    if not meant.offered:
        named = ", ".join(meant.names[number] for number in meant.line.doctors)
        if named:
            return str(gettext("%(doctor)s has no free time on this day.", doctor=named))
        return str(gettext("Nothing is free on this day."))
    if meant.line.minute is None:
        return str(gettext("When? Free on this day:"))
    wished = moment_of(meant.line.day, meant.line.minute, meant.store.zone)
    if all(slot.starts_at == wished for slot in meant.offered):
        return str(gettext("With whom?"))
    return str(gettext("Not free then. Free nearby:"))


def _offer(meant: Meant, slot: Slot) -> dict[str, str]:
    time = clock_time(clock.local(slot.starts_at, meant.store.zone))
    return {
        "value": f"{slot.doctor_id or ANY}|{slots.written(slot.starts_at)}",
        "label": f"{time} {_doctor(meant, slot.doctor_id)}",
    }


def _doctor(meant: Meant, doctor_id: int | None) -> str:
    return meant.names[doctor_id] if doctor_id else str(gettext("No doctor named"))


def _person(person: Patient) -> dict[str, str]:
    return {"value": str(person.id), "name": called(person), "sub": described(person)}


def _new_url(meant: Meant) -> str:
    """Give the form for somebody without a chart, at the time that was read."""
    if not meant.line.who or meant.people:
        return ""
    there: dict[str, Any] = {"store": meant.store.id}
    if meant.slot:
        there |= {"doctor": meant.slot.doctor_id or ANY, "at": slots.written(meant.slot.starts_at)}
    return url_for("console_appointments.new", **there)
