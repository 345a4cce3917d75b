"""The second factor of staff."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from walls import owner_column, wall

revision, down_revision = "0028_second_factor", "0027_replies"
branch_labels = depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "staff_second_factor",
        owner_column(),
        sa.Column("staff_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "staff_id", name="pk_staff_second_factor"),
        _of_staff("staff_second_factor"),
    )
    op.create_table(
        "staff_recovery_code",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("code_index", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_staff_recovery_code"),
        sa.UniqueConstraint(
            "tenant_id", "staff_id", "code_index", name="uq_staff_recovery_code_tenant_id_staff_id_code_index"
        ),
        _of_staff("staff_recovery_code"),
    )
    for table in ("staff_second_factor", "staff_recovery_code"):
        wall(table)


def downgrade() -> None:
    """Drop them."""
    for table in ("staff_recovery_code", "staff_second_factor"):
        op.drop_table(table)


def _of_staff(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "staff_id"],
        ["staff.tenant_id", "staff.id"],
        name=f"fk_{table}_tenant_id_staff_id",
        ondelete="CASCADE",
    )
