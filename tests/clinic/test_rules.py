"""Opening hours and rosters on local days, also on those with 23 or 25 hours."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engage.clinic.rules import (
    DAY,
    WHOLE_WEEK,
    Calendar,
    Hours,
    Roster,
    check_hours,
    check_roster,
    moment,
)
from engage.kernel import clock
from engage.kernel.errors import Invalid

SHANGHAI = "Asia/Shanghai"
BERLIN = "Europe/Berlin"
MONDAY = dt.date(2026, 11, 23)
JUMP = dt.date(2026, 3, 29)  # in Berlin 02:00 becomes 03:00
REPEAT = dt.date(2026, 10, 25)  # in Berlin 03:00 becomes 02:00
HOUR = 60


def open_stretches(begin, end, hours, zone):
    """Give the parts of a shift in which a store with these hours is open."""
    return Calendar(zone, hours).within(begin, end)


def opening(hours, day, zone):
    """Give when a store with these hours is open on a date."""
    return Calendar(zone, hours).opening(day)


def local(stretches, zone):
    """Write stretches as a clock in the store shows them."""
    tz = ZoneInfo(zone)
    return [f"{begin.astimezone(tz):%a %H:%M}–{end.astimezone(tz):%a %H:%M}" for begin, end in stretches]


def shift(begin: str, end: str, zone: str = SHANGHAI):
    """Give the UTC interval of local times."""
    tz = ZoneInfo(zone)
    return tuple(
        dt.datetime.fromisoformat(text).replace(tzinfo=tz).astimezone(dt.UTC) for text in (begin, end)
    )


def test_a_shift_is_cut_to_the_hours_of_its_store():
    hours = [Hours(0, 9 * HOUR, 12 * HOUR), Hours(0, 13 * HOUR, 18 * HOUR), Hours(1, 9 * HOUR, 18 * HOUR)]
    begin, end = shift("2026-11-23T08:00", "2026-11-23T17:00")
    assert local(open_stretches(begin, end, hours, SHANGHAI), SHANGHAI) == [
        "Mon 09:00–Mon 12:00",
        "Mon 13:00–Mon 17:00",
    ]


@pytest.mark.parametrize(
    ("begin", "end"),
    [("2026-11-23T09:00", "2026-11-23T12:00"), ("2026-11-23T09:05", "2026-11-23T09:10")],
)
def test_a_shift_within_the_hours_stays_whole(begin, end):
    interval = shift(begin, end)
    assert open_stretches(*interval, [Hours(0, 9 * HOUR, 12 * HOUR)], SHANGHAI) == [interval]


@pytest.mark.parametrize(
    "hours",
    [[], [Hours(1, 0, DAY)], [Hours(0, 18 * HOUR, DAY)], [Hours(0, 0, 8 * HOUR)]],
    ids=["never", "other day", "later", "earlier"],
)
def test_nothing_is_open_outside_the_hours(hours):
    assert open_stretches(*shift("2026-11-23T08:00", "2026-11-23T18:00"), hours, SHANGHAI) == []


def test_whole_days_that_meet_are_one_stretch():
    interval = shift("2026-11-23T20:00", "2026-11-24T02:00")
    assert open_stretches(*interval, WHOLE_WEEK, SHANGHAI) == [interval]


def test_hours_count_on_the_local_day():
    """In Shanghai it is Monday while it is Sunday in UTC."""
    begin, end = shift("2026-11-23T06:00", "2026-11-23T09:00")
    assert begin.weekday() == 6
    assert open_stretches(begin, end, [Hours(0, 0, DAY)], SHANGHAI) == [(begin, end)]
    assert open_stretches(begin, end, [Hours(6, 0, DAY)], SHANGHAI) == []


@pytest.mark.parametrize(("day", "hours"), [(JUMP, 23), (REPEAT, 25), (MONDAY, 24)])
def test_a_whole_day_is_as_long_as_the_day_is(day, hours):
    ((begin, end),) = opening(WHOLE_WEEK, day, BERLIN)
    assert end - begin == dt.timedelta(hours=hours)


def test_hours_within_the_jump_do_not_exist():
    inside = Hours(6, 2 * HOUR + 15, 2 * HOUR + 45)
    around = Hours(6, HOUR, 4 * HOUR)
    assert opening([inside], JUMP, BERLIN) == []
    assert local(opening([around], JUMP, BERLIN), BERLIN) == ["Sun 01:00–Sun 04:00"]
    ((begin, end),) = opening([around], JUMP, BERLIN)
    assert end - begin == dt.timedelta(hours=2)


def test_an_hour_that_comes_twice_is_open_twice():
    ((begin, end),) = opening([Hours(6, 2 * HOUR, 3 * HOUR)], REPEAT, BERLIN)
    assert end - begin == dt.timedelta(hours=2)


# Santiago's clocks jump at midnight, those of Lord Howe by half an hour.
@pytest.mark.parametrize(
    ("zone", "day"),
    [
        (BERLIN, JUMP),
        (BERLIN, REPEAT),
        (SHANGHAI, MONDAY),
        ("America/Santiago", dt.date(2026, 9, 6)),
        ("America/Santiago", dt.date(2026, 4, 4)),
        ("Australia/Lord_Howe", dt.date(2026, 10, 4)),
        ("Australia/Lord_Howe", dt.date(2026, 4, 5)),
    ],
)
def test_later_minutes_are_never_earlier_moments(zone, day):
    moments = [moment(day, minute, zone) for minute in range(0, DAY + 1, 5)]
    assert moments == sorted(moments)
    begin, end = clock.day_bounds(day, zone)
    assert moments[-1] == end
    assert all(begin <= one <= end for one in moments[1:])


@settings(deadline=None)
@given(
    day=st.sampled_from([JUMP, REPEAT, MONDAY, dt.date(2026, 9, 6)]),
    zone=st.sampled_from([SHANGHAI, BERLIN, "America/Santiago"]),
    edges=st.lists(st.integers(0, DAY // 5), min_size=4, max_size=4, unique=True).map(sorted),
    begin=st.integers(-30 * HOUR, 30 * HOUR),
    length=st.integers(5, 25 * HOUR),
)
def test_a_minute_of_a_shift_is_open_exactly_when_the_store_is(day, zone, edges, begin, length):
    opens, lunch, after, closes = (edge * 5 for edge in edges)
    hours = [
        Hours(weekday, *stretch) for weekday in (0, 2, 4, 6) for stretch in ((opens, lunch), (after, closes))
    ]
    starts_at = moment(day, 0, zone) + dt.timedelta(minutes=begin)
    ends_at = starts_at + dt.timedelta(minutes=length)
    stretches = open_stretches(starts_at, ends_at, hours, zone)
    assert all(begin < end for begin, end in stretches)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(stretches))
    for number in range(0, length, 7):
        at = starts_at + dt.timedelta(minutes=number)
        shown = at.astimezone(ZoneInfo(zone))
        minute = shown.hour * HOUR + shown.minute
        if shown.fold or (shown - dt.timedelta(hours=1)).utcoffset() != shown.utcoffset():
            continue  # of an hour that comes twice, what begins in it begins the first time
        is_open = any(one.weekday == shown.weekday() and one.opens <= minute < one.closes for one in hours)
        assert any(begin <= at < end for begin, end in stretches) == is_open


@pytest.mark.parametrize(
    "hours",
    [
        [Hours(0, 600, 600)],
        [Hours(0, 600, 540)],
        [Hours(0, -5, 540)],
        [Hours(0, 600, 1445)],
        [Hours(7, 540, 600)],
        [Hours(0, 541, 600)],
        [Hours(0, 540, 720), Hours(0, 700, 1080)],
        [Hours(0, 0, 60), Hours(0, 120, 180), Hours(0, 240, 300)],
    ],
    ids=["no length", "backwards", "before", "after", "no day", "off the grid", "overlap", "two breaks"],
)
def test_hours_that_no_day_has_are_refused(hours):
    with pytest.raises(Invalid):
        check_hours(hours)


def test_usual_hours_are_taken():
    check_hours([*WHOLE_WEEK[:5], Hours(5, 540, 720), Hours(5, 780, 1080)])
    check_hours([])


ROSTER = Roster(
    doctor_id=1,
    store_id=1,
    weekdays=frozenset({0, 2}),
    from_date=MONDAY,
    to_date=MONDAY + dt.timedelta(days=13),
    begin_minute=540,
    end_minute=720,
    slot_minutes=30,
    per_slot=1,
)


def test_a_roster_means_its_weekdays_from_the_first_day_to_the_last():
    check_roster(ROSTER)
    assert [f"{day:%a %d}" for day in ROSTER.dates()] == ["Mon 23", "Wed 25", "Mon 30", "Wed 02"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"weekdays": frozenset()}, "weekdays"),
        ({"weekdays": frozenset({7})}, "weekdays"),
        ({"to_date": MONDAY - dt.timedelta(days=1)}, "to_date"),
        ({"to_date": MONDAY + dt.timedelta(days=366)}, "to_date"),
        ({"end_minute": 540}, "end"),
        ({"end_minute": 1445}, "end"),
        ({"begin_minute": 541}, "end"),
        ({"end_minute": 565}, "slot_minutes"),
        ({"slot_minutes": 12}, "slot_minutes"),
        ({"slot_minutes": 245, "end_minute": 1200}, "slot_minutes"),
        ({"per_slot": 0}, "per_slot"),
        ({"per_slot": 21}, "per_slot"),
    ],
)
def test_a_roster_that_makes_no_sense_names_its_field(changed, field):
    with pytest.raises(Invalid) as refusal:
        check_roster(replace(ROSTER, **changed))
    assert list(refusal.value.fields) == [field]
