"""Answers that may be a little old: in a web process one serves all who ask within a moment.

For what is only shown, such as free times beside one that is taken. What decides is asked each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar, cast

Answer = TypeVar("Answer")

SECONDS: Final = 1.0
AT_MOST: Final = 1000

_kept: dict[Hashable, tuple[float, Any]] | None = None


def keep(*, kept: bool = True) -> None:
    """Keep answers in this process from now on, or no longer."""
    global _kept
    _kept = {} if kept else None


def answer(key: Hashable, find: Callable[[], Answer]) -> Answer:
    """Give what `find` gave within the last second where answers are kept, else ask it.

    `key` names the tenant and all that the answer depends on. Whoever is given it changes nothing in it.
    """
    if _kept is None:
        return find()
    until, known = _kept.get(key, (0.0, None))
    if time.monotonic() < until:
        return cast("Answer", known)
    found = find()
    _keep(_kept, key, found)
    return found


def note(key: Hashable) -> None:
    """Remember for a second, where answers are kept, that something was so."""
    if _kept is not None:
        _keep(_kept, key, None)


def noted(key: Hashable) -> bool:
    """Whether that was so within the last second."""
    return _kept is not None and time.monotonic() < _kept.get(key, (0.0, None))[0]


def _keep(kept: dict[Hashable, tuple[float, Any]], key: Hashable, found: Any) -> None:
    if len(kept) >= AT_MOST:
        kept.clear()
    kept[key] = (time.monotonic() + SECONDS, found)
