"""A person in the drawer: who it is, who speaks for them, their visits, what happened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.audit import services as audit
from engage.blueprints.console.people.blueprint import bp
from engage.blueprints.console.people.parts import parts
from engage.blueprints.console.people_words import called
from engage.blueprints.console.timeline import Names, told
from engage.blueprints.faces import day, moment
from engage.blueprints.guard import Staff
from engage.booking import queries as booking
from engage.booking.rules import STATES, TONES
from engage.clinic import queries as clinic
from engage.fans import queries as fans
from engage.kernel import clock, paging
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import Malformed
from engage.patients import queries, rules, services
from engage.patients.queries import Before
from engage.patients.rules import REGIONS, SEXES, SOURCES
from engage.qrcodes import queries as codes
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from engage.clinic.models import Store
    from engage.patients.models import Patient, PatientFact

VISITS: Final = 12
ENTRIES: Final = 30

Stores = Mapping[int, "Store"]


@bp.view("/<int:patient_id>", permission="people.view")
def show(staff: Staff, patient_id: int) -> ResponseReturnValue:
    """Show one person, in the drawer or on a page; the look is audited. A merged chart leads to its other."""
    with unit_of_work() as session:
        person = queries.patient(session, patient_id)
        if person.merged_into_id is not None:
            return redirect(
                url_for("console_people.show", patient_id=person.merged_into_id, was=person.number), 303
            )
        stores = {store.id: store for store in clinic.stores(session)}
        seen = _seen(staff, stores)
        view = {
            "id": person.id,
            "url": url_for("console_people.show", patient_id=person.id),
            "name": called(person),
            "sub": gettext("No. %(number)s", number=person.number),
            "was": _number(request.args.get("was", "")),
            "is_erased": person.erased_at is not None,
            "phone": _masked(staff, person),
            "facts": _facts(session, person, stores, staff.house.zone),
            "visits": _visits(session, person, seen),
            "timeline": _timeline(session, staff, person.id, seen, None),
            "parts": parts(session, staff, person),
            "edit_url": _url(staff, person, "people.manage", "console_people.edit", patient_id=person.id),
            "new_url": _url(
                staff, person, "appointments.manage", "console_appointments.new", patient=person.id
            ),
            "messages_url": _messages_url(staff, person),
        }
        audit.record(
            session, "patient.viewed", by=staff.actor, subject=("patient", patient_id), now=clock.now()
        )
    return render_template("console/people/drawer.html", view=view)


@bp.view("/<int:patient_id>/timeline", permission="people.view")
def older(staff: Staff, patient_id: int) -> ResponseReturnValue:
    """Show what happened before the entries that are shown already.

    It belongs to the look that was audited; who comes without one is led there.
    """
    with unit_of_work() as session:
        person = queries.patient(session, patient_id)
        before = _before(request.args.get("before", ""))
        if before is None:
            return redirect(url_for("console_people.show", patient_id=patient_id), 303)
        seen = _seen(staff, {store.id: store for store in clinic.stores(session)})
        view = {
            "id": person.id,
            "name": called(person),
            "timeline": _timeline(session, staff, person.id, seen, before),
        }
    return render_template("console/people/older.html", view=view)


@bp.view("/<int:patient_id>/phone", permission="people.reveal", methods=("POST",))
def reveal(staff: Staff, patient_id: int) -> ResponseReturnValue:
    """Show the whole phone, for once; who asked is audited."""
    with unit_of_work() as session:
        person = queries.patient(session, patient_id)
        phone = services.reveal_phone(session, patient_id, by=staff.actor, now=clock.now())
    shown = {"whole": rules.spaced(phone)} if phone else {}
    view = {"id": person.id, "name": called(person), "phone": _masked(staff, person) | shown}
    return render_template("console/people/phone.html", view=view)


def _masked(staff: Staff, person: Patient) -> dict[str, Any]:
    return {
        "masked": rules.masked(person.phone) if person.phone else "",
        "url": url_for("console_people.reveal", patient_id=person.id) if staff.may("people.reveal") else "",
    }


def _facts(session: Session, person: Patient, stores: Stores, zone: str) -> list[dict[str, str]]:
    store = stores.get(person.store_id or 0)
    fact = queries.facts(session, [person.id]).get(person.id)
    consultant = tenancy.names_of(session, {person.consultant_id} if person.consultant_id else ())
    return [
        {"label": gettext("Sex"), "value": gettext(SEXES[person.sex]) if person.sex else ""},
        {"label": gettext("Born"), "value": _born(person.birth_date, zone)},
        {"label": gettext("Region"), "value": gettext(REGIONS[person.region]) if person.region else ""},
        {"label": gettext("E-mail"), "value": person.email or ""},
        {"label": gettext("Store"), "value": store.short_name if store else ""},
        {"label": gettext("Consultant"), "value": consultant.get(person.consultant_id or 0, "")},
        {"label": gettext("On treatment"), "value": gettext("Yes") if person.on_treatment else ""},
        {"label": gettext("Source"), "value": gettext(SOURCES[person.source])},
        {"label": gettext("Chart since"), "value": clock.local(person.created_at, zone).date().isoformat()},
        *_visited(fact, zone),
        {"label": gettext("Memo"), "value": person.memo},
    ]


def _born(birth_date: dt.date | None, zone: str) -> str:
    if birth_date is None:
        return ""
    age = rules.age(birth_date, clock.local(clock.now(), zone).date())
    told = gettext("%(age)s years", age=age)
    return f"{birth_date.isoformat()} · {told}"


def _visited(fact: PatientFact | None, zone: str) -> list[dict[str, str]]:
    """Give what follows from the visits."""
    first, last = (fact.first_visit_at, fact.last_visit_at) if fact else (None, None)
    return [
        {"label": gettext("First visit"), "value": _day(first, zone)},
        {"label": gettext("Last visit"), "value": _day(last, zone)},
        {"label": gettext("Visits"), "value": str(fact.visits if fact else 0)},
    ]


def _day(at: dt.datetime | None, zone: str) -> str:
    if at is None:
        return ""
    on = clock.local(at, zone).date()
    return f"{on.year} · {day(on)}" if on.year != clock.local(clock.now(), zone).year else day(on)


def _seen(staff: Staff, stores: Stores) -> Stores:
    scope = staff.reach("appointments.view")
    return {store_id: store for store_id, store in stores.items() if scope.holds(store_id)}


def _timeline(
    session: Session, staff: Staff, patient_id: int, seen: Stores, before: Before | None
) -> dict[str, Any]:
    """Give a page of what happened, and where the next begins."""
    entries = queries.timeline(session, patient_id, limit=ENTRIES + 1, before=before)
    shown = entries[:ENTRIES]
    names = Names(
        stores=seen,
        doctors={doctor.id: doctor.name for doctor in clinic.doctors(session)},
        fans=fans.names_of(session, {entry.fan_id for entry in shown if entry.fan_id is not None}),
        zone=staff.house.zone,
        tags=fans.tag_names(session, {entry.data["tag_id"] for entry in shown if "tag_id" in entry.data}),
        codes=codes.names_of(session, {entry.data["code_id"] for entry in shown if "code_id" in entry.data}),
    )
    return {"entries": told(shown, names), "older_url": _older_url(patient_id, shown, entries)}


def _older_url(patient_id: int, shown: Sequence[Any], entries: Sequence[Any]) -> str:
    if len(entries) == len(shown):
        return ""
    last = shown[-1]
    return url_for("console_people.older", patient_id=patient_id, before=paging.encode([last.at, last.id]))


def _before(cursor: str) -> Before | None:
    """Read where a page of the timeline begins; without a cursor, at the latest entry.

    Raises:
        Malformed: nobody wrote that.
    """
    if not cursor:
        return None
    match paging.decode(cursor):
        case [dt.datetime() as at, int() as entry_id] if at.tzinfo is not None:
            return Before(at, entry_id)
    raise Malformed


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


def _number(text: str) -> str:
    return text if text.isascii() and text.isdigit() and len(text) < 10 else ""


def _messages_url(staff: Staff, person: Patient) -> str:
    if not staff.may("notifications.view"):
        return ""
    return url_for("console_messages.index", person=person.id)


def _url(staff: Staff, person: Patient, permission: str, endpoint: str, **values: Any) -> str:
    """Give the address where something is done with a chart that is there; nothing where it may not be."""
    is_done = person.erased_at is None and staff.may(permission)
    return url_for(endpoint, **values) if is_done else ""
