"""Writing the audit trail."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.kernel.db import Session


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `staff` or `fan` with an id, or `system` and `operator` without."""

    kind: str
    id: int | None = None


OPERATOR = Actor("operator")
SYSTEM = Actor("system")


def record(
    session: Session,
    action: str,
    *,
    by: Actor,
    subject: tuple[str, int],
    now: dt.datetime,
    fields: Iterable[str] = (),
) -> None:
    """Add an entry to the trail, in the transaction of the change itself."""
    kind, subject_id = subject
    session.add(
        AuditEntry(
            at=now,
            actor_kind=by.kind,
            actor_id=by.id,
            action=action,
            subject_kind=kind,
            subject_id=subject_id,
            fields=sorted(fields),
        )
    )


def recording(happened: sa.FromClause, subject_id: sa.ColumnElement[int]) -> sa.CTE:
    """Build what `record` does for the row of `happened`, as part of a statement that is built once.

    The subject's id comes from the statement itself; all else comes by the names of `values_of`.
    """
    table = cast("sa.Table", AuditEntry.__table__)
    told = ("at", "actor_kind", "actor_id", "action", "subject_kind", "fields")
    row = {name: sa.bindparam(f"audit_{name}", type_=table.c[name].type) for name in told}
    return (
        sa.insert(table)
        .from_select([*row, "subject_id"], sa.select(*row.values(), subject_id).select_from(happened))
        .cte("audited")
    )


def values_of(
    action: str, *, by: Actor, kind: str, now: dt.datetime, fields: Iterable[str] = ()
) -> dict[str, Any]:
    """Give what `recording` stores."""
    return {
        "audit_at": now,
        "audit_actor_kind": by.kind,
        "audit_actor_id": by.id,
        "audit_action": action,
        "audit_subject_kind": kind,
        "audit_fields": sorted(fields),
    }


def record_each(
    session: Session,
    action: str,
    *,
    by: Actor,
    kind: str,
    subject_ids: Iterable[int],
    now: dt.datetime,
    fields: Iterable[str] = (),
) -> None:
    """Add an entry for each of several subjects that were seen or changed together, by one statement."""
    about = {"at": now, "actor_kind": by.kind, "actor_id": by.id, "action": action, "fields": sorted(fields)}
    rows = [about | {"subject_kind": kind, "subject_id": subject_id} for subject_id in subject_ids]
    if rows:
        session.execute(sa.insert(AuditEntry).values(rows))
