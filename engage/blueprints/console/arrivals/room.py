"""The waiting room: who waits and whose turn it is, who is seen, who is still to come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.appointments.asked import read_id
from engage.blueprints.console.appointments.drawer import ICONS
from engage.blueprints.console.arrivals.blueprint import bp
from engage.blueprints.console.subnav import appointments_pages
from engage.blueprints.faces import clock_time
from engage.blueprints.guard import Staff
from engage.booking.queries import Row, arrivals
from engage.booking.queries.arrivals import BOOKED, Person, Room, Turn, Waits
from engage.booking.rules import STAFF, STATES, TONES, Action, actions
from engage.booking.rules.arrivals import WALK_IN_STATES, WALK_IN_TONES, about, walk_in_actions
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work

if TYPE_CHECKING:
    from engage.clinic.models import Store

# What stands in a row; all else is done in the drawer of the visit.
OFFERED: Final = ("call", "start", "complete", "check_in", "approve", "leave")
MINUTE: Final = dt.timedelta(minutes=1)
LONG: Final = 90  # minutes


@bp.view("", permission="appointments.view")
def index(staff: Staff) -> ResponseReturnValue:
    """Show the waiting room of a store, as it is now."""
    now = clock.now()
    with unit_of_work() as session:
        stores = stores_of(session, staff)
        store = chosen(staff, stores)
        view: dict[str, Any] = {"subnav": appointments_pages(staff), "stores": [], "store": None}
        if store is not None:
            doctors = {doctor.id: doctor.name for doctor in clinic.doctors(session)}
            doctor_id = read_id(request.args.get("doctor", ""), doctors)
            room = arrivals.room(session, store.id, now=now)
            view |= _room(staff, store, room, doctor_id, now=now)
            begin, end = clock.day_bounds(room.day, store.zone)
            waits = arrivals.waits(session, begin=begin, end=end, store_ids=frozenset({store.id}))
            view["figures"] = _figures(room, waits)
            view["stores"] = _store_choices(stores, store)
            view["doctors"] = _doctor_choices(room, doctors, store, doctor_id)
    return render_template("console/arrivals/room.html", view=view)


def stores_of(session: Session, staff: Staff, permission: str = "appointments.view") -> list[Store]:
    """Give the stores whose waiting room a person may see, or act in."""
    scope = staff.reach(permission)
    return [store for store in clinic.stores(session) if scope.holds(store.id)]


def chosen(staff: Staff, stores: Sequence[Store]) -> Store | None:
    """Give the store that the address asks for, else the one of the top bar, else the first."""
    known = {store.id: store for store in stores}
    asked = read_id(request.values.get("store", ""), known) or staff.store_id
    return known.get(asked or 0) or next(iter(stores), None)


def room_url(store_id: int) -> str:
    """Give the address of a store's waiting room."""
    return url_for("console_arrivals.index", store=store_id)


def act_url(kind: str, subject_id: int, action: str) -> str:
    """Give where something is done with a visit or a walk-in."""
    if kind == BOOKED:
        return url_for("console_arrivals.act", appointment_id=subject_id, action=action)
    return url_for("console_arrivals.act_on_walk_in", walk_in_id=subject_id, action=action)


def _room(
    staff: Staff, store: Store, room: Room, doctor_id: int | None, *, now: dt.datetime
) -> dict[str, Any]:
    def wanted(one: Person | Row) -> bool:
        return doctor_id in {None, one.doctor_id or doctor_id}

    waiting = [_person(staff, store, one, now=now) for one in room.waiting if wanted(one)]
    may_note = staff.reach("appointments.manage").holds(store.id)
    may_call = staff.reach("appointments.treat").holds(store.id)
    begin, end = clock.day_bounds(room.day, store.zone)
    return {
        "store": {
            "id": store.id,
            "name": store.short_name,
            "begin": int(begin.timestamp()),
            "end": int(end.timestamp()),
        },
        "day": room.day,
        "here": url_for("console_arrivals.index", store=store.id, doctor=doctor_id),
        "waiting": waiting,
        "treated": [_person(staff, store, one, now=now) for one in room.treated if wanted(one)],
        "requested": [_visit(staff, store, row, now=now) for row in room.requested if wanted(row)],
        "expected": [_visit(staff, store, row, now=now) for row in room.expected if wanted(row)],
        "over": [
            *(_person(staff, store, one, now=now) for one in room.over if wanted(one)),
            *(_visit(staff, store, row, now=now) for row in room.missed if wanted(row)),
        ],
        "doctor_id": doctor_id,
        "next_url": url_for("console_arrivals.call_next") if may_call and waiting else "",
        "walk_in_url": url_for("console_arrivals.new", store=store.id) if may_note else "",
        "code_url": url_for("console_arrivals.code", store=store.id) if may_note else "",
        "scan_url": url_for("console_arrivals.scan"),
    }


