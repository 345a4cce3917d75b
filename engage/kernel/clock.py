"""The time: the only module that asks for it. Services are given `now` instead.

In development and tests an offset moves the clock of every process together; it stands in a file
beside `run.json`, since the processes share nothing else that may not be emptied.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo


@dataclass(slots=True)
class _Offset:
    file: Path | None = None
    read_at_ns: int = -1
    value: dt.timedelta = field(default_factory=dt.timedelta)


_offset = _Offset()


def use_offset(file: Path | None) -> None:
    """Move the clock by the seconds written in `file` (development and tests); None forbids it."""
    _offset.file, _offset.read_at_ns, _offset.value = file, -1, dt.timedelta()


def advance(seconds: float) -> None:
    """Move the clock of every process of this home forward.

    Raises:
        RuntimeError: the process runs without an offset, as in production.
    """
    if _offset.file is None:
        raise RuntimeError("the clock cannot be moved in production")
    _offset.file.parent.mkdir(parents=True, exist_ok=True)
    fresh = _offset.file.with_suffix(".new")
    fresh.write_text(str(_current_offset().total_seconds() + seconds))
    fresh.replace(_offset.file)


def now() -> dt.datetime:
    """Give the aware time in UTC, moved by the development offset."""
    return dt.datetime.now(dt.UTC) + _current_offset()


def real_now() -> dt.datetime:
    """Give the aware time in UTC, never moved: for time stamps compared with another system's."""
    return dt.datetime.now(dt.UTC)


def local(moment: dt.datetime, zone: str) -> dt.datetime:
    """Give `moment` in a store's time zone (IANA name)."""
    return moment.astimezone(ZoneInfo(zone))


def day_bounds(day: dt.date, zone: str) -> tuple[dt.datetime, dt.datetime]:
    """Give the half-open interval of a store's local day, in UTC; 23 or 25 hours long at time changes."""
    tz = ZoneInfo(zone)
    begin = dt.datetime.combine(day, dt.time(), tz)
    end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tz)
    return begin.astimezone(dt.UTC), end.astimezone(dt.UTC)


def _current_offset() -> dt.timedelta:
    if _offset.file is None:
        return dt.timedelta()
    try:
        changed_at_ns = _offset.file.stat().st_mtime_ns
    except FileNotFoundError:
        return dt.timedelta()
    if changed_at_ns != _offset.read_at_ns:
        _offset.value = dt.timedelta(seconds=float(_offset.file.read_text()))
        _offset.read_at_ns = changed_at_ns
    return _offset.value
