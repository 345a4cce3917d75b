"""Reading the audit trail."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.kernel.db import Session
from engage.kernel.paging import SIZE, Keyset, Page

NEWEST = Keyset((AuditEntry.at, AuditEntry.id), descending=True)


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for in the trail; None filters nothing."""

    staff_id: int | None = None
    actions: Collection[str] | None = None
    subject: tuple[str, int] | None = None
    since: dt.datetime | None = None


def trail(session: Session, sought: Sought, *, cursor: str | None) -> Page[AuditEntry]:
    """Give a page of entries, newest first."""
    statement = sa.select(AuditEntry)
    if sought.staff_id is not None:
        statement = statement.where(AuditEntry.actor_kind == "staff", AuditEntry.actor_id == sought.staff_id)
    if sought.actions is not None:
        statement = statement.where(AuditEntry.action.in_(sought.actions))
    if sought.subject is not None:
        kind, subject_id = sought.subject
        statement = statement.where(AuditEntry.subject_kind == kind, AuditEntry.subject_id == subject_id)
    if sought.since is not None:
        statement = statement.where(AuditEntry.at >= sought.since)
    return NEWEST.page(session.scalars(NEWEST.statement(statement, cursor, SIZE)).all(), SIZE)
