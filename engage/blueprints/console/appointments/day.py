"""A day's appointments, as a list by time or as the board of one store; its week."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.appointments import week
from engage.blueprints.console.appointments.asked import WEEK, Asked, looked_at, options
from engage.blueprints.console.appointments.blueprint import bp
from engage.blueprints.console.appointments.board import Eye, of_day, of_week, why_closed
from engage.blueprints.console.people_words import called
from engage.blueprints.console.subnav import appointments_pages
from engage.blueprints.console.today_now import outside
from engage.blueprints.faces import day as day_words
from engage.blueprints.guard import Staff
from engage.booking import queries
from engage.booking.queries import Row
from engage.booking.rules import CHANNELS, STATES, TONES
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.patients import queries as patients

if TYPE_CHECKING:
    from engage.clinic.models import Store

Stores = Mapping[int, "Store"]
OVER = frozenset({"completed", "cancelled", "no_show"})


@bp.view("", permission="appointments.view")
def index(staff: Staff) -> ResponseReturnValue:
    """Show a day or a week, filtered by what stands in the address."""
    now = clock.now()
    with unit_of_work() as session:
        asked, stores, doctors = looked_at(session, staff, now=now)
        carried = patients.patients(session, [asked.patient]) if asked.patient else {}
        asked = replace(asked, patient=next(iter(carried), None))
        show = _list if asked.view == "list" else _board
        view = show(session, staff, asked, stores, doctors, now=now)
        left = outside(session, staff, now=now)
    view |= {
        "outside": left,
        "carried": next((called(person) for person in carried.values()), ""),
        "without_url": asked.url(patient=None),
        "line": _line(staff, asked, stores),
        "subnav": appointments_pages(staff),
        "here": asked.url(),
        "sheet_url": _sheet_url(asked, stores),
        "place": view.get("place") or _place(staff, asked, stores),
        "day": _day(asked),
        "views": _views(asked),
        "new_url": _new_url(staff, asked),
        "is_today": asked.day == asked.today,
        "filtered": asked.filtered,
    }
    return render_template("console/appointments/day.html", view=view)


def _list(
    session: Session,
    staff: Staff,
    asked: Asked,
    stores: Stores,
    doctors: Mapping[int, str],
    *,
    now: dt.datetime,
) -> dict[str, Any]:
    begin, end = clock.day_bounds(asked.day, staff.house.zone)
    rows = queries.between(
        session,
        begin=begin,
        end=end,
        store_ids=frozenset({asked.store} if asked.store else stores),
        doctor_id=asked.doctor,
    )
    counts = Counter(row.state for row in rows)
    return {
        "body": "console/appointments/list.html",
        "now": clock.local(now, staff.house.zone),
        "rows": [
            _row(staff, row, stores[row.store_id].zone, now) for row in rows if asked.state in {"", row.state}
        ],
        "filters": [
            _state_filter(asked, counts, len(rows)),
            *_store_filter(asked, stores, everything=gettext("All")),
            _doctor_filter(asked, doctors),
        ],
    }


def _board(
    session: Session,
    staff: Staff,
    asked: Asked,
    stores: Stores,
    doctors: Mapping[int, str],
    *,
    now: dt.datetime,
) -> dict[str, Any]:
    """Give the board of a store's day, or its week: of all doctors as strips, of one with a column a day."""
    filters = [*_store_filter(asked, stores), _doctor_filter(asked, doctors)]
    shown = stores.get(asked.store or 0) or next(iter(stores.values()), None)
    view: dict[str, Any] = {"body": "console/appointments/board.html", "board": None, "filters": filters}
    if shown is None:
        return view
    eye = _eye(staff, asked, shown, now=now)
    view |= {"now": eye.now, "place": shown.short_name}
    if asked.view == "board":
        board = queries.board(session, asked.day, shown.id, now=now, language=staff.language)
        told = {"store": shown.short_name, "closed": why_closed(board), "name": board.name}
        return view | {"board": of_day(board, eye, doctor_id=asked.doctor) | told}
    boards = queries.boards(session, asked.monday, shown.id, days=WEEK, now=now, language=staff.language)
    if asked.doctor:
        told = {"store": shown.short_name, "closed": "", "name": ""}
        return view | {"board": of_week(boards, eye, doctor_id=asked.doctor) | told}
    strips = week.of_all(boards, asked, eye, doctors=doctors) | {"store": shown.short_name}
    return view | {"body": "console/appointments/week.html", "week": strips}


def _eye(staff: Staff, asked: Asked, store: Store, *, now: dt.datetime) -> Eye:
    may_book = staff.reach("appointments.manage").holds(store.id)
    sees = staff.reach("appointments.view")
    return Eye(clock.local(now, store.zone), sees, may_book, asked.patient)


