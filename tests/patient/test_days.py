"""How days are written: with the year where it is another one."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from flask_babel import force_locale

from engage.blueprints.faces import dated, day, moment
from engage.kernel import clock

TODAY = dt.date(2026, 11, 22)


@pytest.mark.parametrize(
    ("value", "chinese", "english"),
    [
        (dt.date(2026, 11, 22), "11月22日 周日", "Sun 22 Nov"),
        (dt.date(2026, 1, 1), "1月1日 周四", "Thu 1 Jan"),
        (dt.date(2026, 12, 31), "12月31日 周四", "Thu 31 Dec"),
        (dt.date(2027, 1, 3), "2027年1月3日 周日", "Sun 3 Jan 2027"),
        (dt.date(2025, 12, 31), "2025年12月31日 周三", "Wed 31 Dec 2025"),
    ],
)
def test_a_day_of_another_year_says_which(app: Flask, value: dt.date, chinese: str, english: str) -> None:
    for language, expected in (("zh_Hans", chinese), ("en", english)):
        with app.test_request_context(), force_locale(language):
            assert dated(value, TODAY) == expected


def test_this_year_is_that_of_the_clock(app: Flask) -> None:
    here = clock.local(clock.now(), "Asia/Shanghai")
    ahead = here.replace(year=here.year + 1, month=1, day=3, hour=14, minute=30)
    with app.test_request_context(), force_locale("en"):
        assert str(here.year) not in day(here.date())
        assert day(ahead.date()).endswith(f"3 Jan {here.year + 1}")
        assert moment(ahead).endswith(f"3 Jan {here.year + 1} 14:30")
