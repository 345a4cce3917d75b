"""Name and picture of a fan, given with consent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0008_fan_profile", "0007_inbound"
branch_labels = depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("fan", sa.Column("nickname", sa.LargeBinary(), nullable=True))
    op.add_column("fan", sa.Column("avatar", sa.Text(), nullable=True))
    op.add_column("fan", sa.Column("ask_profile_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("fan", "ask_profile_at")
    op.drop_column("fan", "avatar")
    op.drop_column("fan", "nickname")
