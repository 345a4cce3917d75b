"""Pictures of stores and doctors; stores that patients see already stay in sight."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from walls import owner_column, wall

revision, down_revision = "0031_stores", "0030_calendar"
branch_labels = depends_on = None


def upgrade() -> None:
    """Make the table and the columns."""
    op.add_column("store", sa.Column("logo", sa.Text(), nullable=True))
    # Written for the rows there are, without touching one; those to come begin hidden.
    op.add_column("store", sa.Column("shown_before", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.alter_column("store", "shown_before", server_default=sa.false())
    op.add_column("doctor", sa.Column("good_at", sa.Text(), server_default="", nullable=False))
    op.add_column("doctor", sa.Column("is_expert", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("doctor", sa.Column("portrait", sa.Text(), nullable=True))
    op.add_column("fan", sa.Column("asked_store_id", sa.BigInteger(), nullable=True))
    op.add_column("fan", sa.Column("asked_store_at", sa.DateTime(timezone=True), nullable=True))
    # No row has one yet: the checks hold without being looked up.
    op.create_foreign_key(
        "fk_fan_tenant_id_asked_store_id",
        "fan",
        "store",
        ["tenant_id", "asked_store_id"],
        ["tenant_id", "id"],
    )
    op.create_check_constraint(
        "ck_fan_asked_at_some_time", "fan", "(asked_store_id IS NULL) = (asked_store_at IS NULL)"
    )
    _make_picture()
    wall("store_picture")


def downgrade() -> None:
    """Drop them; the files stay."""
    op.drop_table("store_picture")
    op.drop_constraint("fk_fan_tenant_id_asked_store_id", "fan")
    for table, column in (
        ("fan", "asked_store_at"),
        ("fan", "asked_store_id"),
        ("doctor", "portrait"),
        ("doctor", "is_expert"),
        ("doctor", "good_at"),
        ("store", "shown_before"),
        ("store", "logo"),
    ):
        op.drop_column(table, column)


def _make_picture() -> None:
    op.create_table(
        "store_picture",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.CheckConstraint("position BETWEEN 0 AND 9", name="ck_store_picture_at_most_ten"),
        sa.ForeignKeyConstraint(
            ("tenant_id", "store_id"),
            ("store.tenant_id", "store.id"),
            name="fk_store_picture_tenant_id_store_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_store_picture"),
        sa.UniqueConstraint("tenant_id", "store_id", "file", name="uq_store_picture_tenant_id_store_id_file"),
        sa.UniqueConstraint(
            "tenant_id",
            "store_id",
            "position",
            name="uq_store_picture_tenant_id_store_id_position",
            deferrable=True,
            initially="IMMEDIATE",
        ),
    )
