"""The ladder, as tables of cases: when a visit is spoken of, and when not."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from engage.booking.rules.keeping import (
    a_month_after,
    afterwards,
    calls,
    is_far,
    ladder,
    soon,
    until_night,
)

SHANGHAI, BERLIN, NEW_YORK = "Asia/Shanghai", "Europe/Berlin", "America/New_York"


def at(written: str, zone: str = SHANGHAI) -> dt.datetime:
    return dt.datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)


def told(touches, zone: str = SHANGHAI) -> list[str]:
    return [f"{touch.kind} {touch.at.astimezone(ZoneInfo(zone)):%m-%d %H:%M}" for touch in touches]


@pytest.mark.parametrize(
    ("booked", "starts", "zone", "expected"),
    [
        # Soon: only what is still to come.
        ("2026-11-22 09:00", "2026-11-22 14:30", SHANGHAI, []),
        ("2026-11-22 09:00", "2026-11-23 14:30", SHANGHAI, ["evening 11-22 19:00"]),
        ("2026-11-22 19:30", "2026-11-23 14:30", SHANGHAI, []),
        ("2026-11-20 14:31", "2026-11-22 14:30", SHANGHAI, ["evening 11-21 19:00"]),
        ("2026-11-20 14:30", "2026-11-22 14:30", SHANGHAI, ["two_days 11-20 14:30", "evening 11-21 19:00"]),
        # Within a month: a week, 48 hours, the evening before.
        (
            "2026-11-01 09:00",
            "2026-11-22 14:30",
            SHANGHAI,
            ["week 11-15 14:30", "two_days 11-20 14:30", "evening 11-21 19:00"],
        ),
        ("2026-11-15 14:31", "2026-11-22 14:30", SHANGHAI, ["two_days 11-20 14:30", "evening 11-21 19:00"]),
        # A month to the day is not more than a month.
        (
            "2026-10-22 09:00",
            "2026-11-22 14:30",
            SHANGHAI,
            ["week 11-15 14:30", "two_days 11-20 14:30", "evening 11-21 19:00"],
        ),
        # More than a month: half-way and 14 days too.
        (
            "2026-09-01 10:00",
            "2026-11-22 14:00",
            SHANGHAI,
            [
                "halfway 10-12 12:00",
                "fortnight 11-08 14:00",
                "week 11-15 14:00",
                "two_days 11-20 14:00",
                "evening 11-21 19:00",
            ],
        ),
        # Half-way would come a day or two from the 14 days: one of them is enough.
        (
            "2026-10-22 09:00",
            "2026-11-23 09:00",
            SHANGHAI,
            ["fortnight 11-09 09:00", "week 11-16 09:00", "two_days 11-21 09:00", "evening 11-22 19:00"],
        ),
        # Nothing at night: early visits are told of at eight, late ones at twenty.
        (
            "2026-11-01 09:00",
            "2026-11-22 07:15",
            SHANGHAI,
            ["week 11-15 08:00", "two_days 11-20 08:00", "evening 11-21 19:00"],
        ),
        (
            "2026-11-01 09:00",
            "2026-11-22 21:30",
            SHANGHAI,
            ["week 11-15 20:00", "two_days 11-20 20:00", "evening 11-21 19:00"],
        ),
        # The clocks change in between: the hour of the store's day stays (25 and 23 hours).
        (
            "2026-10-10 09:00",
            "2026-10-26 10:00",
            BERLIN,
            ["week 10-19 10:00", "two_days 10-24 10:00", "evening 10-25 19:00"],
        ),
        (
            "2026-03-01 09:00",
            "2026-03-09 10:00",
            NEW_YORK,
            ["week 03-02 10:00", "two_days 03-07 10:00", "evening 03-08 19:00"],
        ),
    ],
)
def test_reminders(booked: str, starts: str, zone: str, expected: list[str]) -> None:
    assert told(ladder(at(booked, zone), at(starts, zone), zone), zone) == expected


@pytest.mark.parametrize("zone", [SHANGHAI, BERLIN, NEW_YORK, "Asia/Seoul", "Australia/Lord_Howe"])
def test_wherever_and_whenever_none_is_in_the_past_at_night_or_twice(zone: str) -> None:
    booked = at("2026-02-20 03:10", zone)
    for hours in range(1, 24 * 120, 7):
        starts = booked + dt.timedelta(hours=hours)
        rungs = ladder(booked, starts, zone)
        assert len({rung.kind for rung in rungs}) == len(rungs)
        assert len({rung.at for rung in rungs}) == len(rungs)
        assert [rung.at for rung in rungs] == sorted(rung.at for rung in rungs)
        for rung in rungs:
            assert booked <= rung.at < starts
            here = rung.at.astimezone(ZoneInfo(zone)).time()
            assert dt.time(8) <= here <= dt.time(20)


@pytest.mark.parametrize(
    ("booked", "starts", "first_call", "expected"),
    [
        # Known here: only who has not said that they will come, 24 hours before.
        ("2026-11-20 09:00", "2026-11-22 14:30", None, ["call_confirm 11-21 14:30"]),
        ("2026-11-20 09:00", "2026-11-22 08:30", None, ["call_confirm 11-21 09:00"]),
        ("2026-11-20 09:00", "2026-11-22 21:30", None, ["call_confirm 11-21 20:00"]),
        ("2026-11-21 15:00", "2026-11-22 14:30", None, []),
        # New: soon after booking, in the morning if it was night.
        ("2026-11-21 15:00", "2026-11-22 14:30", "2026-11-21 15:00", ["call_new 11-21 15:00"]),
        ("2026-11-21 22:00", "2026-11-22 14:30", "2026-11-21 22:00", ["call_new 11-22 09:00"]),
        ("2026-11-21 23:00", "2026-11-22 08:30", "2026-11-21 23:00", []),
        # Far ahead: always.
        ("2026-09-01 09:00", "2026-11-22 14:30", None, ["call_far 11-17 10:00", "call_confirm 11-21 14:30"]),
    ],
)
def test_calls(booked: str, starts: str, first_call: str | None, expected: list[str]) -> None:
    first = None if first_call is None else at(first_call)
    assert told(calls(at(booked), at(starts), SHANGHAI, first_call=first)) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-10-22", "2026-11-22"),
        ("2026-01-31", "2026-02-28"),
        ("2024-01-31", "2024-02-29"),
        ("2026-12-15", "2027-01-15"),
    ],
)
def test_a_month_is_one_of_the_calendar(day: str, expected: str) -> None:
    assert a_month_after(dt.date.fromisoformat(day)) == dt.date.fromisoformat(expected)


def test_far_is_told_by_the_store_s_days() -> None:
    booked = at("2026-10-22 00:30")  # still the 21st in UTC
    assert not is_far(booked, at("2026-11-22 23:30"), SHANGHAI)
    assert is_far(booked, at("2026-11-23 00:30"), SHANGHAI)


@pytest.mark.parametrize(
    ("starts", "minutes", "zone", "close"),
    [
        ("2026-11-22 14:30", 30, SHANGHAI, "2026-11-23 00:00"),
        ("2026-11-22 23:45", 30, SHANGHAI, "2026-11-23 00:15"),
        ("2026-10-25 10:00", 30, BERLIN, "2026-10-26 00:00"),
        ("2026-03-08 10:00", 30, NEW_YORK, "2026-03-09 00:00"),
    ],
)
def test_nobody_came_after_a_quarter_of_an_hour_and_the_day_closes(
    starts: str, minutes: int, zone: str, close: str
) -> None:
    begin = at(starts, zone)
    looked, closed = afterwards(begin, begin + dt.timedelta(minutes=minutes), zone)
    assert (looked.kind, looked.at - begin) == ("call_no_show", dt.timedelta(minutes=15))
    assert (closed.kind, closed.at) == ("day_close", at(close, zone))


@pytest.mark.parametrize(
    ("now", "night"),
    [
        ("2026-11-22 07:59", None),
        ("2026-11-22 08:00", "2026-11-22 21:00"),
        ("2026-11-22 20:00", "2026-11-22 21:00"),
        ("2026-11-22 20:59", "2026-11-22 21:00"),
        ("2026-11-22 21:00", None),
        ("2026-11-22 23:30", None),
    ],
)
def test_the_night_begins_an_hour_after_the_last_reminder(now: str, night: str | None) -> None:
    assert until_night(at(now), SHANGHAI) == (None if night is None else at(night))


def test_soon_is_now_by_day_and_the_morning_by_night() -> None:
    assert soon(at("2026-11-22 09:00"), SHANGHAI) == at("2026-11-22 09:00")
    assert soon(at("2026-11-22 03:00"), SHANGHAI) == at("2026-11-22 09:00")
    assert soon(at("2026-11-22 20:01"), SHANGHAI) == at("2026-11-23 09:00")
