"""The wording of messages, and what was sent as it was read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from online import create_index_online, drop_index_online
from sqlalchemy.dialects import postgresql
from walls import owner_column, wall

revision, down_revision = "0013_wording", "0012_appointments"
branch_labels = depends_on = None

DELIVERY = "notification_delivery"
PATIENT = "fk_notification_delivery_tenant_id_patient_id"
COLUMNS = (
    "patient_id bigint",
    "title text NOT NULL DEFAULT ''",
    "text bytea",
    "expires_at timestamp with time zone",
    "withdrawn_at timestamp with time zone",
)
INDEXES: tuple[tuple[str, list[str], str | None], ...] = (
    ("ix_notification_delivery_tenant_id_created_at_id", ["tenant_id", "created_at", "id"], None),
    (
        "ix_notification_delivery_tenant_id_patient_id_created_at_id",
        ["tenant_id", "patient_id", "created_at", "id"],
        "patient_id IS NOT NULL",
    ),
    (
        "ix_notification_delivery_tenant_id_kind_created_at_id",
        ["tenant_id", "kind", "created_at", "id"],
        None,
    ),
    (
        "ix_notification_delivery_odd",
        ["tenant_id", "state", "created_at", "id"],
        "state IN ('failed', 'unknown', 'skipped')",
    ),
)


def upgrade() -> None:
    """Add what history shows, then move the accounts' templates into wordings."""
    with op.get_context().autocommit_block():  # CONCURRENTLY refuses a transaction
        for column in COLUMNS:
            op.execute(f"ALTER TABLE {DELIVERY} ADD COLUMN IF NOT EXISTS {column}")
        for name, columns, where in INDEXES:
            create_index_online(name, DELIVERY, columns, where=where)
    op.create_foreign_key(PATIENT, DELIVERY, "patient", ["tenant_id", "patient_id"], ["tenant_id", "id"])
    op.create_table(
        "notification_wording",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["official_account.tenant_id", "official_account.id"],
            name="fk_notification_wording_tenant_id_account_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_notification_wording"),
        sa.UniqueConstraint(
            "tenant_id", "account_id", "kind", name="uq_notification_wording_tenant_id_account_id_kind"
        ),
    )
    wall("notification_wording")
    op.execute(
        """
        INSERT INTO notification_wording
               (tenant_id, account_id, kind, enabled, template_id, title, content, fields, updated_at)
        SELECT account.tenant_id, account.id, 'appointment_created', COALESCE(told.value = 'true', true),
               account.templates ->> 'appointment_created', '', '',
               -- as the first message was worded before wordings could be chosen
               '[{"key": "thing1", "text": "{store}"}, {"key": "thing2", "text": "{doctor}"},
                 {"key": "time3", "text": "{time}"}]',
               now()
          FROM official_account AS account
          LEFT JOIN setting AS told
            ON told.tenant_id = account.tenant_id AND told.name = 'notifications.appointment_created'
         WHERE account.templates ->> 'appointment_created' <> ''
        """
    )
    op.execute("DELETE FROM setting WHERE name = 'notifications.appointment_created'")
    op.drop_column("official_account", "templates")


def downgrade() -> None:
    """Give the accounts their templates back, and forget what history showed."""
    with op.get_context().autocommit_block():
        for name, _, _ in reversed(INDEXES):
            drop_index_online(name, DELIVERY)
        op.drop_constraint(PATIENT, DELIVERY, if_exists=True)
        for column in reversed(COLUMNS):
            op.execute(f"ALTER TABLE {DELIVERY} DROP COLUMN IF EXISTS {column.split()[0]}")
    op.add_column(
        "official_account",
        sa.Column("templates", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.execute(
        """
        UPDATE official_account AS account
           SET templates = jsonb_build_object(wording.kind, wording.template_id)
          FROM notification_wording AS wording
         WHERE wording.tenant_id = account.tenant_id AND wording.account_id = account.id
           AND wording.kind = 'appointment_created'
        """
    )
    op.execute(
        """
        INSERT INTO setting (tenant_id, name, value)
        SELECT tenant_id, 'notifications.appointment_created', 'false'
          FROM notification_wording WHERE kind = 'appointment_created'
         GROUP BY tenant_id HAVING NOT bool_or(enabled)
        """
    )
    op.alter_column("official_account", "templates", server_default=None)
    op.drop_table("notification_wording")
