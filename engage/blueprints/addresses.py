"""What stands in addresses, read so that nothing anybody writes there can break a page."""

from __future__ import annotations

import datetime as dt


def read_day(written: str) -> dt.date | None:
    """Read a day of an address; None for what is none, or has no neighbours to count to."""
    try:
        day = dt.date.fromisoformat(written)
    except ValueError:
        return None
    return day if 1970 < day.year < 9999 else None
