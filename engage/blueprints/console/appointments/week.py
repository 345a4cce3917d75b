"""A store's week by doctor, compact: a strip for each doctor's day, drawn as it fills."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask_babel import gettext

from engage.blueprints.console.appointments import layout
from engage.blueprints.console.appointments.asked import Asked
from engage.blueprints.console.appointments.board import Eye, at_store, minutes_in, why_closed
from engage.blueprints.faces import clock_time, day
from engage.booking.queries import Board, Column, Row
from engage.booking.rules import STATES, TONES
from engage.kernel import clock


def of_all(boards: Sequence[Board], asked: Asked, eye: Eye, *, doctors: Mapping[int, str]) -> dict[str, Any]:
    """Give the week for drawing: a row a doctor, a cell a day, the edges of all strips the same."""
    there = {column.doctor_id for board in boards for column in board.columns}
    names = [(doctor_id, name) for doctor_id, name in [*doctors.items(), (None, "")] if doctor_id in there]
    first, last = _hours(boards)
    by_cell = {(board.day, column.doctor_id): column for board in boards for column in board.columns}
    rows = []
    for doctor_id, name in names:
        cells = [_cell(board, by_cell.get((board.day, doctor_id)), asked, eye, first) for board in boards]
        rows.append(
            {
                "name": name or gettext("No doctor named"),
                "url": asked.url(doctor=doctor_id) if doctor_id else "",
                "cells": cells,
                "booked": sum(cell["booked"] for cell in cells),
                "free": sum(cell["free"] for cell in cells),
            }
        )
    return {
        "rows": rows,
        "days": [
            {
                "label": day(board.day),
                "url": asked.url(view="board", day=board.day),
                "today": board.day == eye.now.date(),
                "closed": why_closed(board),
            }
            for board in boards
        ],
        "width": last - first,
        "noon": max(0, 12 * 60 - first),
        "hours": f"{first // 60:02d}:00–{last // 60:02d}:00",
        "store_id": boards[0].store_id,
        "begin": int(boards[0].begin.timestamp()),
        "end": int(boards[-1].end.timestamp()),
    }


def _cell(board: Board, column: Column | None, asked: Asked, eye: Eye, first: int) -> dict[str, Any]:
    if column is None:
        return {"booked": 0, "free": 0, "there": False, "bars": []}
    rows = [row for row in column.rows if row.state != "cancelled"]
    bars = [("open", *minutes_in(board, begin, end)) for begin, end in column.open]
    bars += [(f"tone-{TONES[row.state]}", *minutes_in(board, row.starts_at, row.ends_at)) for row in rows]
    bars += [("away", *minutes_in(board, row.starts_at, row.ends_at)) for row in column.away]
    is_here = bool(rows or column.open)
    told = [
        *((_time(row, board), row.patient_name, gettext(STATES[row.state])) for row in rows),
        *((_time(row, board), at_store(row), *_who(row, eye)) for row in column.away),
    ]
    return {
        "there": True,
        "away": "" if is_here else ", ".join(dict.fromkeys(at_store(row) for row in column.away)),
        "url": asked.url(view="board" if is_here else "week", day=board.day, doctor=column.doctor_id),
        "booked": len(rows),
        "free": sum(slot.free for slot in column.slots),
        "asked": sum(row.state == "requested" for row in rows),
        "bars": [{"tone": tone, "x": begin - first, "width": end - begin} for tone, begin, end in bars],
        "title": "\n".join(" · ".join(parts) for parts in told),
    }


def _who(row: Row, eye: Eye) -> tuple[str, ...]:
    """Give whom a doctor sees at another store, to those who may know."""
    return (row.patient_name,) if eye.sees.holds(row.store_id) else ()


def _time(row: Row, board: Board) -> str:
    return clock_time(clock.local(row.starts_at, board.zone))


def _hours(boards: Iterable[Board]) -> tuple[int, int]:
    edges = [
        minute
        for board in boards
        for column in board.columns
        for begin, end in [
            *column.open,
            *((row.starts_at, row.ends_at) for row in (*column.rows, *column.away)),
        ]
        for minute in minutes_in(board, begin, end)
    ]
    if not edges:
        return layout.USUAL
    return min(edges) // 60 * 60, min(layout.WHOLE_DAY, -(-max(edges) // 60) * 60)
