"""What is typed of stores, doctors, items, complaint presets and rosters."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate, validates_schema

from engage.clinic.rules import DAY, GRID
from engage.kernel.errors import N_

NAME_LENGTH = 30
SHORT_LENGTH = 20
ADDRESS_LENGTH = 100
TRANSPORT_LENGTH = 200
INTRODUCTION_LENGTH = 500

# No control characters but line breaks.
PLAIN_TEXT = r"[^\x00-\x09\x0b-\x1f\x7f]*\Z"
TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")

_EMPTY = N_("Please fill this in.")
_SPECIAL = N_("Please leave out special characters.")
_TOO_LONG = {
    SHORT_LENGTH: N_("At most 20 characters."),
    NAME_LENGTH: N_("At most 30 characters."),
    ADDRESS_LENGTH: N_("At most 100 characters."),
    TRANSPORT_LENGTH: N_("At most 200 characters."),
    INTRODUCTION_LENGTH: N_("At most 500 characters."),
}
_NUMBER = N_("Please give a whole number.")
_COORDINATE = N_("Degrees as a number, such as 31.217840.")
_DATE = N_("Please choose a date.")
_WEEKDAY = N_("Choose at least one weekday.")
# Dates far off are typing errors, and the last of the calendar have no day after them.
_DATES = (dt.date(2000, 1, 1), dt.date(2199, 12, 31))


@functools.cache
def zones() -> tuple[str, ...]:
    """Give the time zones that a store may lie in, by their names."""
    return tuple(sorted(zone for zone in available_timezones() if zone[0].isupper() and "/" in zone))


def minute_of(text: str, *, ends: bool = False) -> int | None:
    """Read a time of day as its minute; midnight as an end is the day's last. None if it is none."""
    if not TIME.fullmatch(text):
        return None
    hours, minutes = text.split(":")
    minute = int(hours) * 60 + int(minutes)
    return DAY if ends and minute == 0 else minute


def _line(length: int, *, required: bool = True) -> fields.String:
    shortest = [validate.Length(min=1, error=_EMPTY)] if required else []
    return fields.String(
        required=True,
        validate=[
            *shortest,
            validate.Length(max=length, error=_TOO_LONG[length]),
            validate.Predicate("isprintable", error=_SPECIAL),
        ],
    )


def _text(length: int) -> fields.String:
    return fields.String(
        required=True,
        validate=[
            validate.Length(max=length, error=_TOO_LONG[length]),
            validate.Regexp(PLAIN_TEXT, error=_SPECIAL),
        ],
    )


def _number(low: int, high: int, error: str) -> fields.Integer:
    return fields.Integer(
        required=True,
        validate=validate.Range(low, high, error=error),
        error_messages={"invalid": _NUMBER, "too_large": _NUMBER},
    )


def _date() -> fields.Date:
    return fields.Date(
        required=True, validate=validate.Range(*_DATES, error=_DATE), error_messages={"invalid": _DATE}
    )


def _degrees(limit: int) -> fields.Decimal:
    return fields.Decimal(
        places=6,
        allow_none=True,
        required=True,
        validate=validate.Range(-limit, limit, error=_COORDINATE),
        error_messages={"invalid": _COORDINATE, "special": _COORDINATE},
    )


class _Form(Schema):
    """A form: fields that are not ours, such as its token, are left out."""

    class Meta:
        unknown = EXCLUDE


