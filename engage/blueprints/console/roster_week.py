"""A week of shifts as the roster pages draw it: all doctors day by day, or one doctor hour by hour."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from engage.blueprints.opening import time_of_day
from engage.clinic.rules import Calendar
from engage.kernel import clock

if TYPE_CHECKING:
    from engage.clinic.models import Shift, Store

# What one row of the hour-by-hour grid stands for, and the hours that show even if nobody works then.
STEP: Final = 15
HOUR: Final = 60
SHOWN: Final = (9 * HOUR, 18 * HOUR)
TINTS: Final = 6


@dataclass(frozen=True, slots=True)
class Block:
    """A shift on its local day, in minutes; `note` tells when it may be booked, if not all the time."""

    shift_id: int
    day: dt.date
    begin: int
    end: int
    doctor_id: int
    store: str
    tint: int
    slot_minutes: int
    per_slot: int
    note: str
    is_closed: bool
    is_over: bool

    @property
    def times(self) -> str:
        """When it is: 09:00–12:00."""
        return f"{time_of_day(self.begin)}–{time_of_day(self.end)}"


def monday_of(day: dt.date) -> dt.date:
    """Give the Monday of a day's week."""
    return day - dt.timedelta(days=day.weekday())


def blocks(
    shifts: Iterable[Shift],
    stores: Sequence[Store],
    calendars: Mapping[int, Calendar],
    *,
    now: dt.datetime,
) -> list[Block]:
    """Place shifts on the local days of their stores; each store keeps its tint."""
    by_id = {store.id: store for store in stores}
    tints = dict(zip(by_id, cycle(range(TINTS)), strict=False))
    return [
        _block(shift, by_id[shift.store_id], tints[shift.store_id], calendars, now=now) for shift in shifts
    ]


def overview(
    placed: Sequence[Block], doctors: Iterable[tuple[int, str, str]], days: Sequence[dt.date]
) -> list[dict[str, Any]]:
    """Give a row for each doctor (id, name, title) with the blocks of each day."""
    return [
        {
            "doctor_id": doctor_id,
            "name": name,
            "title": title,
            "days": [[one for one in placed if (one.doctor_id, one.day) == (doctor_id, day)] for day in days],
        }
        for doctor_id, name, title in doctors
    ]


def grid(placed: Sequence[Block], days: Sequence[dt.date]) -> list[dict[str, Any]]:
    """Give the rows of a table of one doctor's week: each cell is a block with its height, or None for free.

    Cells that a block above reaches into are left out, as a table wants it.
    """
    first = min([SHOWN[0], *(one.begin for one in placed)]) // HOUR * HOUR
    last = -(-max([SHOWN[1], *(one.end for one in placed)]) // HOUR) * HOUR
    columns = [_column([one for one in placed if one.day == day], first, last) for day in days]
    return [
        {
            "hour": time_of_day(minute) if minute % HOUR == 0 else "",
            "cells": [
                {"day": number, **cell} for number, column in enumerate(columns) if (cell := column[row])
            ],
        }
        for row, minute in enumerate(range(first, last, STEP))
    ]


def _column(placed: Sequence[Block], first: int, last: int) -> list[dict[str, Any] | None]:
    column: list[dict[str, Any] | None] = [{"block": None, "height": 1} for _ in range(first, last, STEP)]
    free_from = 0
    for one in sorted(placed, key=lambda block: block.begin):
        begin = max((one.begin - first) // STEP, free_from)
        end = max(-(-(one.end - first) // STEP), begin + 1)
        if begin >= len(column):
            continue
        end = min(end, len(column))
        column[begin:end] = [{"block": one, "height": end - begin}, *[None] * (end - begin - 1)]
        free_from = end
    return column


def _block(
    shift: Shift, store: Store, tint: int, calendars: Mapping[int, Calendar], *, now: dt.datetime
) -> Block:
    begin, end = (clock.local(at, store.zone) for at in (shift.starts_at, shift.ends_at))
    stretches = calendars[store.id].within(shift.starts_at, shift.ends_at)
    is_whole = stretches == [(shift.starts_at, shift.ends_at)]
    opened = [tuple(clock.local(at, store.zone) for at in stretch) for stretch in stretches]
    return Block(
        shift_id=shift.id,
        day=begin.date(),
        begin=begin.hour * HOUR + begin.minute,
        end=_minute_of_end(begin.date(), end),
        doctor_id=shift.doctor_id,
        store=store.short_name,
        tint=tint,
        slot_minutes=shift.slot_minutes,
        per_slot=shift.per_slot,
        note="" if is_whole else ", ".join(f"{opens:%H:%M}–{closes:%H:%M}" for opens, closes in opened),
        is_closed=not stretches,
        is_over=shift.ends_at <= now,
    )


def _minute_of_end(day: dt.date, end: dt.datetime) -> int:
    """Give the minute of the day at which a shift ends, as its day counts: midnight is its last."""
    return (end.date() - day).days * 24 * HOUR + end.hour * HOUR + end.minute
