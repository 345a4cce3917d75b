"""The board of a store's day, as the template draws it: lanes, hours, visits and free places in steps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext

from engage.blueprints.console.appointments import layout
from engage.blueprints.console.appointments.layout import STEP, Lane, Thing
from engage.blueprints.console.appointments.slots import written
from engage.blueprints.faces import clock_time
from engage.booking.queries import Board, Column, Row
from engage.booking.rules import STATES, TONES, Slot
from engage.kernel import clock
from engage.kernel.errors import N_

# Two lines and the word of the state need this many steps at the widest scale.
TALL = {"wide": 40, "middle": 30, "close": 20}
KEY = (
    ("waiting", N_("Requested")),
    ("confirmed", N_("Confirmed")),
    ("good", N_("Here or done")),
    ("bad", N_("No-show")),
)


def drawn(
    board: Board, day: dt.date, now: dt.datetime, *, doctor_id: int | None, may_book: bool
) -> dict[str, Any]:
    """Give the board for drawing; with `doctor_id` that doctor's column alone. `now` is local."""
    columns = [column for column in board.columns if doctor_id in {None, column.doctor_id}]
    lanes = [_lane(board, column, day, may_book=may_book) for column in columns]
    first, last = layout.hours(lanes)
    size = layout.scale(lanes)
    minute = layout.minutes_of(now, day)
    return {
        "lanes": [_drawn_lane(lane, first, size) for lane in lanes],
        "hours": [
            {"at": _steps(at - first), "span": 60 // STEP, "label": f"{at // 60:02d}:00"}
            for at in range(first, last, 60)
        ],
        "steps": _steps(last - first),
        "scale": size,
        "now": (minute - first) / STEP if now.date() == day and first <= minute < last else None,
        "key": [{"tone": tone, "label": gettext(label)} for tone, label in KEY],
    }


def _lane(board: Board, column: Column, day: dt.date, *, may_book: bool) -> Lane:
    lane = Lane(str(column.doctor_id or "any"), column.doctor or gettext("No doctor named"), "")
    slots = [(slot, *_edges(slot, board.zone, day)) for slot in column.slots]
    lane.open = layout.joined((begin, end) for _, begin, end in slots)
    lane.things = [
        Thing(*_edges(row, board.zone, day), _visit(row, board.zone))
        for row in column.rows
        if row.state != "cancelled"
    ]
    if may_book:
        places = [
            Thing(begin, end, _place(slot, board.zone, lane.name)) for slot, begin, end in slots if slot.free
        ]
        lane.things += places
    lane.things = layout.side_by_side(lane.things)
    return lane


def _edges(span: Slot | Row, zone: str, day: dt.date) -> tuple[int, int]:
    begin = layout.minutes_of(clock.local(span.starts_at, zone), day)
    return begin, max(begin + STEP, layout.minutes_of(clock.local(span.ends_at, zone), day))


def _visit(row: Row, zone: str) -> dict[str, Any]:
    begin, end = clock.local(row.starts_at, zone), clock.local(row.ends_at, zone)
    state = gettext(STATES[row.state])
    times = f"{clock_time(begin)}–{clock_time(end)}"
    return {
        "kind": "visit",
        "url": url_for("console_appointments.show", appointment_id=row.id),
        "patient": row.patient_name,
        "time": begin,
        "item": row.item,
        "tone": TONES[row.state],
        "state": state,
        "title": " · ".join(filter(None, (times, row.patient_name, row.item, state))),
    }


def _place(slot: Slot, zone: str, lane: str) -> dict[str, Any]:
    begin = clock.local(slot.starts_at, zone)
    return {
        "kind": "place",
        "url": url_for(
            "console_appointments.new",
            store=slot.store_id,
            doctor=slot.doctor_id or "any",
            at=written(slot.starts_at),
        ),
        "time": begin,
        "free": slot.free,
        "label": gettext("Free, book: %(doctor)s", doctor=lane),
    }


def _drawn_lane(lane: Lane, first: int, size: str) -> dict[str, Any]:
    return {
        "key": lane.key,
        "name": lane.name,
        "sub": lane.sub,
        "open": _drawn_stretches(lane.open, first),
        "shared": any(thing.columns > 1 for thing in lane.things),
        "things": [_drawn_thing(thing, first, size) for thing in lane.things],
    }


def _drawn_stretches(stretches: Sequence[tuple[int, int]], first: int) -> list[dict[str, int]]:
    return [{"at": _steps(begin - first), "span": _steps(end - begin)} for begin, end in stretches]


def _drawn_thing(thing: Thing, first: int, size: str) -> dict[str, Any]:
    length = thing.end - thing.begin
    return thing.data | {
        "at": _steps(thing.begin - first),
        "span": _steps(length),
        "column": thing.column,
        "columns": thing.columns,
        "brief": length <= layout.ONE_LINE[size],
        "tall": length >= TALL[size],
    }


def _steps(minutes: int) -> int:
    return minutes // STEP
