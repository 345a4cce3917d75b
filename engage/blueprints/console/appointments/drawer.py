"""One appointment: what is known, what may be done with it now, and by whom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.appointments import slots
from engage.blueprints.console.appointments.access import visible
from engage.blueprints.console.appointments.blueprint import bp
from engage.blueprints.console.people_words import shown
from engage.blueprints.faces import clock_time, moment
from engage.blueprints.guard import Staff
from engage.booking import rules
from engage.booking.rules import CHANNELS, STAFF, STATES, TONES, keeping
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_
from engage.patients import queries as patients

if TYPE_CHECKING:
    from engage.booking.models import Appointment
    from engage.clinic.models import Store

ICONS: Final = {
    "approve": "circle-check",
    "check_in": "login-2",
    "call": "speakerphone",
    "start": "stethoscope",
    "complete": "circle-check",
    "leave": "door-exit",
    "attend": "user-check",
    "no_show": "circle-minus",
    "correct": "arrow-back-up",
    "undo_check_in": "arrow-back-up",
    "undo_start": "arrow-back-up",
    "undo_complete": "arrow-back-up",
    "reopen": "arrow-back-up",
    "undo_leave": "arrow-back-up",
}

REASONS: Final = {
    "asked": N_("The patient asked for it"),
    "ill": N_("The patient is ill"),
    "doctor": N_("The doctor is not available"),
    "closed": N_("The store is closed then"),
    "mistake": N_("Booked by mistake"),
}
# These are the patient's own, whoever writes them down: they count in how visits are kept.
OF_THE_PATIENT: Final = frozenset({"asked", "ill"})
CANCELLERS: Final = {"patient": N_("by the patient"), "staff": N_("by the clinic")}


@bp.view("/<int:appointment_id>", permission="appointments.view")
def show(staff: Staff, appointment_id: int) -> ResponseReturnValue:
    """Show one appointment, in the drawer or on a page."""
    return sheet(staff, appointment_id)


def sheet(
    staff: Staff,
    appointment_id: int,
    *,
    form: Mapping[str, str] | None = None,
    errors: Mapping[str, Sequence[str]] | None = None,
    notice: str = "",
) -> str:
    """Draw one appointment as it is now; what was typed and why it was refused stays with it."""
    now = clock.now()
    with unit_of_work() as session:
        row = visible(session, staff, appointment_id)
        view = _facts(session, staff, row) | _possible(staff, row, now=now)
        if view["cancel_url"]:
            view["cancel_label"] = _consequence(session, row)
    view["notice"] = notice
    return render_template(
        "console/appointments/drawer.html", view=view, form=form or {}, errors=errors or {}
    )


def _facts(session: Session, staff: Staff, row: Appointment) -> dict[str, Any]:
    store = clinic.store(session, row.store_id)
    person = patients.patient(session, row.patient_id)
    doctor = clinic.doctor(session, row.doctor_id).name if row.doctor_id else ""
    begin, end = clock.local(row.starts_at, store.zone), clock.local(row.ends_at, store.zone)
    return {
        "id": row.id,
        "url": url_for("console_appointments.show", appointment_id=row.id),
        "day_url": url_for("console_appointments.index", day=begin.date().isoformat()),
        "version": row.version,
        "patient": shown(staff, person),
        "when": f"{moment(begin)}–{clock_time(end)}",
        "tone": TONES[row.state],
        "state": gettext(STATES[row.state]),
        "marks": _marks(row),
        "doctor": doctor or gettext("No doctor named"),
        "store": store.short_name,
        "store_id": store.id,
        "at": int(row.starts_at.timestamp()),
        "item": clinic.item(session, row.item_id).name if row.item_id else "",
        "complaint": row.complaint,
        "note": row.note,
        "channel": gettext(CHANNELS[row.channel]),
        "booked": moment(clock.local(row.booked_at, store.zone)),
        "more_facts": [*_passed(row, store), *_cancelled(row, store)],
    }


def _marks(row: Appointment) -> list[str]:
    """Give the facts beside the state."""
    marks = []
    if row.attendance_confirmed_at:
        marks.append(gettext("Will come"))
    if row.left_at:
        marks.append(gettext("Has left"))
    return marks


def _passed(row: Appointment, store: Store) -> list[dict[str, str]]:
    """Give when what happened, in its order."""
    times: tuple[tuple[str, dt.datetime | None], ...] = (
        (gettext("Checked in"), row.checked_in_at),
        (gettext("Treatment began"), row.treatment_at),
        (gettext("Completed"), row.completed_at),
        (gettext("Left"), row.left_at),
        (gettext("No-show noted"), row.no_show_at),
    )
    return [{"label": label, "value": moment(clock.local(at, store.zone))} for label, at in times if at]


def _cancelled(row: Appointment, store: Store) -> list[dict[str, str]]:
    if row.cancelled_at is None:
        return []
    told, reason = moment(clock.local(row.cancelled_at, store.zone)), row.cancel_reason or ""
    if reason == keeping.NOT_ANSWERED:
        reason = gettext(reason)
    else:
        told += f", {gettext(CANCELLERS[row.cancelled_by or STAFF])}"
        told += f", {gettext('late')}" if row.late else ""
    return [
        {"label": gettext("Cancelled"), "value": told},
        {"label": gettext("Why"), "value": reason},
    ]


def _possible(staff: Staff, row: Appointment, *, now: dt.datetime) -> dict[str, Any]:
    """Give what this person may do with it now: the table of actions, less what their roles do not give."""
    may = {
        name: action
        for name, action in rules.actions(row, STAFF, now=now).items()
        if staff.reach(action.permission).holds(row.store_id)
    }
    ended = row.state in {"cancelled", "no_show", "completed"}
    again = ended and staff.reach("appointments.manage").holds(row.store_id)
    return {
        "actions": [
            {
                "key": name,
                "label": gettext(action.label),
                "icon": ICONS[name],
                "primary": action.tone == "primary",
                "url": url_for("console_appointments.act", appointment_id=row.id, action=name),
            }
            for name, action in may.items()
            if name not in rules.APART
        ],
        "change_url": _url("change", row) if "change" in may else "",
        "cancel_url": next((_url(name, row) for name in ("decline", "cancel") if name in may), ""),
        "cancel_title": gettext("Decline this request")
        if "decline" in may
        else gettext("Cancel this appointment"),
        "reasons": [{"value": key, "label": gettext(label)} for key, label in REASONS.items()],
        "again_url": _again(row) if again else "",
    }


def _url(view: str, row: Appointment) -> str:
    return url_for(f"console_appointments.{view}", appointment_id=row.id)


def _again(row: Appointment) -> str:
    return url_for(
        "console_appointments.new",
        patient=row.patient_id,
        store=row.store_id,
        doctor=row.doctor_id or slots.ANY,
    )


def _consequence(session: Session, row: Appointment) -> str:
    """Say what follows from cancelling or declining, where the button stands."""
    is_told = bool(patients.fans_of(session, row.patient_id))
    if row.state == "requested":
        told, call = (
            N_("Decline; the patient is told in WeChat"),
            N_("Decline; call the patient, no WeChat is bound"),
        )
    else:
        told, call = (
            N_("Cancel; the patient is told in WeChat"),
            N_("Cancel; call the patient, no WeChat is bound"),
        )
    return str(gettext(told if is_told else call))
