"""Rosters and special days as lines of a table: read, or refused line by line (BK-20)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engage.clinic.rules.calendars import Special, check_special
from engage.clinic.rules.hours import DAY, Period, check_periods
from engage.kernel.errors import N_, Invalid

Line = tuple[int, Sequence[str]]
# What is wrong with which line: its number, a sentence, and the text that the sentence is about.
Wrong = tuple[int, str, str]

# The heads of columns: as the template has them, and in English.
ROSTER_COLUMNS: Final = (
    ("doctor", "医生", "Doctor"),
    ("store", "门店", "Store"),
    ("date", "日期", "Date"),
    ("begin", "开始", "From"),
    ("end", "结束", "Until"),
    ("slot", "每段分钟", "Slot in minutes"),
    ("per_slot", "每段人数", "Patients per slot"),
)
DAY_COLUMNS: Final = (
    ("store", "门店", "Store"),
    ("date", "日期", "Date"),
    ("name", "名称", "Name"),
    ("begin", "开始", "From"),
    ("end", "结束", "Until"),
)
_NAME_AT_MOST: Final = 30
_DATES: Final = (dt.date(2000, 1, 1), dt.date(2199, 12, 31))
_MISSING: Final = N_("The column is missing.")
_NO_DOCTOR: Final = N_("No doctor has this name.")
_NO_STORE: Final = N_("No store of yours has this name.")
_NO_DATE: Final = N_("No date, such as 2026-11-22.")
_NO_TIME: Final = N_("No time, such as 09:30.")
_NO_NUMBER: Final = N_("Please give a whole number.")
_TWICE: Final = N_("This time stands in the file twice, or overlaps another line.")


@dataclass(frozen=True, slots=True)
class RosterLine:
    """A shift of the file."""

    line: int
    doctor_id: int
    date: dt.date
    period: Period


@dataclass(frozen=True, slots=True)
class DayLine:
    """A special day of the file; several lines of one store and date are its stretches."""

    line: int
    store_id: int
    date: dt.date
    special: Special


def read_rosters(
    lines: Sequence[Line], doctors: Mapping[str, int], stores: Mapping[str, int], slots: Mapping[int, int]
) -> tuple[list[RosterLine], list[Wrong]]:
    """Read shifts; a name that two have is nobody's. Every wrong line is told.

    `slots` is how long those of each store are where a line says nothing.
    """
    found: list[RosterLine] = []
    rows, wrong = _rows(lines, ROSTER_COLUMNS)
    taken: dict[tuple[int, dt.date], list[Period]] = {}
    for number, row in rows:
        one = _roster(number, row, doctors, stores, slots)
        if not isinstance(one, RosterLine):
            wrong.append(one)
            continue
        there = taken.setdefault((one.doctor_id, one.date), [])
        if any(_overlap(one.period, other) for other in there):
            wrong.append((number, _TWICE, ""))
            continue
        there.append(one.period)
        found.append(one)
    return found, wrong


def read_days(lines: Sequence[Line], stores: Mapping[str, int]) -> tuple[list[DayLine], list[Wrong]]:
    """Read special days; lines without times are closed. Every wrong line is told."""
    rows, wrong = _rows(lines, DAY_COLUMNS)
    found: dict[tuple[int, dt.date], DayLine] = {}
    for number, row in rows:
        one = _day(number, row, stores)
        if not isinstance(one, DayLine):
            wrong.append(one)
            continue
        before = found.get((one.store_id, one.date))
        if before is not None:
            stretches = tuple(sorted(before.special.stretches + one.special.stretches))
            special = Special(before.special.name or one.special.name, stretches)
            if not before.special.stretches or not one.special.stretches or not _is_day(special):
                wrong.append((number, _TWICE, ""))
                continue
            one = DayLine(before.line, one.store_id, one.date, special)
        found[one.store_id, one.date] = one
    return list(found.values()), wrong


def read_minute(text: str, *, ends: bool = False) -> int | None:
    """Read a time of day as its minute: 9:30, 09:30:00; with `ends`, midnight is the day's last."""
    shown = re.fullmatch(r"(\d{1,2})[:：](\d{2})(?::00)?", text)
    if shown is None:
        return None
    hours, minutes = int(shown[1]), int(shown[2])
    minute = hours * 60 + minutes
    if minutes >= 60 or minute > DAY or (minute == DAY and not ends):
        return None
    return DAY if ends and minute == 0 else minute


