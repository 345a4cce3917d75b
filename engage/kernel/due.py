"""What is due: which tenant's queue has work, and from when on. The clock reads it, outside any tenant.

Rows are only added by those who record work, in the same transaction, so that recorders never wait
for each other. Whoever emptied the queue removes the rows it had seen before it began; a crash
before that leaves them, and a row added meanwhile stays (ADR 0004).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel import clock
from engage.kernel.db import Model, Session


class Due(Model):
    """A tenant's queue has work from `at` on. Holds no personal data; not walled."""

    __tablename__ = "due"

    tenant_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(sa.Identity(), primary_key=True)
    queue: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(index=True)


def mark(session: Session, queue: str, *, at: dt.datetime) -> None:
    """Record that the queue has work at `at`; rings after the commit, or then if that is yet to come."""
    session.execute(sa.insert(Due).values(tenant_id=session.tenant_id, queue=queue, at=at))
    if at <= clock.now():
        ring(session, queue)


def ring(session: Session, queue: str) -> None:
    """Let the doorbell ring after the commit, where a statement marked the queue by itself (`marking`)."""
    session.info.setdefault("rings", set()).add(queue)


def marking(work: sa.CTE) -> sa.CTE:
    """Build what `mark` does for what `work` records in the same statement, all for one queue and time."""
    rows = sa.select(work.c.tenant_id, work.c.queue, work.c.available_at).limit(sa.literal_column("1"))
    return sa.insert(Due).from_select(("tenant_id", "queue", "at"), rows).cte("marked")


def reached(session: Session, *, now: dt.datetime, limit: int = 1000) -> Sequence[tuple[int, str]]:
    """Give the (tenant, queue) pairs with work at `now`."""
    rows = session.execute(
        sa.select(Due.tenant_id, Due.queue)
        .where(Due.at <= now)
        .group_by(Due.tenant_id, Due.queue)
        .limit(limit)
    )
    return [(row.tenant_id, row.queue) for row in rows]


def seen(session: Session, queue: str, *, now: dt.datetime) -> Sequence[int]:
    """Give the marks of a queue that draining it will answer; taken before the work."""
    return session.scalars(
        sa.select(Due.id).where(Due.tenant_id == session.tenant_id, Due.queue == queue, Due.at <= now)
    ).all()


def answered(session: Session, queue: str, marks: Sequence[int], *, next_at: dt.datetime | None) -> None:
    """Remove the marks seen before the work, and mark what is left for `next_at`, in one transaction."""
    mine = (Due.tenant_id == session.tenant_id, Due.queue == queue)
    # One array: a list of values would meet PostgreSQL's limit of 65,535 parameters.
    seen_marks = sa.literal(list(marks), ARRAY(sa.BigInteger))
    session.execute(sa.delete(Due).where(*mine, Due.id == sa.any_(seen_marks)))
    if next_at is not None and not session.scalar(sa.select(sa.exists().where(*mine, Due.at == next_at))):
        session.execute(sa.insert(Due).values(tenant_id=session.tenant_id, queue=queue, at=next_at))
