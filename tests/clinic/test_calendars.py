"""What opens and stops a store: hours, special days, holidays, closures; days of 23 and 25 hours."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from engage.clinic.holidays import COUNTRIES, make_up_days, public_days
from engage.clinic.rules import (
    Calendar,
    Closing,
    Day,
    Hours,
    Special,
    check_special,
    closed,
    day_hours,
    without,
)
from engage.kernel.errors import Invalid

SHANGHAI, BERLIN, NEW_YORK = "Asia/Shanghai", "Europe/Berlin", "America/New_York"
MORNING, AFTERNOON = (540, 720), (810, 1080)
WEEK = [Hours(day, *part) for day in range(5) for part in (MORNING, AFTERNOON)]
MONDAY, SATURDAY = dt.date(2026, 11, 23), dt.date(2026, 11, 28)
USUAL = (MORNING, AFTERNOON)
SHORT = Special("盘点", ((600, 660),))


@pytest.mark.parametrize(
    ("date", "facts", "expected"),
    [
        (MONDAY, {}, Day(USUAL)),
        (SATURDAY, {}, Day(())),
        (MONDAY, {"holiday": "国庆节"}, Day((), "holiday", "国庆节")),
        (SATURDAY, {"holiday": "国庆节"}, Day((), "holiday", "国庆节")),
        (MONDAY, {"holiday": "国庆节", "on_holidays": "as_usual"}, Day(USUAL, "usual", "国庆节")),
        (SATURDAY, {"holiday": "国庆节", "on_holidays": "as_usual"}, Day((), "usual", "国庆节")),
        (SATURDAY, {"is_make_up": True}, Day(USUAL, "make_up")),
        (SATURDAY, {"is_make_up": True, "make_up_weekday": 6}, Day((), "make_up")),
        (SATURDAY, {"is_make_up": True, "on_holidays": "as_usual"}, Day(())),
        (MONDAY, {"is_make_up": True}, Day(USUAL)),
        (MONDAY, {"special": SHORT}, Day(((600, 660),), "special", "盘点")),
        (MONDAY, {"special": SHORT, "holiday": "国庆节"}, Day(((600, 660),), "special", "盘点")),
        (SATURDAY, {"special": SHORT, "is_make_up": True}, Day(((600, 660),), "special", "盘点")),
        (MONDAY, {"special": Special("年会")}, Day((), "special", "年会")),
    ],
)
def test_what_opens_a_day(date, facts, expected):
    assert day_hours(WEEK, date, **facts) == expected


def local(intervals, zone):
    """Write intervals as clocks in a zone show them."""
    tz = ZoneInfo(zone)
    return [f"{begin.astimezone(tz):%d %H:%M}–{end.astimezone(tz):%d %H:%M}" for begin, end in intervals]


@pytest.mark.parametrize(
    ("zone", "date", "hours"),
    [
        (BERLIN, dt.date(2026, 3, 29), 23),
        (BERLIN, dt.date(2026, 10, 25), 25),
        (NEW_YORK, dt.date(2026, 3, 8), 23),
        (NEW_YORK, dt.date(2026, 11, 1), 25),
        (SHANGHAI, dt.date(2026, 3, 29), 24),
    ],
)
def test_days_on_which_clocks_change(zone, date, hours):
    whole = Calendar(zone, [Hours(date.weekday(), 0, 1440)])
    ((begin, end),) = whole.opening(date)
    assert end - begin == dt.timedelta(hours=hours)
    # A stretch after the change is where clocks show it, and a weekly closure too.
    calendar = Calendar(zone, [Hours(date.weekday(), 540, 720)])
    day = f"{date:%d}"
    assert local(calendar.opening(date), zone) == [f"{day} 09:00–{day} 12:00"]
    weekly = Closing(
        1, 1, "", store_id=1, weekday=date.weekday(), from_minute=600, to_minute=660, from_date=date
    )
    holes = closed([weekly], begin, end, zone, store_id=1, doctor_id=2)
    assert local(without(calendar.opening(date), holes), zone) == [
        f"{day} 09:00–{day} 10:00",
        f"{day} 11:00–{day} 12:00",
    ]


def test_hours_that_the_clock_jumps_over_are_not_open():
    jump = dt.date(2026, 3, 29)  # in Berlin 02:00 becomes 03:00
    calendar = Calendar(BERLIN, [Hours(6, 0, 60)], {jump: Special("夜诊", ((120, 180), (180, 240)))})
    assert local(calendar.opening(jump), BERLIN) == ["29 03:00–29 04:00"]


def test_the_open_parts_of_an_interval():
    calendar = Calendar(SHANGHAI, WEEK, {MONDAY + dt.timedelta(days=1): Special("年会")})
    begin = dt.datetime(2026, 11, 23, 2, 0, tzinfo=dt.UTC)
    found = calendar.within(begin, begin + dt.timedelta(days=2))
    assert local(found, SHANGHAI) == ["23 10:00–23 12:00", "23 13:30–23 18:00", "25 09:00–25 10:00"]


@pytest.mark.parametrize(
    ("closing", "asked", "stopped"),
    [
        ({"store_id": 1}, (1, 5, None), True),
        ({"store_id": 1}, (2, 5, None), False),
        ({"store_id": 1}, (1, None, None), True),
        ({"doctor_id": 5}, (1, 5, 8), True),
        ({"doctor_id": 5}, (2, 5, None), True),
        ({"doctor_id": 5}, (1, 6, None), False),
        ({"doctor_id": 5}, (1, None, None), False),
        ({"item_id": 8}, (1, 5, None), False),
        ({"item_id": 8}, (1, 5, 8), True),
        ({"item_id": 8}, (1, None, 8), True),
        ({"item_id": 8}, (1, 5, 9), False),
        ({"store_id": 1, "item_id": 8}, (2, 5, 8), False),
        ({"store_id": 1, "doctor_id": 5}, (1, 5, 8), True),
        ({"store_id": 1, "doctor_id": 5}, (2, 5, 8), False),
    ],
)
def test_whom_a_closure_stops(closing, asked, stopped):
    assert Closing(1, 1, "", **closing).stops(*asked) is stopped


def test_a_weekly_closure_has_a_first_and_a_last_day():
    first = dt.date(2026, 11, 30)
    last = first + dt.timedelta(days=7)
    weekly = Closing(
        1, 1, "", store_id=1, weekday=0, from_minute=0, to_minute=1440, from_date=first, to_date=last
    )
    begin = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    found = weekly.intervals(begin, begin + dt.timedelta(days=60), SHANGHAI)
    assert local(found, SHANGHAI) == ["30 00:00–01 00:00", "07 00:00–08 00:00"]


@pytest.mark.parametrize(
    "stretches",
    [((720, 540),), ((540, 540),), ((540, 720), (700, 800)), ((540, 1445),), ((541, 600),), ((0, 5),) * 5],
)
def test_a_special_day_that_no_day_is(stretches):
    with pytest.raises(Invalid):
        check_special(Special("", stretches))


def test_public_holidays_of_china_with_days_moved():
    days = public_days("CN", 2026, "zh_Hans")
    assert days[dt.date(2026, 10, 1)] == "国庆节"
    assert days[dt.date(2026, 2, 20)] == "春节"  # moved from the 14th, when people work
    assert days[dt.date(2026, 2, 21)] == "春节"  # a Saturday inside
    assert dt.date(2026, 2, 14) in make_up_days("CN", 2026)
    assert dt.date(2026, 2, 14) not in days
    assert days.keys().isdisjoint(make_up_days("CN", 2026))
    assert public_days("CN", 2026, "en")[dt.date(2026, 10, 1)] == "National Day"


def test_every_country_that_is_offered_is_known_and_a_far_year_has_none():
    assert all(bool(public_days(country, 2026)) is bool(country) for country in COUNTRIES)
    assert public_days("CN", 2500) == {}
    assert make_up_days("CN", 2500) == frozenset()
    assert make_up_days("KR", 2026) == frozenset()