def _row(staff: Staff, row: Row, zone: str, now: dt.datetime) -> dict[str, Any]:
    may_answer = row.state == "requested" and staff.reach("appointments.manage").holds(row.store_id)
    return {
        "id": row.id,
        "version": row.version,
        "approve_url": url_for("console_appointments.act", appointment_id=row.id, action="approve")
        if may_answer
        else "",
        "decline_url": url_for("console_appointments.show", appointment_id=row.id, end=1),
        "patient": row.patient_name,
        "url": url_for("console_appointments.show", appointment_id=row.id),
        "item": row.item,
        "time": clock.local(row.starts_at, zone),
        "over": row.state in OVER and row.starts_at <= now,
        "doctor": row.doctor or gettext("No doctor named"),
        "store": row.store,
        "channel": gettext(CHANNELS[row.channel]),
        "tone": TONES[row.state],
        "state": gettext(STATES[row.state]),
        "fact": _fact(row),
    }


def _fact(row: Row) -> str:
    """Give what matters beside the state, in a word."""
    if row.left_at:
        return str(gettext("Has left"))
    if row.attendance_confirmed_at and row.state == "confirmed":
        return str(gettext("Will come"))
    return str(gettext("Late")) if row.late else ""


def _place(staff: Staff, asked: Asked, stores: Stores) -> str:
    chosen = stores.get(asked.store or staff.store_id or 0)
    if chosen is None and len(stores) == 1:
        (chosen,) = stores.values()
    return chosen.short_name if chosen else gettext("All stores")


def _day(asked: Asked) -> dict[str, Any]:
    kept = asked.kept()
    return {
        "date": asked.day,
        "words": _days_in_words(asked),
        "url": url_for("console_appointments.index"),
        "keep": {key: value for key, value in kept.items() if key != "day"},
        "before_url": asked.on_day(-_step(asked)),
        "after_url": asked.on_day(_step(asked)),
        "is_week": asked.view == "week",
        "today_url": "" if asked.day == asked.today else asked.url(day=asked.today),
        "all_url": asked.url(store=None, doctor=None, state=""),
        "board_url": asked.url(view="board", state=""),
    }


def _step(asked: Asked) -> int:
    return WEEK if asked.view == "week" else 1


def _days_in_words(asked: Asked) -> str:
    if asked.view != "week":
        return day_words(asked.day)
    sunday = asked.monday + dt.timedelta(days=WEEK - 1)
    return f"{day_words(asked.monday)} – {day_words(sunday)}"


def _line(staff: Staff, asked: Asked, stores: Stores) -> dict[str, Any] | None:
    """Give the field for a booking typed as one line, to those who may book at the store."""
    store = stores.get(asked.store or staff.store_id or 0) or next(iter(stores.values()), None)
    if store is None or not staff.reach("appointments.manage").holds(store.id):
        return None
    return {"store": store.id, "key": str(uuid.uuid4()), "patient": asked.patient}


def _sheet_url(asked: Asked, stores: Stores) -> str:
    store = asked.store or next(iter(stores), None)
    wished: dict[str, Any] = {"day": asked.day.isoformat(), "store": store, "doctor": asked.doctor}
    return url_for("console_appointments.printed", **{key: value for key, value in wished.items() if value})


def _views(asked: Asked) -> list[dict[str, Any]]:
    labels = (("list", gettext("List")), ("board", gettext("Board")), ("week", gettext("Week")))
    return [
        {"label": label, "url": asked.url(view=view, state=""), "current": view == asked.view}
        for view, label in labels
    ]


def _state_filter(asked: Asked, counts: Mapping[str, int], total: int) -> dict[str, Any]:
    present = {
        state: gettext(label) for state, label in STATES.items() if counts.get(state) or state == asked.state
    }
    found = options(asked, "state", present, everything=gettext("All"), counts={**counts, None: total})
    return {"key": "state", "label": gettext("State"), "options": found}


def _store_filter(asked: Asked, stores: Stores, *, everything: str = "") -> Sequence[dict[str, Any]]:
    """Give the choice of a store where there are several; the board shows the first unless one is chosen."""
    if len(stores) < 2:
        return ()
    names = {store.id: store.short_name for store in stores.values()}
    found = options(asked, "store", names, everything=everything)
    if not everything:
        found = found[1:]
        found[0]["current"] |= asked.store is None
    return ({"key": "store", "label": gettext("Store"), "options": found},)


def _doctor_filter(asked: Asked, doctors: Mapping[int, str]) -> dict[str, Any]:
    found = options(asked, "doctor", doctors, everything=gettext("All"))
    return {"key": "doctor", "label": gettext("Doctor"), "options": found}


def _new_url(staff: Staff, asked: Asked) -> str:
    if not staff.may("appointments.manage"):
        return ""
    wished: dict[str, Any] = {"store": asked.store, "doctor": asked.doctor, "patient": asked.patient}
    if asked.day > asked.today:
        wished["day"] = asked.day.isoformat()
    return url_for("console_appointments.new", **{key: value for key, value in wished.items() if value})
