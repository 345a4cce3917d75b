"""The time, its development offset, and local days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from engage.kernel import clock

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def offset(tmp_path: Path) -> Iterator[Path]:
    """A clock of this test's own."""
    file, before = tmp_path / "home" / "clock-offset", clock._offset.file
    clock.use_offset(file)
    yield file
    clock.use_offset(before)


def ahead() -> float:
    """Give by how many seconds the clock is moved, to the minute."""
    return round((clock.now() - clock.real_now()).total_seconds() / 60) * 60


def test_without_an_offset_it_is_the_time(offset: Path) -> None:
    assert ahead() == 0
    assert clock.now().tzinfo is dt.UTC


def test_it_moves_forward_and_adds_up(offset: Path) -> None:
    clock.advance(3600)
    assert ahead() == 3600
    clock.advance(60)
    assert ahead() == 3660


def test_another_process_moves_it_too(offset: Path) -> None:
    clock.advance(60)
    fresh = offset.with_suffix(".other")
    fresh.write_text("7200.0")
    fresh.replace(offset)
    assert ahead() == 7200


def test_the_file_gone_it_is_the_time_again(offset: Path) -> None:
    clock.advance(3600)
    offset.unlink()
    assert ahead() == 0


def test_production_moves_no_clock(offset: Path) -> None:
    clock.use_offset(None)
    with pytest.raises(RuntimeError):
        clock.advance(1)
    assert ahead() == 0


@pytest.mark.parametrize(
    ("day", "zone", "begin", "hours"),
    [
        (dt.date(2026, 11, 22), "Asia/Shanghai", "2026-11-21T16:00", 24),
        (dt.date(2026, 11, 22), "Asia/Seoul", "2026-11-21T15:00", 24),
        (dt.date(2026, 3, 29), "Europe/Berlin", "2026-03-28T23:00", 23),
        (dt.date(2026, 10, 25), "Europe/Berlin", "2026-10-24T22:00", 25),
        (dt.date(2026, 11, 1), "America/New_York", "2026-11-01T04:00", 25),
        (dt.date(2026, 9, 6), "America/Santiago", "2026-09-06T04:00", 23),  # midnight itself is skipped
        (dt.date(1986, 5, 4), "Asia/Shanghai", "1986-05-03T16:00", 23),
    ],
)
def test_a_day_is_as_long_as_its_zone_makes_it(day: dt.date, zone: str, begin: str, hours: int) -> None:
    start, end = clock.day_bounds(day, zone)
    assert start == dt.datetime.fromisoformat(f"{begin}+00:00")
    assert end - start == hours * HOUR
    assert clock.day_bounds(day + dt.timedelta(days=1), zone)[0] == end


def test_local_time_is_the_same_moment() -> None:
    moment = dt.datetime(2026, 11, 22, 20, tzinfo=dt.UTC)
    local = clock.local(moment, "Asia/Shanghai")
    assert local == moment
    assert (local.day, local.hour) == (23, 4)
