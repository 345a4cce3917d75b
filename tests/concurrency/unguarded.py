"""The controls of races for places: booking, changing and holding without the ledger's guard."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from engage.booking.rules import Move
from engage.booking.services import booking, ledger
from engage.kernel.db import Session


def nothing_moves(_session: Session, _moves: Sequence[Move]) -> bool:
    """Take no places, whatever is left."""
    return True


def take_places_by(
    monkeypatch: pytest.MonkeyPatch, move: Callable[[Session, Sequence[Move]], bool] = nothing_moves
) -> None:
    """Let places be taken by `move` in place of the ledger's statement."""
    planned = booking._moves

    def moved(session: Session, *wish: Any, now: dt.datetime) -> Sequence[Move]:
        wanted = planned(session, *wish, now=now)
        return () if move(session, wanted) else wanted

    monkeypatch.setattr(ledger, "move", move)
    monkeypatch.setattr(booking, "_moves", moved)
