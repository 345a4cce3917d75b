"""A person in the drawer: who it is, who speaks for them, their visits, what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.audit import services as audit
from engage.blueprints.console.people_words import described
from engage.blueprints.console.timeline import Names, told
from engage.blueprints.faces import moment
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.booking import queries as booking
from engage.booking.rules import STATES, TONES
from engage.clinic import queries as clinic
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.patients import queries
from engage.patients.rules import SEXES, SOURCES, WAYS

if TYPE_CHECKING:
    from engage.clinic.models import Store
    from engage.patients.models import Binding, Patient, TimelineEntry

bp = ConsoleBlueprint("console_people", __name__, url_prefix="/console/people")

VISITS = 12
ENTRIES = 30

Stores = Mapping[int, "Store"]


@bp.view("/<int:patient_id>", permission="people.view")
def show(staff: Staff, patient_id: int) -> ResponseReturnValue:
    """Show one person, in the drawer or on a page; the look is audited."""
    with unit_of_work() as session:
        person = queries.patient(session, patient_id)
        stores = {store.id: store for store in clinic.stores(session)}
        bindings = queries.bindings_of(session, patient_id)
        entries = queries.timeline(session, patient_id, limit=ENTRIES)
        scope = staff.reach("appointments.view")
        seen = {store_id: store for store_id, store in stores.items() if scope.holds(store_id)}
        names = Names(
            stores=seen,
            doctors={doctor.id: doctor.name for doctor in clinic.doctors(session)},
            fans=fans.names_of(session, _fan_ids(bindings, entries)),
            zone=staff.house.zone,
        )
        view = {
            "id": person.id,
            "url": url_for("console_people.show", patient_id=person.id),
            "name": person.name,
            "sub": described(person),
            "facts": _facts(person, stores, staff.house.zone),
            "bindings": [_binding(binding, names) for binding in bindings],
            "visits": _visits(session, person, seen),
            "entries": told(entries, names),
            "new_url": _new_url(staff, person),
            "messages_url": _messages_url(staff, person),
        }
        audit.record(
            session, "patient.viewed", by=staff.actor, subject=("patient", patient_id), now=clock.now()
        )
    return render_template("console/people/drawer.html", view=view)


def _facts(person: Patient, stores: Stores, zone: str) -> list[dict[str, str]]:
    store = stores.get(person.store_id or 0)
    return [
        {"label": gettext("Sex"), "value": gettext(SEXES[person.sex]) if person.sex else ""},
        {"label": gettext("Born"), "value": person.birth_date.isoformat() if person.birth_date else ""},
        {"label": gettext("Store"), "value": store.short_name if store else ""},
        {"label": gettext("Source"), "value": gettext(SOURCES[person.source])},
        {"label": gettext("Chart since"), "value": clock.local(person.created_at, zone).date().isoformat()},
        {"label": gettext("Memo"), "value": person.memo},
    ]


def _fan_ids(bindings: Sequence[Binding], entries: Sequence[TimelineEntry]) -> set[int]:
    told_of = {entry.fan_id for entry in entries if entry.fan_id is not None}
    return told_of | {binding.fan_id for binding in bindings}


def _binding(binding: Binding, names: Names) -> dict[str, str]:
    return {
        "name": names.fans.get(binding.fan_id) or gettext("A WeChat user"),
        "how": gettext(WAYS[binding.how]),
        "since": clock.local(binding.bound_at, names.zone).date().isoformat(),
    }


def _visits(session: Session, person: Patient, seen: Stores) -> Sequence[dict[str, Any]]:
    """Give the visits at stores the reader may see, latest first."""
    return [
        {
            "url": url_for("console_appointments.show", appointment_id=row.id),
            "when": moment(clock.local(row.starts_at, seen[row.store_id].zone)),
            "sub": " · ".join(filter(None, (row.item, row.doctor, row.store))),
            "tone": TONES[row.state],
            "state": gettext(STATES[row.state]),
        }
        for row in booking.of_patient(session, person.id, store_ids=frozenset(seen), limit=VISITS)
    ]


def _messages_url(staff: Staff, person: Patient) -> str:
    if not staff.may("notifications.view"):
        return ""
    return url_for("console_messages.index", person=person.id)


def _new_url(staff: Staff, person: Patient) -> str:
    if not staff.may("appointments.manage"):
        return ""
    return url_for("console_appointments.new", patient=person.id)
