"""What finds an entry of the audit trail: by its time, who acted, and what was done."""

from __future__ import annotations

from alembic import op
from online import create_index_online, drop_index_online

revision, down_revision = "0029_audit_trail", "0028_second_factor"
branch_labels = depends_on = None

INDEXES = {
    "ix_audit_entry_tenant_id_at_id": ["tenant_id", "at", "id"],
    "ix_audit_entry_tenant_id_actor_id_at_id": ["tenant_id", "actor_id", "at", "id"],
    "ix_audit_entry_tenant_id_action_at_id": ["tenant_id", "action", "at", "id"],
}


def upgrade() -> None:
    """Build the indexes while entries are added."""
    with op.get_context().autocommit_block():  # CONCURRENTLY refuses a transaction
        for name, columns in INDEXES.items():
            create_index_online(name, "audit_entry", columns)


def downgrade() -> None:
    """Drop them."""
    with op.get_context().autocommit_block():
        for name in INDEXES:
            drop_index_online(name, "audit_entry")
