"""Reactions that let somebody look at how visits are kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from engage.kernel import outbox
from engage.kernel.db import Session
from engage.reporting import services


def _the_chain(_session: Session, payloads: Sequence[Mapping[str, Any]]) -> Sequence[int]:
    return [0] * len(payloads)


@outbox.once_for(_the_chain, rank=0)
def look(session: Session, _payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """A visit was missed or cancelled: the next morning says whether too many are. Safe to repeat."""
    services.look_tomorrow(session, now=now)
