"""A booking typed as one line, as it is read."""

from __future__ import annotations

import datetime as dt

import pytest

from engage.booking.rules.line import Line, read

DOCTORS = {1: "李明", 2: "周明慧", 3: "李红", 4: "Anna Kim"}
ITEMS = {11: "洗牙", 12: "种植咨询", 13: "Check-up", 14: "洗牙喷砂"}
# Sunday, 22 November, 10:20.
NOW = dt.datetime(2026, 11, 22, 10, 20, tzinfo=dt.UTC)
TODAY, TOMORROW = dt.date(2026, 11, 22), dt.date(2026, 11, 23)
HALF_PAST_TWO = 14 * 60 + 30


def told(text: str) -> Line:
    return read(text, now=NOW, doctors=DOCTORS, items=ITEMS)


def test_everything_in_one_line():
    line = Line("王小红", TOMORROW, HALF_PAST_TWO, (1, 3), items=(11,))
    assert told("王小红 明天 14:30 李医生 洗牙") == line
    assert told("洗牙 李医生 14：30 明天 王小红") == line
    assert told("王小红明天14:30李医生洗牙") == line
    assert told("王小红 下午两点半 明天 李明医生 洗牙") == Line(
        "王小红", TOMORROW, HALF_PAST_TWO, (1,), items=(11,)
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("wxh 1430 li", Line("wxh", TODAY, HALF_PAST_TWO, (1, 3))),
        ("wxh 1430 liming", Line("wxh", TODAY, HALF_PAST_TWO, (1,))),
        ("wxh 1430 lm xy", Line("wxh", TODAY, HALF_PAST_TWO, (1,), items=(11,))),
        ("wxh 930 zmh", Line("wxh", TOMORROW, 9 * 60 + 30, (2,))),
        ("13800138000 1430 周", Line("13800138000", TODAY, HALF_PAST_TWO, (2,))),
        ("8001 1430 周", Line("8001", TODAY, HALF_PAST_TWO, (2,))),
        ("1234 1430 周", Line("1234", TODAY, HALF_PAST_TWO, (2,))),
        ("John Smith tomorrow 2:30pm Dr Kim", Line("John Smith", TOMORROW, HALF_PAST_TWO, (4,))),
        ("john tue 3pm anna check-up", Line("john", dt.date(2026, 11, 24), 15 * 60, (4,), items=(13,))),
        ("王小红 1430 不指定", Line("王小红", TODAY, HALF_PAST_TWO, anybody=True)),
        ("wxh 1430 any", Line("wxh", TODAY, HALF_PAST_TWO, anybody=True)),
        ("王小红 14:30 种植", Line("王小红", TODAY, HALF_PAST_TWO, items=(12,))),
        ("王小红 洗牙喷砂 明天", Line("王小红", TOMORROW, items=(14,))),
        ("王小红 1430 蓝色", Line("王小红", TODAY, HALF_PAST_TWO, unread="蓝色")),
        ("王小红", Line("王小红")),
        ("", Line()),
        ("赵医生 1430", Line("赵医生", TODAY, HALF_PAST_TWO)),
        ("李医生 wxh 1430", Line("wxh", TODAY, HALF_PAST_TWO, (1, 3))),
    ],
)
def test_words_in_any_order_and_either_language(text, line):
    assert told(text) == line


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("今天", TODAY),
        ("明天", TOMORROW),
        ("后天", dt.date(2026, 11, 24)),
        ("大后天", dt.date(2026, 11, 25)),
        ("tmr", TOMORROW),
        ("周三", dt.date(2026, 11, 25)),
        ("星期天", dt.date(2026, 11, 29)),
        ("礼拜5", dt.date(2026, 11, 27)),
        ("下周三", dt.date(2026, 11, 25)),
        ("下下周一", dt.date(2026, 11, 30)),
        ("friday", dt.date(2026, 11, 27)),
        ("next fri", dt.date(2026, 11, 27)),
        ("11月25日", dt.date(2026, 11, 25)),
        ("1月5号", dt.date(2027, 1, 5)),
        ("25号", dt.date(2026, 11, 25)),
        ("3号", dt.date(2026, 12, 3)),
        ("11-25", dt.date(2026, 11, 25)),
        ("11/25", dt.date(2026, 11, 25)),
        ("2026-12-01", dt.date(2026, 12, 1)),
        ("25 Nov", dt.date(2026, 11, 25)),
        ("Dec 1", dt.date(2026, 12, 1)),
        ("13月40日", None),
        ("2026-02-30", None),
    ],
)
def test_days(words, day):
    line = told(f"王小红 {words} 10:00 李明")
    assert line.day == (day or TOMORROW)  # ten is over today
    assert line.minute == 600
    assert (line.unread == "") is (day is not None)


@pytest.mark.parametrize(
    ("words", "minute"),
    [
        ("14:30", HALF_PAST_TWO),
        ("2:30", HALF_PAST_TWO),
        ("02:30", 150),
        ("8:00", 480),
        ("下午2点", 14 * 60),
        ("上午9点半", 570),
        ("晚上7点一刻", 19 * 60 + 15),
        ("十一点", 660),
        ("十点二十分", 620),
        ("中午12点", 720),
        ("中午1点", 780),
        ("3点20", 15 * 60 + 20),
        ("0900", 540),
        ("930", 570),
        ("9am", 540),
        ("12am", 0),
        ("12pm", 720),
        ("2 pm", 840),
        ("25:00", None),
        ("2460", None),
    ],
)
def test_times(words, minute):
    assert told(f"王小红 明天 {words} 李明").minute == minute


def test_a_day_of_the_month_that_the_next_one_has_not_is_none():
    late = dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)
    assert read("王小红 30号", now=late, doctors={}, items={}).day is None


def test_where_it_is_known_who_comes_the_first_word_is_a_doctor():
    line = read("1430 李明 洗牙", now=NOW, doctors=DOCTORS, items=ITEMS, is_known=True)
    assert line == Line("", TODAY, HALF_PAST_TWO, (1,), items=(11,))
    other = read("赵敏 1430", now=NOW, doctors=DOCTORS, items=ITEMS, is_known=True)
    assert other == Line("赵敏", TODAY, HALF_PAST_TWO)


def test_a_long_line_is_cut():
    assert len(told("王" * 500).who) == 120
