"""Which free times suit a patient best (BK-13), by a table of cases."""

from __future__ import annotations

import datetime as dt

import pytest

from engage.booking.rules import Slot
from engage.booking.rules.ranking import Habit, habit, is_usual, ranked, suggested

ZONE = "Asia/Shanghai"
MONDAY = dt.date(2026, 11, 23)
TUESDAY_HALF_PAST_TWO = Habit(weekday=1, minute=14 * 60 + 30)


def at(day: int, hour: int, minute: int = 0) -> dt.datetime:
    """Give a time by Shanghai's clock, some days after the Monday."""
    date = MONDAY + dt.timedelta(days=day)
    return dt.datetime.combine(date, dt.time(hour, minute), dt.timezone(dt.timedelta(hours=8))).astimezone(
        dt.UTC
    )


def slot(day: int, hour: int, minute: int = 0, *, free: int = 1) -> Slot:
    begin = at(day, hour, minute)
    return Slot(1, 1, begin, begin + dt.timedelta(minutes=30), 1, free)


@pytest.mark.parametrize(
    ("visits", "usual"),
    [
        ([], None),
        ([at(-7, 9)], Habit(0, 9 * 60)),
        ([at(-6, 14, 30), at(-13, 14), at(-21, 9)], Habit(1, 14 * 60)),
        ([at(-6, 10), at(-12, 16)], Habit(1, 10 * 60)),  # once each: the latest weekday
        ([at(-6, 23, 30)], Habit(1, 23 * 60 + 30)),  # by the store's clock, not UTC's
        (
            [*(at(-7 * week, 9) for week in range(1, 7)), *(at(-7 * week + 1, 9) for week in range(8, 30))],
            Habit(0, 540),
        ),
    ],
)
def test_a_habit_is_the_weekday_and_hour_of_the_last_visits(
    visits: list[dt.datetime], usual: Habit | None
) -> None:
    assert habit(visits, ZONE) == usual


@pytest.mark.parametrize(
    ("usual", "slots", "first"),
    [
        (None, [slot(3, 9), slot(1, 18)], at(1, 18)),  # nothing known: the nearest
        (TUESDAY_HALF_PAST_TWO, [slot(1, 9), slot(1, 14, 30)], at(1, 14, 30)),  # the usual hour
        (TUESDAY_HALF_PAST_TWO, [slot(2, 10), slot(1, 14, 30)], at(1, 14, 30)),
        (TUESDAY_HALF_PAST_TWO, [slot(0, 9), slot(8, 14, 30)], at(0, 9)),  # far away, the near date wins
        (TUESDAY_HALF_PAST_TWO, [slot(5, 9), slot(8, 14, 30)], at(8, 14, 30)),  # near each other, the habit
        (TUESDAY_HALF_PAST_TWO, [slot(1, 14, 30, free=0), slot(2, 9)], at(2, 9)),  # what is full is nothing
    ],
)
def test_the_near_date_and_the_habit_decide(
    usual: Habit | None, slots: list[Slot], first: dt.datetime
) -> None:
    assert ranked(slots, usual, zone=ZONE, near=MONDAY)[0].starts_at == first


def test_suggestions_are_few_and_of_different_days() -> None:
    many = [slot(day, hour) for day in range(6) for hour in (9, 14, 17)]
    found = suggested(many, TUESDAY_HALF_PAST_TWO, zone=ZONE, near=MONDAY)
    assert [one.starts_at for one in found] == [at(1, 14), at(0, 14), at(2, 14)]


@pytest.mark.parametrize(
    ("starts_at", "expected"), [(at(1, 15, 30), True), (at(1, 15, 31), False), (at(2, 14, 30), False)]
)
def test_the_usual_time_is_named(starts_at: dt.datetime, expected: bool) -> None:
    assert is_usual(starts_at, TUESDAY_HALF_PAST_TWO, ZONE) is expected


def test_of_who_never_came_nothing_is_usual() -> None:
    assert not is_usual(at(1, 14), None, ZONE)
