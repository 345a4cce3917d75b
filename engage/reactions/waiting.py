"""Reactions of the waiting list: what a visit meets, and places that became free (BK-17)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from engage.booking import queries, services
from engage.kernel import outbox
from engage.kernel.db import Session

Payload = Mapping[str, Any]


def _visits(_session: Session, payloads: Sequence[Payload]) -> Sequence[int]:
    return [payload["appointment_id"] for payload in payloads]


@outbox.once_for(_visits, rank=2)
def settle(session: Session, payload: Payload, *, now: dt.datetime) -> None:
    """A visit was booked or moved: whoever waited for it waits no more. Safe to repeat."""
    services.settle_wishes(session, queries.appointment(session, payload["appointment_id"]), now=now)


@outbox.once_for(_visits, rank=2)
def resume(session: Session, payload: Payload, *, now: dt.datetime) -> None:
    """A visit that was asked for was declined: who waited for it waits again. Safe to repeat."""
    services.resume_wishes(session, queries.appointment(session, payload["appointment_id"]), now=now)


def _the_list(_session: Session, payloads: Sequence[Payload]) -> Sequence[int]:
    return [0] * len(payloads)


@outbox.once_for(_the_list, rank=0)
def look(session: Session, _payload: Payload, *, now: dt.datetime) -> None:
    """A place became free: the list is looked through. Safe to repeat."""
    services.look_through(session, now=now)
