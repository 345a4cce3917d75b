"""Coupons, their terms, and what people hold of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from walls import owner_column, wall

revision, down_revision = "0016_coupons", "0015_presence"
branch_labels = depends_on = None

INDEXES = (
    ("fan_id", "state", "valid_until"),
    ("coupon_id", "fan_id"),
    ("coupon_id", "state", "valid_until"),
    ("coupon_id", "id"),
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "coupon_terms",
        owner_column(),
        _id(),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_coupon_terms"),
    )
    wall("coupon_terms")
    _coupon()
    _grant()


def downgrade() -> None:
    """Drop them."""
    for table in ("coupon_grant", "coupon", "coupon_terms"):
        op.drop_table(table)


def _coupon() -> None:
    op.create_table(
        "coupon",
        owner_column(),
        _id(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("terms_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=True),
        sa.Column("granted", sa.Integer(), nullable=False),
        sa.Column("per_person", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        _check("coupon", "state_known", "state IN ('draft', 'published', 'withdrawn')"),
        _check("coupon", "granted_within_stock", "granted >= 0 AND granted <= stock"),
        _check("coupon", "stock_is_some", "stock > 0"),
        _check("coupon", "per_person_is_some", "per_person > 0"),
        _check("coupon", "published_somewhere", "state <> 'published' OR online OR offline"),
        _to("coupon", "coupon_terms", "terms_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_coupon"),
    )
    op.create_index("ix_coupon_tenant_id_state_id", "coupon", ["tenant_id", "state", "id"])
    wall("coupon")


def _grant() -> None:
    op.create_table(
        "coupon_grant",
        owner_column(),
        _id(),
        sa.Column("coupon_id", sa.BigInteger(), nullable=False),
        sa.Column("terms_id", sa.BigInteger(), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("cause_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("redeemed_by", sa.BigInteger(), nullable=True),
        sa.Column("redeemed_store_id", sa.BigInteger(), nullable=True),
        _check("coupon_grant", "state_known", "state IN ('held', 'redeemed', 'voided')"),
        _check("coupon_grant", "valid_for_a_while", "valid_from < valid_until"),
        _check(
            "coupon_grant",
            "redeemed_is_whole",
            "(state = 'redeemed') = (redeemed_at IS NOT NULL)"
            " AND (redeemed_at IS NULL) = (redeemed_store_id IS NULL)"
            " AND (redeemed_at IS NULL) = (redeemed_by IS NULL)",
        ),
        _to("coupon_grant", "coupon", "coupon_id"),
        _to("coupon_grant", "coupon_terms", "terms_id"),
        _to("coupon_grant", "fan", "fan_id"),
        _to("coupon_grant", "staff", "redeemed_by"),
        _to("coupon_grant", "store", "redeemed_store_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_coupon_grant"),
        sa.UniqueConstraint("tenant_id", "code", name="uq_coupon_grant_tenant_id_code"),
        sa.UniqueConstraint(
            "tenant_id", "coupon_id", "cause", "cause_id", "fan_id", "number", name="uq_coupon_grant_cause"
        ),
    )
    for columns in INDEXES:
        op.create_index(
            f"ix_coupon_grant_tenant_id_{'_'.join(columns)}", "coupon_grant", ["tenant_id", *columns]
        )
    op.create_index(
        "ix_coupon_grant_tenant_id_redeemed_at_id",
        "coupon_grant",
        ["tenant_id", "redeemed_at", "id"],
        postgresql_where=sa.text("redeemed_at IS NOT NULL"),
    )
    wall("coupon_grant")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=f"ck_{table}_{name}")


def _to(table: str, other: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column], [f"{other}.tenant_id", f"{other}.id"], name=f"fk_{table}_tenant_id_{column}"
    )