class StoreIn(_Form):
    """What can be changed of a store, without its hours."""

    name = _line(NAME_LENGTH)
    short_name = _line(SHORT_LENGTH)
    address = _line(ADDRESS_LENGTH)
    phone = fields.String(
        required=True,
        validate=validate.Regexp(
            r"[0-9+() -]{0,30}\Z", error=N_("Digits, spaces, hyphens and brackets only.")
        ),
    )
    transport = _text(TRANSPORT_LENGTH)
    zone = fields.String(
        required=True, validate=lambda zone: _check(zone in zones(), N_("Please choose a time zone."))
    )
    latitude = _degrees(90)
    longitude = _degrees(180)
    any_per_hour = _number(0, 60, N_("0 to 60 visits."))

    @pre_load
    def leave_out_coordinates(self, typed: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Read empty coordinates as none."""
        return {**typed, **{name: typed[name] or None for name in ("latitude", "longitude")}}

    @validates_schema
    def check_coordinates(self, read: Mapping[str, Any], **_: Any) -> None:
        """Want both coordinates or none."""
        _check(
            (read["latitude"] is None) == (read["longitude"] is None),
            N_("Please give both coordinates or none."),
            "longitude" if read["longitude"] is None else "latitude",
        )


class NewStoreIn(StoreIn):
    """What a store is made from."""

    slug = fields.String(
        required=True,
        validate=validate.Regexp(
            r"[a-z0-9][a-z0-9-]{1,29}\Z", error=N_("2 to 30 small letters, digits and hyphens.")
        ),
    )


class DoctorIn(_Form):
    """A doctor."""

    name = _line(SHORT_LENGTH)
    title = _line(SHORT_LENGTH, required=False)
    bookable = fields.Boolean(required=True)
    is_expert = fields.Boolean(required=True)
    good_at = _line(ADDRESS_LENGTH, required=False)
    introduction = _text(INTRODUCTION_LENGTH)


class CategoryIn(_Form):
    """A heading over items."""

    name = _line(SHORT_LENGTH)


class ItemIn(_Form):
    """An item."""

    category = fields.Integer(
        required=True, error_messages={"invalid": N_("Please choose a category from the list.")}
    )
    name = _line(NAME_LENGTH)
    minutes = _number(GRID, 480, N_("5 to 480 minutes, in steps of 5."))
    why = _line(ADDRESS_LENGTH, required=False)
    enabled = fields.Boolean(required=True)
    stores = fields.List(
        fields.Integer(error_messages={"invalid": N_("Please choose stores from the list.")}), required=True
    )

    @validates_schema
    def check_minutes(self, read: Mapping[str, Any], **_: Any) -> None:
        """Want a length on the grid of times."""
        _check(read["minutes"] % GRID == 0, N_("5 to 480 minutes, in steps of 5."), "minutes")


class ComplaintIn(_Form):
    """A complaint preset."""

    text = _line(NAME_LENGTH)


class TimeOfDay(fields.Field[int]):
    """A time of day as its minute; with `ends`, midnight is the day's last."""

    def __init__(self, *, ends: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.ends = ends

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        minute = minute_of(str(value), ends=self.ends)
        if minute is None:
            raise ValidationError(N_("Please give a time such as 09:30."))
        return minute


class RosterIn(_Form):
    """Shifts of a doctor on some weekdays between two dates, with a break or without."""

    doctor = fields.Integer(
        required=True, error_messages={"invalid": N_("Please choose a doctor from the list.")}
    )
    store = fields.Integer(
        required=True, error_messages={"invalid": N_("Please choose a store from the list.")}
    )
    weekdays = fields.List(
        fields.Integer(error_messages={"invalid": _WEEKDAY}),
        required=True,
        validate=validate.Length(min=1, error=_WEEKDAY),
    )
    from_date = _date()
    to_date = _date()
    begin = TimeOfDay(required=True)
    end = TimeOfDay(required=True, ends=True)
    has_break = fields.Boolean(required=True)
    break_from = TimeOfDay(required=True)
    break_to = TimeOfDay(required=True)
    slot_minutes = _number(GRID, 240, N_("5 to 240 minutes, in steps of 5."))
    per_slot = _number(1, 20, N_("1 to 20 patients."))

    @validates_schema
    def check_break(self, read: Mapping[str, Any], **_: Any) -> None:
        """Want the break inside the shift."""
        _check(
            not read["has_break"] or read["begin"] < read["break_from"] < read["break_to"] < read["end"],
            N_("The break lies between the beginning and the end."),
            "break_to",
        )


class _Choice(fields.Integer):
    """One of a list, by its id; empty is none of them."""

    def __init__(self, error: str) -> None:
        super().__init__(required=True, allow_none=True, error_messages={"invalid": error})

    def deserialize(self, value: Any, *rest: Any, **named: Any) -> Any:
        return super().deserialize(value or None, *rest, **named)


class _DayOrNone(fields.Date):
    """A date; empty is none."""

    def __init__(self) -> None:
        super().__init__(
            required=True,
            allow_none=True,
            validate=validate.Range(*_DATES, error=_DATE),
            error_messages={"invalid": _DATE},
        )

    def deserialize(self, value: Any, *rest: Any, **named: Any) -> Any:
        return super().deserialize(value or None, *rest, **named)


class ClosureIn(_Form):
    """What is closed, and when: once or every week."""

    store = _Choice(N_("Please choose a store from the list."))
    doctor = _Choice(N_("Please choose a doctor from the list."))
    item = _Choice(N_("Please choose an item from the list."))
    how = fields.String(required=True, validate=validate.OneOf(("once", "weekly"), error=_EMPTY))
    weekday = _number(0, 6, _WEEKDAY)
    from_day = _date()
    from_time = TimeOfDay(required=True)
    to_day = _DayOrNone()
    to_time = TimeOfDay(required=True, ends=True)
    reason = _line(NAME_LENGTH, required=False)

    class Was(_Form):
        """A closure that was removed, as the address of its undo holds it."""

        store_id = fields.Integer()
        doctor_id = fields.Integer()
        item_id = fields.Integer()
        starts_at = fields.AwareDateTime(default_timezone=dt.UTC)
        ends_at = fields.AwareDateTime(default_timezone=dt.UTC)
        weekday = fields.Integer()
        from_minute = fields.Integer()
        to_minute = fields.Integer()
        from_date = fields.Date()
        to_date = fields.Date()
        reason = fields.String(validate=validate.Length(max=NAME_LENGTH))


def _check(is_right: bool, sentence: str, field: str = "_schema") -> None:  # noqa: FBT001 it is the condition
    if not is_right:
        raise ValidationError(sentence, field)
