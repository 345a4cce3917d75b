"""Reactions that count scans of channel codes, and give their scanners what the codes say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from engage.kernel.db import Session
from engage.qrcodes import services as qrcodes


def record_scan(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Somebody followed by a code, or scanned one as a follower. Safe to repeat: a push is one scan."""
    if "scene" in payload:
        qrcodes.record_scan(
            session,
            payload["fan_id"],
            payload["scene"],
            push_id=payload["push_id"],
            at=dt.datetime.fromisoformat(payload["at"]),
            is_first=payload.get("is_first", False),
            now=now,
        )
