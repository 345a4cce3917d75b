"""Tables of the audit trail."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model


class AuditEntry(Identified, Model):
    """One change or look. Holds names of fields, never their values (design §3.8); only ever added to."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        sa.Index(None, "tenant_id", "subject_kind", "subject_id", "id"),
        sa.Index(None, "tenant_id", "at", "id"),
        sa.Index(None, "tenant_id", "actor_id", "at", "id"),
        sa.Index(None, "tenant_id", "action", "at", "id"),
    )

    at: Mapped[dt.datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[int | None]
    action: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[int]
    fields: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
