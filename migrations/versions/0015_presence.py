"""Who of the staff is online."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from walls import owner_column, wall

revision, down_revision = "0015_presence", "0014_chat"
branch_labels = depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "presence",
        owner_column(),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.ForeignKeyConstraint(
                ["tenant_id", column],
                [f"{table}.tenant_id", f"{table}.id"],
                name=f"fk_presence_tenant_id_{column}",
                ondelete="CASCADE",
            )
            for column, table in (("staff_id", "staff"), ("session_id", "staff_session"))
        ),
        sa.PrimaryKeyConstraint("tenant_id", "staff_id", name="pk_presence"),
    )
    wall("presence")


def downgrade() -> None:
    """Drop it."""
    op.drop_table("presence")
