"""The board of a store's day or a doctor's week, as the template draws it: columns, visits, places."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import gettext

from engage.blueprints.console.appointments import layout
from engage.blueprints.console.appointments.layout import STEP, Lane, Thing
from engage.blueprints.console.appointments.slots import ANY, written
from engage.blueprints.faces import clock_time, day
from engage.booking.queries import Board, Column, Row
from engage.booking.rules import CHANNELS, OPEN, STATES, TONES, Slot
from engage.kernel import clock
from engage.kernel.errors import N_
from engage.tenancy.rules import StoreScope

# Two lines and the word of the state need this many steps at the widest scale.
TALL = {"wide": 40, "middle": 30, "close": 20}
KEY = (
    ("waiting", N_("Requested")),
    ("confirmed", N_("Confirmed")),
    ("good", N_("Here or done")),
    ("bad", N_("No-show")),
)
CHANNEL_ICONS = {"wechat": "brand-wechat", "desk": "device-desktop"}


@dataclass(frozen=True, slots=True)
class Eye:
    """Who looks: when (local), at which stores they see visits, whether they may book, and for whom if so."""

    now: dt.datetime
    sees: StoreScope
    may_book: bool
    patient: int | None = None


def of_day(board: Board, eye: Eye, *, doctor_id: int | None) -> dict[str, Any]:
    """Give the board of a day for drawing; with `doctor_id` that doctor's column alone."""
    columns = [column for column in board.columns if doctor_id in {None, column.doctor_id}]
    lanes = [
        _lane(board, column, eye, name=column.doctor or gettext("No doctor named"), is_today=False)
        for column in columns
    ]
    return _drawn([board], lanes, eye, is_here=eye.now.date() == board.day)


def of_week(boards: Sequence[Board], eye: Eye, *, doctor_id: int) -> dict[str, Any]:
    """Give a doctor's week for drawing, a column a day."""
    lanes = []
    for board in boards:
        column = next((one for one in board.columns if one.doctor_id == doctor_id), None)
        is_today = board.day == eye.now.date()
        lane = _lane(
            board,
            column or Column(doctor_id, "", [], [], closed=board.closed),
            eye,
            name=day(board.day),
            sub=board.name or (gettext("Today") if is_today else ""),
            is_today=is_today,
        )
        lane.told["url"] = url_for(
            "console_appointments.index", view="board", store=board.store_id, day=board.day.isoformat()
        )
        lanes.append(lane)
    return _drawn(boards, lanes, eye, is_here=boards[0].day <= eye.now.date() <= boards[-1].day)


def why_closed(board: Board) -> str:
    """Say why nobody is seen on a day, if something is written down."""
    if board.kind in {"special", "holiday"} and not any(column.open for column in board.columns):
        return board.name
    return ", ".join(dict.fromkeys(one.reason for one in board.closed))


