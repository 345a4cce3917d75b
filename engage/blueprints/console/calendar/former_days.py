"""What stood on a doctor's days before a change, as the address of its undo holds it."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import zlib
from collections.abc import Mapping, Sequence
from typing import Final

from engage.clinic.rules import Period
from engage.kernel.errors import Invalid

# The address stands in the cookie of the session until the page that offers it.
_LENGTH_AT_MOST: Final = 1500
_UNPACKED_AT_MOST: Final = 100_000


def write(days: Mapping[dt.date, Sequence[Period]]) -> str:
    """Write days with their periods; nothing where they are too many for an address."""
    lines = [
        " ".join([str(date.toordinal()), *("-".join(map(str, _numbers(one))) for one in periods)])
        for date, periods in sorted(days.items())
    ]
    packed = base64.urlsafe_b64encode(zlib.compress("\n".join(lines).encode(), 9)).decode()
    return packed if len(packed) <= _LENGTH_AT_MOST else ""


def read(written: str) -> dict[dt.date, list[Period]]:
    """Read what `write` wrote.

    Raises:
        Invalid: somebody else wrote it.
    """
    try:
        packed = base64.urlsafe_b64decode(written)
        text = zlib.decompressobj().decompress(packed, _UNPACKED_AT_MOST).decode()
        rows = [line.split(" ") for line in text.splitlines()]
        days = {
            dt.date.fromordinal(int(date)): [Period(*map(int, one.split("-", 4))) for one in periods]
            for date, *periods in rows
        }
    except (binascii.Error, zlib.error, ValueError, TypeError, OverflowError) as error:
        raise Invalid({}) from error
    if not days:
        raise Invalid({})
    return days


def _numbers(one: Period) -> tuple[int, ...]:
    return (one.begin_minute, one.end_minute, one.store_id, one.slot_minutes, one.per_slot)
