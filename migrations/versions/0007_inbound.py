"""How accounts are pushed to; the journal as a queue of work; messages by more than templates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0007_inbound", "0006_notifications"
branch_labels = depends_on = None


def upgrade() -> None:
    """Add columns; receipts that wait go into the queue that replaces theirs."""
    op.add_column("official_account", sa.Column("mode", sa.Text(), nullable=False, server_default="plain"))
    op.add_column("official_account", sa.Column("store_id", sa.BigInteger(), nullable=True))
    op.add_column("official_account", sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("official_account", "mode", server_default=None)
    op.create_check_constraint(
        "ck_official_account_mode_known", "official_account", "mode IN ('safe', 'compat', 'plain')"
    )
    op.create_foreign_key(
        "fk_official_account_tenant_id_store_id",
        "official_account",
        "store",
        ["tenant_id", "store_id"],
        ["tenant_id", "id"],
    )

    op.add_column("wechat_push", sa.Column("queue", sa.Text(), nullable=False, server_default="pushes"))
    op.add_column("wechat_push", sa.Column("available_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "wechat_push", sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("wechat_push", sa.Column("lease", sa.Uuid(), nullable=True))
    op.add_column("wechat_push", sa.Column("error", sa.Text(), nullable=True))
    op.add_column("wechat_push", sa.Column("stamp", sa.Text(), nullable=True))
    op.add_column("wechat_push", sa.Column("body_digest", sa.Text(), nullable=False, server_default=""))
    op.add_column("wechat_push", sa.Column("openid", sa.Text(), nullable=False, server_default=""))
    op.add_column("wechat_push", sa.Column("late", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE wechat_push SET stamp = 'before:' || id")
    op.execute("UPDATE wechat_push SET available_at = now() WHERE handled_at IS NULL")
    op.execute("UPDATE due SET queue = 'pushes' WHERE queue = 'receipts'")
    for column in ("queue", "body_digest", "openid", "late"):
        op.alter_column("wechat_push", column, server_default=None)
    op.alter_column("wechat_push", "stamp", nullable=False)
    op.create_unique_constraint(
        "uq_wechat_push_tenant_id_account_id_stamp", "wechat_push", ["tenant_id", "account_id", "stamp"]
    )
    op.create_index(
        "ix_wechat_push_tenant_id_queue_available_at",
        "wechat_push",
        ["tenant_id", "queue", "available_at"],
        postgresql_where=sa.text("available_at IS NOT NULL"),
    )

    op.add_column(
        "notification_delivery", sa.Column("channel", sa.Text(), nullable=False, server_default="template")
    )
    op.alter_column("notification_delivery", "channel", server_default=None)
    op.create_check_constraint(
        "ck_notification_delivery_channel_known", "notification_delivery", "channel IN ('template', 'custom')"
    )


def downgrade() -> None:
    """Take the columns away; messages of the new channel go with them."""
    op.execute("DELETE FROM notification_delivery WHERE channel <> 'template'")
    op.drop_column("notification_delivery", "channel")

    op.execute("UPDATE due SET queue = 'receipts' WHERE queue = 'pushes'")
    op.execute("UPDATE wechat_push SET handled_at = received_at WHERE available_at IS NULL")
    op.drop_index("ix_wechat_push_tenant_id_queue_available_at", "wechat_push")
    op.drop_constraint("uq_wechat_push_tenant_id_account_id_stamp", "wechat_push")
    for column in (
        "late",
        "openid",
        "body_digest",
        "stamp",
        "error",
        "lease",
        "attempts",
        "available_at",
        "queue",
    ):
        op.drop_column("wechat_push", column)

    op.drop_constraint("fk_official_account_tenant_id_store_id", "official_account")
    op.drop_constraint("ck_official_account_mode_known", "official_account")
    for column in ("verified_at", "store_id", "mode"):
        op.drop_column("official_account", column)