def _drawn(boards: Sequence[Board], lanes: Sequence[Lane], eye: Eye, *, is_here: bool) -> dict[str, Any]:
    first, last = layout.hours(lanes)
    size = layout.scale(lanes)
    minute = eye.now.hour * 60 + eye.now.minute
    return {
        "lanes": [_drawn_lane(lane, first, last, size) for lane in lanes],
        "empty": not any(lane.open or lane.things for lane in lanes),
        "hours": [
            {"at": _steps(at - first), "span": 60 // STEP, "label": f"{at // 60:02d}:00"}
            for at in range(first, last, 60)
        ],
        "first": first,
        "steps": _steps(last - first),
        "scale": size,
        "now": (minute - first) / STEP if is_here and first <= minute < last else None,
        "key": [{"tone": tone, "label": gettext(label)} for tone, label in KEY],
        "store_id": boards[0].store_id,
        "begin": int(boards[0].begin.timestamp()),
        "end": int(boards[-1].end.timestamp()),
    }


def _lane(board: Board, column: Column, eye: Eye, *, name: str, sub: str = "", is_today: bool) -> Lane:
    key = f"{column.doctor_id or ANY}-{board.day:%m%d}"
    lane = Lane({"key": key, "name": name, "sub": sub, "doctor": column.doctor_id or ANY, "today": is_today})
    lane.open = layout.joined(minutes_in(board, begin, end) for begin, end in column.open)
    lane.closed = [(*minutes_in(board, one.starts_at, one.ends_at), one.reason) for one in column.closed]
    lane.things = [
        Thing(*_edges(row, board), _visit(row, board.zone, movable=eye.may_book))
        for row in column.rows
        if row.state != "cancelled"
    ]
    lane.things += [
        Thing(*_edges(row, board), _away(row, board.zone, seen=eye.sees.holds(row.store_id)))
        for row in column.away
    ]
    if eye.may_book:
        slots = [(slot, *_edges(slot, board)) for slot in column.slots]
        lane.targets = [
            (begin, end - begin, slot.free, written(slot.starts_at)) for slot, begin, end in slots
        ]
        label = gettext("Free, book: %(doctor)s", doctor=name)
        new_url = _new_url(board.store_id, column.doctor_id, eye.patient)
        lane.things += [
            Thing(begin, end, _place(slot, board.zone, key, label, new_url))
            for slot, begin, end in slots
            if slot.free
        ]
    lane.things = layout.side_by_side(lane.things)
    return lane


def _edges(span: Slot | Row, board: Board) -> tuple[int, int]:
    begin, end = minutes_in(board, span.starts_at, span.ends_at)
    return begin, max(begin + STEP, end)


def minutes_in(board: Board, begin: dt.datetime, end: dt.datetime) -> tuple[int, int]:
    """Give the minutes of an interval on the clock of a board's day."""
    return (
        layout.minutes_of(clock.local(begin, board.zone), board.day),
        layout.minutes_of(clock.local(end, board.zone), board.day),
    )


def _visit(row: Row, zone: str, *, movable: bool) -> dict[str, Any]:
    begin, end = clock.local(row.starts_at, zone), clock.local(row.ends_at, zone)
    state = gettext(STATES[row.state])
    times = f"{clock_time(begin)}–{clock_time(end)}"
    return {
        "kind": "visit",
        "id": row.id,
        "version": row.version,
        "url": url_for("console_appointments.show", appointment_id=row.id),
        "move_url": url_for("console_appointments.put", appointment_id=row.id)
        if movable and row.state in OPEN
        else "",
        "patient": row.patient_name,
        "time": begin,
        "item": row.item,
        "tone": TONES[row.state],
        "requested": row.state == "requested",
        "state": state,
        "channel": gettext(CHANNELS[row.channel]),
        "channel_icon": CHANNEL_ICONS.get(row.channel, "device-desktop"),
        "will_come": row.attendance_confirmed_at is not None and row.state == "confirmed",
        "title": " · ".join(filter(None, (times, row.patient_name, row.item, state, row.note))),
    }


def _away(row: Row, zone: str, *, seen: bool) -> dict[str, Any]:
    """Give time that a doctor spends at another store; whom they see is for who may see its visits."""
    begin, end = clock.local(row.starts_at, zone), clock.local(row.ends_at, zone)
    where, patient = at_store(row), row.patient_name if seen else ""
    return {
        "kind": "away",
        "url": url_for("console_appointments.show", appointment_id=row.id) if seen else "",
        "where": where,
        "patient": patient,
        "time": begin,
        "title": " · ".join(filter(None, (f"{clock_time(begin)}–{clock_time(end)}", where, patient))),
    }


def at_store(row: Row) -> str:
    """Say at which store a visit is."""
    return str(gettext("At %(store)s", store=row.store))


def _new_url(store_id: int, doctor_id: int | None, patient: int | None) -> str:
    """Give the form for the free places of a column; the time is still to be added."""
    wished: dict[str, Any] = {"patient": patient} if patient else {}
    return url_for("console_appointments.new", store=store_id, doctor=doctor_id or ANY, **wished)


def _place(slot: Slot, zone: str, key: str, label: str, new_url: str) -> dict[str, Any]:
    at = written(slot.starts_at)
    return {
        "kind": "place",
        "id": f"{key}-{at}",
        "url": f"{new_url}&at={at}",
        "time": clock.local(slot.starts_at, zone),
        "free": slot.free,
        "label": label,
    }


def _drawn_lane(lane: Lane, first: int, last: int, size: str) -> dict[str, Any]:
    within = [
        (max(begin, first), min(end, last), reason)
        for begin, end, reason in lane.closed
        if begin < last and end > first
    ]
    return lane.told | {
        "open": _drawn_stretches(lane.open, first),
        "closed": [
            {"at": _steps(begin - first), "span": _steps(end - begin), "reason": reason}
            for begin, end, reason in within
            if end - begin >= STEP
        ],
        "shared": any(thing.columns > 1 for thing in lane.things),
        "things": [_drawn_thing(thing, first, size) for thing in lane.things],
        "targets": [
            [_steps(begin - first), _steps(length), free, at] for begin, length, free, at in lane.targets
        ],
    }


def _drawn_stretches(stretches: Iterable[tuple[int, int]], first: int) -> list[dict[str, int]]:
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
