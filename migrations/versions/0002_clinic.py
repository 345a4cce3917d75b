"""Stores, doctors and rosters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from walls import owner_column, wall

revision, down_revision = "0002_clinic", "0001_kernel"
branch_labels = depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "doctor",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_doctor"),
    )
    op.create_table(
        "store",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("short_name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_store"),
        sa.UniqueConstraint("tenant_id", "slug", name="uq_store_tenant_id_slug"),
    )
    op.create_table(
        "shift",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("doctor_id", sa.BigInteger(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("slot_minutes", sa.Integer(), nullable=False),
        sa.Column("per_slot", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "per_slot > 0 AND slot_minutes BETWEEN 5 AND 240", name="ck_shift_shift_has_places"
        ),
        sa.CheckConstraint("starts_at < ends_at", name="ck_shift_shift_has_length"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "doctor_id"], ["doctor.tenant_id", "doctor.id"], name="fk_shift_tenant_id_doctor_id"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "store_id"], ["store.tenant_id", "store.id"], name="fk_shift_tenant_id_store_id"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_shift"),
        sa.UniqueConstraint(
            "tenant_id", "doctor_id", "starts_at", name="uq_shift_tenant_id_doctor_id_starts_at"
        ),
    )
    wall("store")
    wall("doctor")
    wall("shift")


def downgrade() -> None:
    """Drop them."""
    op.drop_table("shift")
    op.drop_table("store")
    op.drop_table("doctor")
