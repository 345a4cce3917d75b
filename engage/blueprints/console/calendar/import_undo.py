"""What an import brought, as the address of its undo holds it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer

from engage.clinic.rules import Special
from engage.kernel.errors import Invalid

# The address stands in the cookie of the session until the page that offers it.
_LENGTH_AT_MOST: Final = 1500

Day = tuple[int, dt.date]


def write_rosters(ids: Sequence[int], mark: str) -> str:
    """Write which shifts were brought; nothing where they are too many for an address."""
    runs: list[list[int]] = []
    for one in sorted(ids):
        if runs and runs[-1][1] == one - 1:
            runs[-1][1] = one
        else:
            runs.append([one, one])
    return _pack([mark, runs])


def read_rosters(written: str) -> tuple[list[int], str]:
    """Read what `write_rosters` wrote.

    Raises:
        Invalid: somebody else wrote it.
    """
    try:
        mark, runs = _unpack(written)
        return [one for first, last in runs for one in range(first, last + 1)], str(mark)
    except (ValueError, TypeError) as error:
        raise Invalid({}) from error


def write_days(former: Mapping[Day, Special | None], mark: str) -> str:
    """Write what stood on dates before; nothing where they are too many for an address."""
    days = [
        [store_id, date.toordinal(), None if one is None else [one.name, one.stretches]]
        for (store_id, date), one in sorted(former.items(), key=lambda pair: pair[0])
    ]
    return _pack([mark, days])


def read_days(written: str) -> tuple[dict[Day, Special | None], str]:
    """Read what `write_days` wrote.

    Raises:
        Invalid: somebody else wrote it.
    """
    try:
        mark, days = _unpack(written)
        return {
            (int(store_id), dt.date.fromordinal(ordinal)): None if was is None else _special(*was)
            for store_id, ordinal, was in days
        }, str(mark)
    except (ValueError, TypeError, OverflowError) as error:
        raise Invalid({}) from error


def _special(name: str, stretches: Sequence[Sequence[int]]) -> Special:
    return Special(str(name), tuple((int(opens), int(closes)) for opens, closes in stretches))


def _pack(value: Any) -> str:
    packed: str = _signer().dumps(value)
    return packed if len(packed) <= _LENGTH_AT_MOST else ""


def _unpack(written: str) -> tuple[Any, Any]:
    try:
        first, second = _signer().loads(written)
    except BadData as error:
        raise ValueError from error
    return first, second


def _signer() -> URLSafeSerializer:
    """Give what signs: only what was written here is taken back, and as it was."""
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="import")
