"""What people of the demo asked for under Me, Privacy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from engage.kernel.db import Session
from engage.privacy import queries, services


def ask(session: Session, fans: Mapping[str, int], *, now: dt.datetime) -> None:
    """Let one ask for a copy of their data, once."""
    fan_id = fans["jianguo"]
    if not queries.standing(session, fan_id).requests:
        services.ask(session, fan_id, "export", now=now - dt.timedelta(hours=3))
