"""Where things stand on the board."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engage.blueprints.console.appointments import layout
from engage.blueprints.console.appointments.layout import Lane, Thing

DAY = dt.date(2026, 11, 22)


def thing(begin, end):
    return Thing(begin, end, {})


def columns(*spans):
    return [(one.column, one.columns) for one in layout.side_by_side([thing(*span) for span in spans])]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], []),
        ([(540, 570), (570, 600)], [(0, 1), (0, 1)]),
        ([(540, 570), (540, 570)], [(0, 2), (1, 2)]),
        ([(540, 600), (570, 630), (600, 660)], [(0, 2), (1, 2), (0, 2)]),
        ([(540, 600), (550, 560), (600, 630)], [(0, 2), (1, 2), (0, 1)]),
    ],
)
def test_what_overlaps_shares_the_width(spans, expected):
    assert columns(*spans) == expected


@given(st.lists(st.tuples(st.integers(0, 280), st.integers(1, 24)), max_size=12))
def test_nothing_covers_anything_else(spans):
    things = layout.side_by_side([thing(begin * 5, (begin + length) * 5) for begin, length in spans])
    for index, one in enumerate(things):
        assert 0 <= one.column < one.columns
        for other in things[index + 1 :]:
            if one.begin < other.end and other.begin < one.end:
                assert one.column != other.column
                assert one.columns == other.columns


@pytest.mark.parametrize(
    ("moment", "minutes"),
    [
        (dt.datetime(2026, 11, 22, 0, 0, tzinfo=dt.UTC), 0),
        (dt.datetime(2026, 11, 22, 14, 35, tzinfo=dt.UTC), 875),
        (dt.datetime(2026, 11, 21, 23, 0, tzinfo=dt.UTC), 0),
        (dt.datetime(2026, 11, 23, 0, 30, tzinfo=dt.UTC), 1440),
    ],
)
def test_minutes_stay_within_the_day(moment, minutes):
    assert layout.minutes_of(moment, DAY) == minutes


def test_whole_hours_around_all_there_is():
    lane = Lane({}, open=[(545, 600)], things=[thing(605, 1435)])
    assert layout.hours([lane]) == (540, 1440)
    assert layout.hours([Lane({})]) == layout.USUAL


@pytest.mark.parametrize(("length", "size"), [(60, "wide"), (30, "wide"), (20, "middle"), (10, "close")])
def test_a_short_visit_is_drawn_taller(length, size):
    assert layout.scale([Lane({}, things=[thing(540, 540 + length)])]) == size


def test_open_stretches_that_touch_are_one():
    assert layout.joined([(570, 600), (540, 570), (660, 690)]) == [(540, 600), (660, 690)]
