"""The ledger of places, and appointments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from walls import owner_column, wall

revision, down_revision = "0005_booking", "0004_accounts_fans"
branch_labels = depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "booking_place",
        owner_column(),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("grid_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.CheckConstraint("taken BETWEEN 0 AND capacity", name="ck_booking_place_taken_within_capacity"),
        sa.PrimaryKeyConstraint("tenant_id", "resource", "grid_start", name="pk_booking_place"),
    )
    op.create_table(
        "appointment",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("doctor_id", sa.BigInteger(), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=False),
        sa.Column("patient_name", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('requested', 'confirmed', 'checked_in', "
            "'in_treatment', 'completed', 'cancelled', 'no_show')",
            name="ck_appointment_state_known",
        ),
        sa.CheckConstraint("starts_at < ends_at", name="ck_appointment_appointment_has_length"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "doctor_id"],
            ["doctor.tenant_id", "doctor.id"],
            name="fk_appointment_tenant_id_doctor_id",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "fan_id"], ["fan.tenant_id", "fan.id"], name="fk_appointment_tenant_id_fan_id"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "store_id"],
            ["store.tenant_id", "store.id"],
            name="fk_appointment_tenant_id_store_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_appointment"),
        sa.UniqueConstraint("tenant_id", "key", name="uq_appointment_tenant_id_key"),
    )
    op.create_index("ix_appointment_tenant_id_starts_at_id", "appointment", ["tenant_id", "starts_at", "id"])
    wall("booking_place")
    wall("appointment", may="SELECT, INSERT, UPDATE")


def downgrade() -> None:
    """Drop them."""
    op.drop_table("appointment")
    op.drop_table("booking_place")