def read_date(text: str) -> dt.date | None:
    """Read a date: 2026-11-22, 2026/11/22, 2026年11月22日."""
    shown = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?: 00:00)?", text)
    if shown is None:
        return None
    try:
        date = dt.date(int(shown[1]), int(shown[2]), int(shown[3]))
    except ValueError:
        return None
    return date if _DATES[0] <= date <= _DATES[1] else None


def _rows(
    lines: Sequence[Line], columns: Sequence[tuple[str, str, str]]
) -> tuple[list[tuple[int, dict[str, str]]], list[Wrong]]:
    """Give lines as columns by name, and which columns are missing."""
    (head_line, head), *rest = lines
    places = {name.strip().lower(): place for place, name in enumerate(head)}
    where = {
        key: next((places[name.lower()] for name in names if name.lower() in places), None)
        for key, *names in columns
    }
    missing = [(head_line, _MISSING, names[0]) for key, *names in columns if where[key] is None]
    if missing:
        return [], missing
    rows = [
        (number, {key: cells[at] if at is not None and at < len(cells) else "" for key, at in where.items()})
        for number, cells in rest
    ]
    return rows, []


def _roster(
    number: int,
    row: Mapping[str, str],
    doctors: Mapping[str, int],
    stores: Mapping[str, int],
    slots: Mapping[int, int],
) -> RosterLine | Wrong:
    doctor_id, store_id = doctors.get(row["doctor"]), stores.get(row["store"])
    date = read_date(row["date"])
    begin, end = read_minute(row["begin"]), read_minute(row["end"], ends=True)
    if doctor_id is None:
        return number, _NO_DOCTOR, row["doctor"]
    if store_id is None:
        return number, _NO_STORE, row["store"]
    if date is None:
        return number, _NO_DATE, row["date"]
    if begin is None or end is None:
        return number, _NO_TIME, row["begin"] if begin is None else row["end"]
    numbers = [row["slot"] or str(slots[store_id]), row["per_slot"] or "1"]
    for text in numbers:
        if not (text.isascii() and text.isdecimal() and len(text) < 4):
            return number, _NO_NUMBER, text
    slot, per_slot = map(int, numbers)
    period = Period(begin, end, store_id, slot, per_slot)
    try:
        check_periods([period])
    except Invalid as refusal:
        return number, refusal.fields["period-0"][0], f"{row['begin']}–{row['end']}"
    return RosterLine(number, doctor_id, date, period)


def _day(number: int, row: Mapping[str, str], stores: Mapping[str, int]) -> DayLine | Wrong:
    store_id, date = stores.get(row["store"]), read_date(row["date"])
    if store_id is None:
        return number, _NO_STORE, row["store"]
    if date is None:
        return number, _NO_DATE, row["date"]
    if len(row["name"]) > _NAME_AT_MOST or not row["name"].isprintable():
        return number, N_("At most 30 characters."), row["name"]
    if not row["begin"] and not row["end"]:
        return DayLine(number, store_id, date, Special(row["name"]))
    begin, end = read_minute(row["begin"]), read_minute(row["end"], ends=True)
    if begin is None or end is None:
        return number, _NO_TIME, row["begin"] if begin is None else row["end"]
    special = Special(row["name"], ((begin, end),))
    if not _is_day(special):
        return number, N_("A store closes after it opens, on the same day."), f"{row['begin']}–{row['end']}"
    return DayLine(number, store_id, date, special)


def _is_day(special: Special) -> bool:
    try:
        check_special(special)
    except Invalid:
        return False
    return True


def _overlap(one: Period, other: Period) -> bool:
    return one.begin_minute < other.end_minute and other.begin_minute < one.end_minute
