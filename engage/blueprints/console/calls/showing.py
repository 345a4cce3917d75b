"""One call: whom, about which visit, what to say, the patient's story, and what may come of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from engage.blueprints.console.appointments import slots
from engage.blueprints.console.calls.blueprint import bp, visible
from engage.blueprints.console.calls.listing import address, asked, standing
from engage.blueprints.console.people_words import shown
from engage.blueprints.faces import moment
from engage.blueprints.guard import Staff
from engage.booking import queries as booking
from engage.booking.queries import Row
from engage.booking.rules import CAME, STATES, keeping
from engage.booking.rules import TONES as VISIT_TONES
from engage.booking.rules.ranking import habit, suggested
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.patients import queries as patients
from engage.patients.rules import masked
from engage.tasks import queries, rules
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from engage.patients.models import Patient
    from engage.tasks.models import Task

STORY: Final = 5
DAYS_AHEAD: Final = 14


@bp.view("/<int:call_id>", permission="tasks.work")
def show(staff: Staff, call_id: int) -> ResponseReturnValue:
    """Show one call, in the drawer or on a page."""
    return sheet(staff, call_id)


def sheet(
    staff: Staff,
    call_id: int,
    *,
    form: Mapping[str, str] | None = None,
    errors: Mapping[str, Sequence[str]] | None = None,
    notice: str = "",
) -> str:
    """Draw one call as it is now; what was typed and why it was refused stays with it."""
    now = clock.now()
    with unit_of_work() as session:
        task = visible(session, staff, call_id)
        view = _about(session, staff, task, now=now)
    view["notice"] = notice
    return render_template("console/calls/drawer.html", view=view, form=form or {}, errors=errors or {})


def _about(session: Session, staff: Staff, task: Task, *, now: dt.datetime) -> dict[str, Any]:
    kind, kept = rules.KINDS[task.kind], asked(request.args)
    person = patients.patients(session, [task.patient_id]).get(task.patient_id) if task.patient_id else None
    visit = booking.rows_by_id(session, [task.subject_id]).get(task.subject_id)
    view: dict[str, Any] = {
        "id": task.id,
        "url": url_for("console_calls.show", call_id=task.id, **kept),
        "list_url": address(kept),
        "kind": gettext(kind.label),
        "why": gettext(kind.why),
        **standing(task),
        "is_open": task.state == "open",
        "note": task.note,
        "attempts": _tried(task),
        "by": _at_it(session, staff, task, now=now),
        "kept": kept,
        "may_put_off": task.state == "open" and task.due_at <= now,
        "outcomes": [
            {"key": name, "label": gettext(told.label), "needs_note": told.needs_note, "tone": told.tone}
            for name, told in kind.outcomes.items()
            if name not in kind.by_deed
        ],
        "patient": shown(staff, person) if person else None,
        "phone": _phone(staff, person) if person else None,
        "visit": None,
        "script": "",
        "times": [],
        "story": [],
        "rebook_url": "",
    }
    if visit is not None and person is not None:
        view |= _of_visit(session, staff, task, visit, person, now=now)
    return view


def _of_visit(
    session: Session, staff: Staff, task: Task, visit: Row, person: Patient, *, now: dt.datetime
) -> dict[str, Any]:
    store = clinic.store(session, visit.store_id)
    scope = staff.reach("appointments.view")
    past = booking.of_patient(
        session, person.id, store_ids=None if scope.everywhere else scope.store_ids, limit=STORY + 1
    )
    again = rebook_url(task, visit) if task.state == "open" and staff.may("appointments.manage") else ""
    return {
        "visit": {
            "when": moment(clock.local(visit.starts_at, store.zone)),
            "doctor": visit.doctor or gettext("No doctor named"),
            "store": visit.store,
            "item": visit.item,
            "state": gettext(STATES[visit.state]),
            "tone": VISIT_TONES[visit.state],
            "url": url_for("console_appointments.show", appointment_id=visit.id),
            "promised": visit.attendance_confirmed_at is not None,
            "told": _told(session, visit, store.zone),
        },
        "script": _script(session, task, visit, person),
        "story": [_line(row, store.zone) for row in past if row.id != visit.id][:STORY],
        "rebook_url": again,
        "times": _times(session, task, visit, store.zone, now=now) if again else [],
    }


def rebook_url(task: Task, visit: Row, starts_at: dt.datetime | None = None) -> str:
    """Give the form that finds another time: a change of a visit that stands, else one in its place."""
    if task.kind != "call_no_show":
        return url_for("console_appointments.change", appointment_id=visit.id)
    return url_for(
        "console_appointments.new",
        patient=visit.patient_id,
        rebook=visit.id,
        store=visit.store_id,
        doctor=visit.doctor_id or slots.ANY,
        at=slots.written(starts_at) if starts_at else None,
    )


def _times(session: Session, task: Task, visit: Row, zone: str, *, now: dt.datetime) -> list[dict[str, str]]:
    """Give the free times that suit the patient best: soon, and as they usually come (BK-13)."""
    if task.kind != "call_no_show":
        return []
    end = now + dt.timedelta(days=DAYS_AHEAD)
    free = booking.open_slots(session, visit.store_id, visit.doctor_id, begin=now, end=end, now=now)
    usual = habit(booking.came_of(session, visit.patient_id), zone)
    near = clock.local(now, zone).date()
    return [
        {"label": moment(clock.local(slot.starts_at, zone)), "url": rebook_url(task, visit, slot.starts_at)}
        for slot in suggested(free, usual, zone=zone, near=near)
    ]


def _script(session: Session, task: Task, visit: Row, person: Patient) -> str:
    store = clinic.store(session, visit.store_id)
    welcome = clinic.welcomes(session, [store.id])[store.id]
    reasons = clinic.reasons(session, [visit.item_id] if visit.item_id else [])
    text = queries.scripts(session).get(task.kind) or gettext(rules.KINDS[task.kind].script)
    values = {
        "patient": person.name,
        "store": store.short_name,
        "doctor": visit.doctor or gettext("our doctor"),
        "time": moment(clock.local(visit.starts_at, store.zone)),
        "item": visit.item,
        "why": reasons.get(visit.item_id or 0, ""),
        "address": store.address,
        "transport": store.transport,
        "ask_for": welcome.ask_for,
        "bring": welcome.bring,
    }
    return rules.said(text, values)


def _told(session: Session, visit: Row, zone: str) -> list[str]:
    """Give the reminders that were written of a visit, with when."""
    return [
        f"{gettext(keeping.REMINDERS[touch.kind])} · {moment(clock.local(touch.ended_at, zone))}"
        for touch in booking.touches(session, visit.id)
        if touch.kind in keeping.REMINDERS and touch.state == "done" and touch.ended_at is not None
    ]


def _phone(staff: Staff, person: Patient) -> dict[str, str]:
    reveals = url_for("console_people.reveal", patient_id=person.id) if staff.may("people.reveal") else ""
    return {"masked": masked(person.phone) if person.phone else "", "url": reveals}


def _line(row: Row, zone: str) -> dict[str, str]:
    return {
        "when": moment(clock.local(row.starts_at, zone)),
        "what": " · ".join(part for part in (row.doctor, row.item, row.store) if part),
        "state": gettext(STATES[row.state]),
        "tone": VISIT_TONES[row.state],
        "kept": "yes" if row.state in CAME else "",
    }


def _tried(task: Task) -> str:
    if not task.attempts:
        return ""
    return str(ngettext("Tried %(num)s time", "Tried %(num)s times", task.attempts))


def _at_it(session: Session, staff: Staff, task: Task, *, now: dt.datetime) -> dict[str, Any] | None:
    """Say who calls just now, or who ended it."""
    who = task.done_by if task.state != "open" else task.assignee_id
    is_old = task.assigned_at is None or task.assigned_at <= now - rules.TAKEN_FOR
    if who is None or (task.state == "open" and is_old):
        return None
    return {"name": tenancy.names_of(session, {who}).get(who, ""), "is_me": who == staff.id}
