"""Scans: each push one row, and what the code gives to who scanned it."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.dialects.postgresql import insert

from engage.audit.services import SYSTEM
from engage.fans import queries as fan_queries
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import Session
from engage.qrcodes import queries, rules
from engage.qrcodes.models import ChannelCode, Scan
from engage.tenancy import queries as tenancy


def record_scan(
    session: Session,
    fan_id: int,
    scene: str,
    *,
    push_id: int,
    at: dt.datetime,
    is_first: bool,
    now: dt.datetime,
) -> int | None:
    """Count a scan and give the fan what the code says; gives the code's id, None for a foreign scene.

    Idempotent per `push_id`: a repeat counts nothing and gives nothing again. `at` is WeChat's time;
    `is_first` says that the person began to follow by it and never had before. The code becomes the fan's
    source if there is none yet. Tags, store and consultant come of codes in use alone, store and consultant
    to fans who have none.
    """
    fan = fan_queries.fan(session, fan_id)
    code = queries.code_of_scene(session, fan.account_id, scene, at)
    if code is None:
        return None
    if _is_counted(session, code, fan_id, push_id, at=at, is_first=is_first):
        if code.state == rules.ACTIVE:
            _give(session, code, fan_id, now=now)
        fans.record_source(session, fan_id, code_id=code.id, now=now)
    return code.id


def _is_counted(
    session: Session, code: ChannelCode, fan_id: int, push_id: int, *, at: dt.datetime, is_first: bool
) -> bool:
    """Add the scan, unless its push was counted before."""
    day = clock.local(at, tenancy.tenant(session).zone).date()
    row = insert(Scan).values(
        code_id=code.id, fan_id=fan_id, push_id=push_id, at=at, day=day, is_new=is_first
    )
    counted = row.on_conflict_do_nothing(index_elements=["tenant_id", "push_id"]).returning(Scan.id)
    return session.scalar(counted) is not None


def _give(session: Session, code: ChannelCode, fan_id: int, *, now: dt.datetime) -> None:
    tag_ids = queries.tag_ids(session, [code.id]).get(code.id)
    if tag_ids:
        fans.tags.add(session, tag_ids, [fan_id], how="scan", by=SYSTEM, now=now)
    if code.store_id is not None:
        fans.fill_store(session, fan_id, code.store_id)
    if code.consultant_id is not None:
        fans.fill_consultant(session, fan_id, code.consultant_id)
