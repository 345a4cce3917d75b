"""Staff, their roles and log-ins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from walls import owner_column, wall

revision, down_revision = "0003_staff", "0002_clinic"
branch_labels = depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "staff",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("failed_logins", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("failed_logins >= 0", name="ck_staff_failed_logins_not_negative"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_staff"),
        sa.UniqueConstraint("tenant_id", "login", name="uq_staff_tenant_id_login"),
    )
    op.create_table(
        "staff_role",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("role <> 'owner' OR store_id IS NULL", name="ck_staff_role_owner_of_all_stores"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "staff_id"],
            ["staff.tenant_id", "staff.id"],
            name="fk_staff_role_tenant_id_staff_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "store_id"],
            ["store.tenant_id", "store.id"],
            name="fk_staff_role_tenant_id_store_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_staff_role"),
        sa.UniqueConstraint(
            "tenant_id",
            "staff_id",
            "role",
            "store_id",
            name="uq_staff_role_tenant_id_staff_id_role_store_id",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "staff_session",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("token_digest", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "staff_id"],
            ["staff.tenant_id", "staff.id"],
            name="fk_staff_session_tenant_id_staff_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "store_id"],
            ["store.tenant_id", "store.id"],
            name="fk_staff_session_tenant_id_store_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_staff_session"),
        sa.UniqueConstraint("tenant_id", "token_digest", name="uq_staff_session_tenant_id_token_digest"),
    )
    op.create_index(
        "ix_staff_session_tenant_id_staff_id",
        "staff_session",
        ["tenant_id", "staff_id"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    wall("staff")
    wall("staff_role")
    wall("staff_session")


def downgrade() -> None:
    """Drop them."""
    op.drop_table("staff_session")
    op.drop_table("staff_role")
    op.drop_table("staff")
