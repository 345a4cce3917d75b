"""Who is at the store: walk-ins, the code at its door, and what is known of a visit's coming."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from online import create_index_online, drop_index_online
from walls import owner_column, wall

revision, down_revision = "0034_arrivals", "0033_keeping"
branch_labels = depends_on = None

REQUESTED = "ix_appointment_requested"
TIMES = ("called_at", "corrected_at", "kept_at")


def upgrade() -> None:
    """Make the tables, and the times of a visit."""
    with op.get_context().autocommit_block():  # the index is built while others book
        create_index_online(REQUESTED, "appointment", ["tenant_id", "starts_at"], where="state = 'requested'")
    for column in TIMES:
        op.add_column("appointment", sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    _make_walk_in()
    _make_code()
    for table in ("walk_in", "arrival_code"):
        wall(table)


def downgrade() -> None:
    """Drop them."""
    with op.get_context().autocommit_block():
        drop_index_online(REQUESTED, "appointment")
    op.drop_table("arrival_code")
    op.drop_table("walk_in")
    for column in TIMES:
        op.drop_column("appointment", column)


def _make_walk_in() -> None:
    op.create_table(
        "walk_in",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("doctor_id", sa.BigInteger(), nullable=True),
        sa.Column("patient_id", sa.BigInteger(), nullable=True),
        sa.Column("item_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("treatment_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'in_treatment', 'completed', 'gone')", name="ck_walk_in_walk_in_state_known"
        ),
        *(_to(table, "walk_in", f"{table}_id") for table in ("store", "doctor", "patient", "item")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_walk_in"),
        sa.UniqueConstraint("tenant_id", "key", name="uq_walk_in_tenant_id_key"),
    )
    op.create_index(
        "ix_walk_in_tenant_id_store_id_arrived_at", "walk_in", ["tenant_id", "store_id", "arrived_at"]
    )
    op.create_index("ix_walk_in_tenant_id_patient_id", "walk_in", ["tenant_id", "patient_id"])


def _make_code() -> None:
    op.create_table(
        "arrival_code",
        owner_column(),
        sa.Column("store_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        _to("store", "arrival_code", "store_id"),
        sa.PrimaryKeyConstraint("tenant_id", "store_id", name="pk_arrival_code"),
        sa.UniqueConstraint("tenant_id", "token", name="uq_arrival_code_tenant_id_token"),
    )


def _to(table: str, owner: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{table}.tenant_id", f"{table}.id"],
        name=f"fk_{owner}_tenant_id_{column}",
    )
