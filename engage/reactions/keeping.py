"""Reactions that keep the ladder of a visit in line with the visit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from engage.booking import services as booking
from engage.kernel import outbox
from engage.kernel.db import Session
from engage.reactions.notifications import REMINDER

Payload = Mapping[str, Any]


def _visits(_session: Session, payloads: Sequence[Payload]) -> Sequence[int]:
    return [payload["appointment_id"] for payload in payloads]


@outbox.once_for(_visits, rank=1)
def arrange(session: Session, payload: Payload, *, now: dt.datetime) -> None:
    """A visit stands, was moved, is off, or something was said of it. Safe to repeat."""
    since = dt.datetime.fromisoformat(payload["at"])
    booking.arrange(session, payload["appointment_id"], now=now, since=since)


@outbox.once_for(_visits, rank=1)
def tie(session: Session, payload: Payload, *, now: dt.datetime) -> None:
    """A patient booked, perhaps in the place of a visit that they missed. Safe to repeat."""
    booking.tie(session, payload["appointment_id"], now=now)


def call_instead(session: Session, payload: Payload, *, now: dt.datetime) -> None:
    """A reminder did not arrive, or nobody knows: somebody is to call. Safe to repeat."""
    if payload["kind"] == REMINDER:
        booking.call_instead(session, payload["subject_id"], now=now)
