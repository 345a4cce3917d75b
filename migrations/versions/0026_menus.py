"""Menus: drafts, releases, and what WeChat shows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from walls import owner_column, wall

revision, down_revision = "0026_menus", "0025_channel_codes"
branch_labels = depends_on = None

TABLES = ("menu_draft", "menu_release", "menu_live")


def upgrade() -> None:
    """Make them."""
    _make_draft()
    _make_release()
    _make_live()
    for table in TABLES:
        wall(table)


def downgrade() -> None:
    """Drop them."""
    for table in ("menu_live", "menu_release", "menu_draft"):
        op.drop_table(table)


def _make_draft() -> None:
    op.create_table(
        "menu_draft",
        owner_column(),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entries", postgresql.JSONB(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("saved_by", sa.BigInteger(), nullable=True),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        _to("official_account", "menu_draft", "account_id"),
        _to("staff", "menu_draft", "saved_by"),
        sa.PrimaryKeyConstraint("tenant_id", "account_id", name="pk_menu_draft"),
    )


def _make_release() -> None:
    op.create_table(
        "menu_release",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("entries", postgresql.JSONB(), nullable=False),
        sa.Column("wire", postgresql.JSONB(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("restores_id", sa.BigInteger(), nullable=True),
        sa.Column("asked_by", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'live', 'replaced', 'failed')", name="ck_menu_release_state_known"
        ),
        sa.CheckConstraint(
            "(state = 'pending') = (settled_at IS NULL)", name="ck_menu_release_settled_has_time"
        ),
        sa.CheckConstraint(
            "(state = 'failed') = (reason IS NOT NULL)", name="ck_menu_release_failed_has_reason"
        ),
        _to("official_account", "menu_release", "account_id"),
        _to("staff", "menu_release", "asked_by"),
        _to("menu_release", "menu_release", "restores_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_menu_release"),
    )
    op.create_index(
        "ix_menu_release_tenant_id_account_id_id", "menu_release", ["tenant_id", "account_id", "id"]
    )
    for state in ("pending", "live"):
        op.create_index(
            f"uq_menu_release_{state}",
            "menu_release",
            ["tenant_id", "account_id"],
            unique=True,
            postgresql_where=sa.text(f"state = '{state}'"),
        )


def _make_live() -> None:
    op.create_table(
        "menu_live",
        owner_column(),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wire", postgresql.JSONB(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("release_id", sa.BigInteger(), nullable=True),
        sa.Column("next_read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        _to("official_account", "menu_live", "account_id"),
        _to("menu_release", "menu_live", "release_id"),
        sa.PrimaryKeyConstraint("tenant_id", "account_id", name="pk_menu_live"),
    )
    op.create_index("ix_menu_live_tenant_id_next_read_at", "menu_live", ["tenant_id", "next_read_at"])


def _to(table: str, owner: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{table}.tenant_id", f"{table}.id"],
        name=f"fk_{owner}_tenant_id_{column}",
    )