def _person(staff: Staff, store: Store, one: Person, *, now: dt.datetime) -> dict[str, Any]:
    is_booked = one.kind == BOOKED
    states, tones = (STATES, TONES) if is_booked else (WALK_IN_STATES, WALK_IN_TONES)
    may: Mapping[str, Action] = (
        actions(one.row, STAFF, now=now) if one.row is not None else walk_in_actions(one, now=now)
    )
    return {
        "id": f"{one.kind}-{one.id}",
        "name": one.name,
        "url": url_for("console_appointments.show", appointment_id=one.id) if is_booked else "",
        "time": clock.local(one.starts_at, store.zone) if one.starts_at else None,
        "doctor": one.doctor or gettext("Whoever is free"),
        "item": one.item,
        "words": " · ".join(filter(None, (one.complaint, one.note))),
        "came": clock.local(one.arrived_at, store.zone),
        "waits": max(0, (now - max(one.arrived_at, one.starts_at or one.arrived_at)) // MINUTE),
        "called": bool(one.called_at),
        "since": clock.local(one.treatment_at, store.zone) if one.treatment_at else None,
        "place": one.turn.place if one.turn else None,
        "wait": _told(one.turn, store, now) if one.turn else "",
        "state": gettext(states[one.state]),
        "tone": tones[one.state],
        "fact": gettext("Has left") if one.left_at else "",
        "version": one.version,
        "buttons": _buttons(staff, store, one.kind, one.id, may),
    }


def _visit(staff: Staff, store: Store, row: Row, *, now: dt.datetime) -> dict[str, Any]:
    may = actions(row, STAFF, now=now)
    return {
        "id": f"{BOOKED}-{row.id}",
        "name": row.patient_name,
        "url": url_for("console_appointments.show", appointment_id=row.id),
        "time": clock.local(row.starts_at, store.zone),
        "doctor": row.doctor or gettext("Whoever is free"),
        "item": row.item,
        "words": " · ".join(filter(None, (row.complaint, row.note))),
        "is_late": row.state == "confirmed" and row.starts_at < now,
        "state": gettext(STATES[row.state]),
        "tone": TONES[row.state],
        "fact": gettext("Will come") if row.attendance_confirmed_at else "",
        "version": row.version,
        "buttons": _buttons(staff, store, BOOKED, row.id, may),
    }


def _buttons(
    staff: Staff, store: Store, kind: str, subject_id: int, may: Mapping[str, Action]
) -> list[dict[str, Any]]:
    """Give the buttons of a row: the first one is what comes next."""
    found = [
        {
            "key": name,
            "label": gettext(action.label),
            "icon": ICONS[name],
            "primary": action.tone == "primary",
            "url": act_url(kind, subject_id, name),
        }
        for name, action in may.items()
        if name in OFFERED
        and (name != "leave" or kind != BOOKED)
        and staff.reach(action.permission).holds(store.id)
    ]
    # A visit may be completed without its treatment having been noted; that is for the drawer.
    keys = {button["key"] for button in found}
    return [button for button in found if not (button["key"] == "complete" and "start" in keys)]


def _figures(room: Room, waits: Mapping[str, Waits]) -> list[dict[str, Any]]:
    booked = waits[BOOKED]
    return [
        {"label": gettext("Waiting to be seen"), "value": len(room.waiting), "tone": "waiting"},
        {"label": gettext("In treatment"), "value": len(room.treated), "tone": "good"},
        {"label": gettext("Still to come"), "value": len(room.expected), "tone": "confirmed"},
        {"label": gettext("Usual wait today"), "value": _measured(booked.median), "tone": "plain"},
        {"label": gettext("Nine of ten waited less than"), "value": _measured(booked.p90), "tone": "plain"},
    ]


def _measured(wait: dt.timedelta | None) -> str:
    return "–" if wait is None else str(gettext("%(n)s min", n=round(wait / MINUTE)))


def _told(turn: Turn, store: Store, now: dt.datetime) -> str:
    """Say an expected wait; a long one as the time at which it ends."""
    minutes = about(turn.begins_at - now)
    if minutes > LONG:
        return str(gettext("about %(time)s", time=clock_time(clock.local(turn.begins_at, store.zone))))
    return str(gettext("about %(n)s min", n=minutes) if minutes else gettext("now"))


def _store_choices(stores: Sequence[Store], store: Store) -> list[dict[str, Any]]:
    if len(stores) < 2:
        return []
    return [
        {"label": each.short_name, "url": room_url(each.id), "current": each.id == store.id}
        for each in stores
    ]


def _doctor_choices(
    room: Room, doctors: Mapping[int, str], store: Store, doctor_id: int | None
) -> list[dict[str, Any]]:
    """Give the doctors for whom somebody comes today."""
    people: list[Person | Row] = [*room.waiting, *room.treated, *room.expected, *room.requested]
    known = sorted({each for each in (doctor_id, *(one.doctor_id for one in people)) if each})
    rows = [(None, gettext("All doctors")), *((each, doctors[each]) for each in known)]
    return [
        {
            "label": label,
            "url": url_for("console_arrivals.index", store=store.id, doctor=each),
            "current": each == doctor_id,
        }
        for each, label in rows
    ]
