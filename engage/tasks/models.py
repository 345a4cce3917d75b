"""Tables of tasks."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model, TenantOwned, belongs_to
from engage.kernel.sealing import Sealed
from engage.tasks.rules import STATES

_OPEN = sa.text("state = 'open'")


class Task(Identified, Model):
    """Something that staff are to do about a subject, as it was at a version: once of each kind.

    `assignee_id` is who took it at `assigned_at`; `done_by` who ended it, nobody where it ended by itself.
    """

    __tablename__ = "task"
    __table_args__ = (
        belongs_to("store", "store_id"),
        belongs_to("patient", "patient_id"),
        belongs_to("staff", "assignee_id"),
        belongs_to("staff", "done_by"),
        sa.UniqueConstraint("tenant_id", "kind", "subject_kind", "subject_id", "subject_version"),
        sa.Index(None, "tenant_id", "subject_kind", "subject_id"),
        sa.Index("ix_task_open", "tenant_id", "due_at", "id", postgresql_where=_OPEN),
        sa.Index("ix_task_open_store", "tenant_id", "store_id", "due_at", "id", postgresql_where=_OPEN),
        sa.Index("ix_task_over", "tenant_id", "done_at", "id", postgresql_where=sa.text("state <> 'open'")),
        sa.Index(None, "tenant_id", "patient_id", "id", postgresql_where=sa.text("patient_id IS NOT NULL")),
        sa.CheckConstraint(f"state IN ({', '.join(repr(state) for state in STATES)})", name="state_known"),
        sa.CheckConstraint("(state = 'open') = (done_at IS NULL)", name="over_has_time"),
        sa.CheckConstraint("(state = 'done') = (outcome IS NOT NULL)", name="done_has_outcome"),
        sa.CheckConstraint("(assignee_id IS NULL) = (assigned_at IS NULL)", name="taken_has_time"),
    )

    kind: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[int]
    subject_version: Mapped[int] = mapped_column(sa.Integer)
    store_id: Mapped[int]
    patient_id: Mapped[int | None]
    due_at: Mapped[dt.datetime]
    state: Mapped[str] = mapped_column(server_default="open")
    outcome: Mapped[str | None]
    note: Mapped[str] = mapped_column(Sealed)
    attempts: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    assignee_id: Mapped[int | None]
    assigned_at: Mapped[dt.datetime | None]
    opened_at: Mapped[dt.datetime]
    done_at: Mapped[dt.datetime | None]
    done_by: Mapped[int | None]
    version: Mapped[int] = mapped_column(sa.Integer, server_default="1")


class Script(TenantOwned, Model):
    """What a clinic says in calls of a kind; a kind without a row is said as the table of kinds has it."""

    __tablename__ = "task_script"

    kind: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    updated_at: Mapped[dt.datetime]
