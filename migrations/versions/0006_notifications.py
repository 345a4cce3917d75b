"""Messages to patients."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from walls import owner_column, wall

revision, down_revision = "0006_notifications", "0005_booking"
branch_labels = depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "notification_delivery",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_version", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("msg_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'delivered', 'failed', 'unknown', 'skipped')",
            name="ck_notification_delivery_state_known",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["official_account.tenant_id", "official_account.id"],
            name="fk_notification_delivery_tenant_id_account_id",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "fan_id"],
            ["fan.tenant_id", "fan.id"],
            name="fk_notification_delivery_tenant_id_fan_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_notification_delivery"),
        sa.UniqueConstraint(
            "tenant_id", "account_id", "msg_id", name="uq_notification_delivery_tenant_id_account_id_msg_id"
        ),
        sa.UniqueConstraint(
            "tenant_id",
            "kind",
            "subject_id",
            "subject_version",
            "fan_id",
            name="uq_notification_delivery_message",
        ),
    )
    op.create_index(
        "ix_notification_delivery_tenant_id_queue_available_at",
        "notification_delivery",
        ["tenant_id", "queue", "available_at"],
        postgresql_where=sa.text("available_at IS NOT NULL"),
    )
    wall("notification_delivery")


def downgrade() -> None:
    """Drop them."""
    op.drop_table("notification_delivery")
