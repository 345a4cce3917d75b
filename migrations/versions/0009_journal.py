"""The journal's page: newest pushes of an account, of a kind, that failed; one account per store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0009_journal", "0008_fan_profile"
branch_labels = depends_on = None

# Nobody asks by it since pushes that wait have a queue.
UNHANDLED = sa.text("handled_at IS NULL")


def upgrade() -> None:
    """Add what the page asks by; the journal is written to meanwhile."""
    op.create_unique_constraint(
        "uq_official_account_tenant_id_store_id", "official_account", ["tenant_id", "store_id"]
    )
    with op.get_context().autocommit_block():
        for column in ("account_id", "kind"):
            op.create_index(
                f"ix_wechat_push_tenant_id_{column}_id",
                "wechat_push",
                ["tenant_id", column, "id"],
                postgresql_concurrently=True,
                if_not_exists=True,
            )
        op.create_index(
            "ix_wechat_push_failed",
            "wechat_push",
            ["tenant_id", "id"],
            postgresql_where=sa.text("error IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.drop_index("ix_wechat_push_unhandled", "wechat_push", postgresql_concurrently=True, if_exists=True)


def downgrade() -> None:
    """Drop them, and ask for the unhandled again."""
    op.create_index(
        "ix_wechat_push_unhandled", "wechat_push", ["tenant_id", "id"], postgresql_where=UNHANDLED
    )
    op.drop_index("ix_wechat_push_failed", "wechat_push")
    for column in ("kind", "account_id"):
        op.drop_index(f"ix_wechat_push_tenant_id_{column}_id", "wechat_push")
    op.drop_constraint("uq_official_account_tenant_id_store_id", "official_account")
