"""Name and picture of a fan, given with consent; a fan's appointments found by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0008_fan_profile", "0007_inbound"
branch_labels = depends_on = None


def upgrade() -> None:
    """Add the columns and the index."""
    op.add_column("fan", sa.Column("nickname", sa.LargeBinary(), nullable=True))
    op.add_column("fan", sa.Column("avatar", sa.Text(), nullable=True))
    op.add_column("fan", sa.Column("ask_profile_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_appointment_tenant_id_fan_id_starts_at", "appointment", ["tenant_id", "fan_id", "starts_at"]
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_appointment_tenant_id_fan_id_starts_at", "appointment")
    op.drop_column("fan", "ask_profile_at")
    op.drop_column("fan", "avatar")
    op.drop_column("fan", "nickname")
