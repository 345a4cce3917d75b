"""Campaigns and whom they reach."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from walls import owner_column, wall

revision, down_revision = "0018_campaigns", "0017_batches"
branch_labels = depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _make_campaign()
    _make_notice()
    _make_recipient()
    for table in ("campaign", "campaign_notice", "campaign_recipient"):
        wall(table)


def downgrade() -> None:
    """Drop them."""
    for table in ("campaign_recipient", "campaign_notice", "campaign"):
        op.drop_table(table)


def _make_campaign() -> None:
    op.create_table(
        "campaign",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("coupon_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("audience", postgresql.JSONB(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("targeted", sa.BigInteger(), nullable=True),
        sa.Column("granted", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('push')", name="ck_campaign_kind_known"),
        sa.CheckConstraint(
            "state IN ('scheduled', 'running', 'paused', 'finished', 'ended', 'missed')",
            name="ck_campaign_state_known",
        ),
        sa.CheckConstraint(
            "state NOT IN ('running', 'paused', 'finished') OR started_at IS NOT NULL",
            name="ck_campaign_begun_has_time",
        ),
        sa.CheckConstraint(
            "(state IN ('finished', 'ended')) = (ended_at IS NOT NULL)", name="ck_campaign_over_has_time"
        ),
        _to("coupon", "campaign", "coupon_id"),
        _to("official_account", "campaign", "account_id"),
        _to("staff", "campaign", "created_by"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_campaign"),
        sa.UniqueConstraint("tenant_id", "key", name="uq_campaign_tenant_id_key"),
    )
    op.create_index(
        "ix_campaign_tenant_id_state_starts_at_id", "campaign", ["tenant_id", "state", "starts_at", "id"]
    )
    op.create_index("ix_campaign_tenant_id_starts_at_id", "campaign", ["tenant_id", "starts_at", "id"])


def _make_notice() -> None:
    op.create_table(
        "campaign_notice",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(batch_id IS NULL) <> (reason IS NULL)", name="ck_campaign_notice_told_or_reason"
        ),
        _to("campaign", "campaign_notice", "campaign_id"),
        _to("official_account", "campaign_notice", "account_id"),
        _to("notification_batch", "campaign_notice", "batch_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_campaign_notice"),
        sa.UniqueConstraint(
            "tenant_id",
            "campaign_id",
            "account_id",
            "day",
            name="uq_campaign_notice_tenant_id_campaign_id_account_id_day",
        ),
    )


def _make_recipient() -> None:
    op.create_table(
        "campaign_recipient",
        owner_column(),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("notice_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'granted', 'skipped')", name="ck_campaign_recipient_state_known"
        ),
        sa.CheckConstraint(
            "(state = 'skipped') = (reason IS NOT NULL)", name="ck_campaign_recipient_skipped_has_reason"
        ),
        sa.CheckConstraint(
            "(state = 'pending') = (at IS NULL)", name="ck_campaign_recipient_settled_has_time"
        ),
        _to("campaign", "campaign_recipient", "campaign_id"),
        _to("fan", "campaign_recipient", "fan_id"),
        _to("campaign_notice", "campaign_recipient", "notice_id"),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id", "fan_id", name="pk_campaign_recipient"),
    )
    op.create_index(
        "ix_campaign_recipient_tenant_id_campaign_id_state_fan_id",
        "campaign_recipient",
        ["tenant_id", "campaign_id", "state", "fan_id"],
    )
    op.create_index(
        "ix_campaign_recipient_tenant_id_campaign_id_reason_fan_id",
        "campaign_recipient",
        ["tenant_id", "campaign_id", "reason", "fan_id"],
        postgresql_where=sa.text("reason IS NOT NULL"),
    )
    op.create_index(
        "ix_campaign_recipient_tenant_id_notice_id_fan_id",
        "campaign_recipient",
        ["tenant_id", "notice_id", "fan_id"],
        postgresql_where=sa.text("notice_id IS NOT NULL"),
    )


def _to(table: str, owner: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{table}.tenant_id", f"{table}.id"],
        name=f"fk_{owner}_tenant_id_{column}",
    )
