"""What the journal, its queue and a fan's appointments are found by, built while they are written to."""

from __future__ import annotations

from alembic import op
from online import create_check_online, create_index_online, create_unique_online, drop_index_online

revision, down_revision = "0009_journal", "0008_fan_profile"
branch_labels = depends_on = None

STAMP = "uq_wechat_push_tenant_id_account_id_stamp"
CHANNEL = "ck_notification_delivery_channel_known"
INDEXES: tuple[tuple[str, str, list[str], str | None], ...] = (
    (
        "ix_wechat_push_tenant_id_queue_available_at",
        "wechat_push",
        ["tenant_id", "queue", "available_at"],
        "available_at IS NOT NULL",
    ),
    ("ix_wechat_push_tenant_id_account_id_id", "wechat_push", ["tenant_id", "account_id", "id"], None),
    ("ix_wechat_push_tenant_id_kind_id", "wechat_push", ["tenant_id", "kind", "id"], None),
    ("ix_wechat_push_failed", "wechat_push", ["tenant_id", "id"], "error IS NOT NULL"),
    (
        "ix_appointment_tenant_id_fan_id_starts_at",
        "appointment",
        ["tenant_id", "fan_id", "starts_at"],
        None,
    ),
)


def upgrade() -> None:
    """Build them; nobody asks for the unhandled since pushes that wait have a queue."""
    with op.get_context().autocommit_block():  # CONCURRENTLY refuses a transaction
        create_unique_online(STAMP, "wechat_push", ["tenant_id", "account_id", "stamp"])
        for name, table, columns, where in INDEXES:
            create_index_online(name, table, columns, where=where)
        # A database that went back to 0006 and comes again kept such messages, without their channel.
        op.execute("UPDATE notification_delivery SET channel = 'custom' WHERE kind = 'late_reply'")
        create_check_online(CHANNEL, "notification_delivery", "channel IN ('template', 'custom')")
        drop_index_online("ix_wechat_push_unhandled", "wechat_push")


def downgrade() -> None:
    """Drop them, and find the unhandled again."""
    with op.get_context().autocommit_block():
        create_index_online(
            "ix_wechat_push_unhandled", "wechat_push", ["tenant_id", "id"], where="handled_at IS NULL"
        )
        op.drop_constraint(CHANNEL, "notification_delivery", if_exists=True)
        for name, table, _, _ in reversed(INDEXES):
            drop_index_online(name, table)
        op.drop_constraint(STAMP, "wechat_push", if_exists=True)
