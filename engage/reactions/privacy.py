"""Reactions for people's privacy: who left is forgotten, charts are compared, merges are finished."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from engage.fans import services as fans
from engage.kernel.db import Session
from engage.privacy import services

Payload = Mapping[str, Any]


def forget_who_left(session: Session, payload: Payload, *, now: dt.datetime) -> None:
    """A fan left: name and picture from WeChat go, the picture's file too."""
    picture = fans.forget_who_left(session, payload["fan_id"])
    services.forget_files(session, [picture] if picture else [], now=now)


def compare(session: Session, payload: Payload, *, now: dt.datetime) -> None:
    """A chart was made, or tells something else."""
    services.compare(session, payload["patient_id"], now=now)


def finish_merge(session: Session, payload: Payload, *, now: dt.datetime) -> None:
    """Two charts were merged: what somebody hung on the other meanwhile follows."""
    services.follow_up(session, payload["patient_id"], payload["merged_id"], now=now)
    services.compare(session, payload["patient_id"], now=now)
