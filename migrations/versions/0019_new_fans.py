"""Fans by the day they were first seen, for the figures of Today."""

from __future__ import annotations

from alembic import op
from online import create_index_online, drop_index_online

revision, down_revision = "0019_new_fans", "0018_campaigns"
branch_labels = depends_on = None

INDEX = "ix_fan_tenant_id_first_seen_at"


def upgrade() -> None:
    """Build the index while fans are written to."""
    with op.get_context().autocommit_block():  # CONCURRENTLY refuses a transaction
        create_index_online(INDEX, "fan", ["tenant_id", "first_seen_at"])


def downgrade() -> None:
    """Drop it."""
    with op.get_context().autocommit_block():
        drop_index_online(INDEX, "fan")
