"""Messages to many: batches, the bundles they are sent in, and each account's pace."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from online import create_index_online, drop_index_online
from sqlalchemy.dialects import postgresql
from walls import owner_column, wall

revision, down_revision = "0017_batches", "0016_coupons"
branch_labels = depends_on = None

DELIVERY = "notification_delivery"
BATCH = "fk_notification_delivery_tenant_id_batch_id"
BUNDLE_INDEX = "ix_notification_delivery_bundle"
COLUMNS = ("batch_id bigint", "bundle_id bigint")


def upgrade() -> None:
    """Let messages belong to batches, then make the tables."""
    with op.get_context().autocommit_block():  # CONCURRENTLY refuses a transaction
        for column in COLUMNS:
            op.execute(f"ALTER TABLE {DELIVERY} ADD COLUMN IF NOT EXISTS {column}")
        create_index_online(
            BUNDLE_INDEX,
            DELIVERY,
            ["tenant_id", "bundle_id", "id"],
            where="bundle_id IS NOT NULL AND available_at IS NOT NULL",
        )
    op.create_table(
        "notification_batch",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=True),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('open', 'paused', 'closed')", name="ck_notification_batch_state_known"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["official_account.tenant_id", "official_account.id"],
            name="fk_notification_batch_tenant_id_account_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_notification_batch"),
    )
    op.create_index(
        "ix_notification_batch_tenant_id_kind_subject_id",
        "notification_batch",
        ["tenant_id", "kind", "subject_id"],
    )
    op.create_index(
        "ix_notification_batch_open",
        "notification_batch",
        ["tenant_id", "id"],
        postgresql_where=sa.text("state = 'open'"),
    )
    wall("notification_batch")
    op.create_table(
        "notification_bundle",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("out_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("out_last", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "batch_id"],
            ["notification_batch.tenant_id", "notification_batch.id"],
            name="fk_notification_bundle_tenant_id_batch_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_notification_bundle"),
    )
    op.create_index(
        "ix_notification_bundle_due",
        "notification_bundle",
        ["tenant_id", "batch_id", "available_at", "id"],
        postgresql_where=sa.text("available_at IS NOT NULL"),
    )
    wall("notification_bundle")
    op.create_table(
        "message_pace",
        owner_column(),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("refilled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["official_account.tenant_id", "official_account.id"],
            name="fk_message_pace_tenant_id_account_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "account_id", name="pk_message_pace"),
    )
    wall("message_pace")
    op.create_foreign_key(
        BATCH, DELIVERY, "notification_batch", ["tenant_id", "batch_id"], ["tenant_id", "id"]
    )


# Nobody sends what still waits. What a worker had out, or had tried before, may have arrived.
END_REST = """
    UPDATE notification_delivery AS delivery
       SET available_at = NULL, ended_at = now(),
           state = CASE WHEN was_out THEN 'unknown' ELSE 'skipped' END,
           reason = CASE WHEN was_out THEN 'no_answer' ELSE 'campaign_ended' END
      FROM (SELECT waits.tenant_id, waits.id,
                   waits.first_tried_at IS NOT NULL OR coalesce(waits.id <= bundle.out_last, false) AS was_out
              FROM notification_delivery AS waits
              JOIN notification_bundle AS bundle
                ON bundle.tenant_id = waits.tenant_id AND bundle.id = waits.bundle_id
             WHERE waits.available_at IS NOT NULL) AS rest
     WHERE delivery.tenant_id = rest.tenant_id AND delivery.id = rest.id
"""
HAS_BUNDLES = """
    SELECT true FROM information_schema.columns
     WHERE table_schema = current_schema() AND table_name = 'notification_delivery'
       AND column_name = 'bundle_id'
"""


def downgrade() -> None:
    """Drop them; messages that were written to many stay without their text, and end."""
    with op.get_context().autocommit_block():
        if op.get_bind().scalar(sa.text(HAS_BUNDLES)):
            op.execute(END_REST)
        drop_index_online(BUNDLE_INDEX, DELIVERY)
        op.drop_constraint(BATCH, DELIVERY, if_exists=True)
        for column in reversed(COLUMNS):
            op.execute(f"ALTER TABLE {DELIVERY} DROP COLUMN IF EXISTS {column.split()[0]}")
    for table in ("message_pace", "notification_bundle", "notification_batch"):
        op.drop_table(table)
