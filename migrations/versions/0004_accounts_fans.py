"""Official accounts, the journal of pushes, and fans."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from walls import owner_column, wall

revision, down_revision = "0004_accounts_fans", "0003_staff"
branch_labels = depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "official_account",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("encoding_aes_key", sa.LargeBinary(), nullable=False),
        sa.Column("welcome", sa.Text(), nullable=False),
        sa.Column("templates", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_official_account"),
        sa.UniqueConstraint("tenant_id", "app_id", name="uq_official_account_tenant_id_app_id"),
        sa.UniqueConstraint("tenant_id", "slug", name="uq_official_account_tenant_id_slug"),
    )
    op.create_table(
        "fan",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("openid", sa.Text(), nullable=False),
        sa.Column("following", sa.Boolean(), nullable=False),
        sa.Column("follow_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["official_account.tenant_id", "official_account.id"],
            name="fk_fan_tenant_id_account_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_fan"),
        sa.UniqueConstraint("tenant_id", "account_id", "openid", name="uq_fan_tenant_id_account_id_openid"),
    )
    op.create_table(
        "wechat_push",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("push_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["official_account.tenant_id", "official_account.id"],
            name="fk_wechat_push_tenant_id_account_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_wechat_push"),
        sa.UniqueConstraint(
            "tenant_id", "account_id", "push_key", name="uq_wechat_push_tenant_id_account_id_push_key"
        ),
    )
    op.create_index(
        "ix_wechat_push_unhandled",
        "wechat_push",
        ["tenant_id", "id"],
        postgresql_where=sa.text("handled_at IS NULL"),
    )
    op.create_table(
        "fan_session",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=False),
        sa.Column("token_digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "fan_id"],
            ["fan.tenant_id", "fan.id"],
            name="fk_fan_session_tenant_id_fan_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_fan_session"),
        sa.UniqueConstraint("tenant_id", "token_digest", name="uq_fan_session_tenant_id_token_digest"),
    )
    wall("official_account")
    wall("wechat_push", may="SELECT, INSERT, UPDATE")
    wall("fan")
    wall("fan_session")


def downgrade() -> None:
    """Drop them."""
    op.drop_table("fan_session")
    op.drop_table("wechat_push")
    op.drop_table("fan")
    op.drop_table("official_account")
