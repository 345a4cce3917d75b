"""How accounts are pushed to; the journal as a queue of work; messages by more than templates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0007_inbound", "0006_notifications"
branch_labels = depends_on = None


def upgrade() -> None:
    """Add columns; what waits goes into the queue that replaces that of receipts.

    Defaults stay: the code before this goes on writing until it is replaced.
    """
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
    op.execute("UPDATE wechat_push SET available_at = now() WHERE handled_at IS NULL")
    op.execute("DELETE FROM due WHERE queue = 'receipts'")
    op.execute(
        "INSERT INTO due (tenant_id, queue, at)"
        " SELECT DISTINCT tenant_id, 'pushes', now() FROM wechat_push WHERE handled_at IS NULL"
    )

    op.add_column(
        "notification_delivery", sa.Column("channel", sa.Text(), nullable=False, server_default="template")
    )

    # Last: who keeps a push or a message locks its account after it; who keeps a push, from now on no more.
    op.drop_constraint("fk_wechat_push_tenant_id_account_id", "wechat_push")
    op.add_column("official_account", sa.Column("mode", sa.Text(), nullable=False, server_default="plain"))
    op.add_column("official_account", sa.Column("store_id", sa.BigInteger(), nullable=True))
    op.add_column("official_account", sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        "ck_official_account_mode_known", "official_account", "mode IN ('safe', 'compat', 'plain')"
    )
    op.create_unique_constraint(
        "uq_official_account_tenant_id_store_id", "official_account", ["tenant_id", "store_id"]
    )
    op.create_foreign_key(
        "fk_official_account_tenant_id_store_id",
        "official_account",
        "store",
        ["tenant_id", "store_id"],
        ["tenant_id", "id"],
    )


def downgrade() -> None:
    """Take the columns away; messages of the new channel that wait are not sent any more.

    Pushes keep `handled_at`: none that waits or was given up is called done.
    """
    op.execute(
        "UPDATE notification_delivery SET state = 'skipped', reason = 'no_template', ended_at = now(),"
        " available_at = NULL"
        " WHERE channel <> 'template' AND available_at IS NOT NULL AND first_tried_at IS NULL"
    )
    op.execute(
        "UPDATE notification_delivery SET state = 'unknown', reason = 'no_answer',"
        " available_at = NULL, lease = NULL WHERE channel <> 'template' AND available_at IS NOT NULL"
    )
    op.drop_column("notification_delivery", "channel")

    op.execute("UPDATE due SET queue = 'receipts' WHERE queue = 'pushes'")
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
    op.drop_constraint("uq_official_account_tenant_id_store_id", "official_account")
    op.drop_constraint("ck_official_account_mode_known", "official_account")
    for column in ("verified_at", "store_id", "mode"):
        op.drop_column("official_account", column)
    op.create_foreign_key(
        "fk_wechat_push_tenant_id_account_id",
        "wechat_push",
        "official_account",
        ["tenant_id", "account_id"],
        ["tenant_id", "id"],
    )
