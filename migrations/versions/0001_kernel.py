"""Tenants, the directory, what is due, the outbox, settings and the audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from walls import owner_column, wall

revision, down_revision = "0001_kernel", None
branch_labels = depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "audit_entry",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("fields", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_audit_entry"),
    )
    op.create_index(
        "ix_audit_entry_tenant_id_subject_kind_subject_id_id",
        "audit_entry",
        ["tenant_id", "subject_kind", "subject_id", "id"],
    )
    op.create_table(
        "directory",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_directory"),
    )
    op.create_table(
        "due",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_due"),
    )
    op.create_index("ix_due_at", "due", ["at"])
    op.create_table(
        "outbox",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("settled_at IS NULL OR available_at IS NULL", name="ck_outbox_settled_is_final"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_outbox"),
        sa.UniqueConstraint("tenant_id", "event_id", "handler", name="uq_outbox_tenant_id_event_id_handler"),
    )
    op.create_index(
        "ix_outbox_given_up",
        "outbox",
        ["tenant_id", "id"],
        postgresql_where=sa.text("available_at IS NULL AND settled_at IS NULL"),
    )
    op.create_index(
        "ix_outbox_tenant_id_queue_available_at",
        "outbox",
        ["tenant_id", "queue", "available_at"],
        postgresql_where=sa.text("available_at IS NOT NULL"),
    )
    op.create_table(
        "setting",
        owner_column(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "name", name="pk_setting"),
    )
    op.create_table(
        "tenant",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("short_name", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("accent", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenant"),
        sa.UniqueConstraint("slug", name="uq_tenant_slug"),
    )
    wall("tenant", column="id")
    op.execute("GRANT USAGE ON SEQUENCE tenant_id_seq TO engage_app")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON directory TO engage_app")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON due TO engage_app")
    wall("outbox")
    wall("setting")
    wall("audit_entry", may="SELECT, INSERT")


def downgrade() -> None:
    """Drop them."""
    op.drop_table("tenant")
    op.drop_table("setting")
    op.drop_table("outbox")
    op.drop_table("due")
    op.drop_table("directory")
    op.drop_table("audit_entry")
