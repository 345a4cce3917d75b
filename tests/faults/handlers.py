"""Handlers whose every run leaves a trace: a second run would show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from engage.audit import services as audit
from engage.kernel.db import Session
from engage.kernel.outbox import Handlers

EVENT = "test.happened"


def first(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Leave a trace."""
    audit.record(session, "first", by=audit.SYSTEM, subject=("test", payload["number"]), now=now)


def second(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Leave another trace."""
    audit.record(session, "second", by=audit.SYSTEM, subject=("test", payload["number"]), now=now)


HANDLERS: Handlers = {EVENT: (first, second)}
