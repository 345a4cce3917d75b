"""Charts: parts of a name, contact, who is responsible, and the facts of visits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from online import create_check_online, create_index_online, drop_index_online
from walls import owner_column, wall

revision, down_revision = "0020_charts", "0019_new_fans"
branch_labels = depends_on = None

COLUMNS = (
    "family_name bytea",
    "middle_name bytea",
    "given_name bytea",
    "email bytea",
    "email_index bytea",
    "region text",
    "consultant_id bigint",
    "on_treatment boolean NOT NULL DEFAULT false",
    "version integer NOT NULL DEFAULT 1",
    "merged_into_id bigint",
    "erased_at timestamp with time zone",
)
INDEXES: tuple[tuple[str, list[str], str | None], ...] = (
    ("ix_patient_tenant_id_email_index", ["tenant_id", "email_index"], "email_index IS NOT NULL"),
    ("ix_patient_tenant_id_store_id_id", ["tenant_id", "store_id", "id"], None),
    (
        "ix_patient_tenant_id_consultant_id_id",
        ["tenant_id", "consultant_id", "id"],
        "consultant_id IS NOT NULL",
    ),
    ("ix_patient_tenant_id_source_id", ["tenant_id", "source", "id"], None),
    ("ix_patient_on_treatment", ["tenant_id", "id"], "on_treatment"),
    ("ix_patient_tenant_id_merged_into_id", ["tenant_id", "merged_into_id"], "merged_into_id IS NOT NULL"),
)
TERMS = "ix_patient_term_tenant_id_patient_id"
REGIONS = (
    "region IN ('11', '12', '13', '14', '15', '21', '22', '23', '31', '32', '33', '34', '35', '36', '37', "
    "'41', '42', '43', '44', '45', '46', '50', '51', '52', '53', '54', '61', '62', '63', '64', '65', "
    "'71', '81', '82', 'other')"
)
CHECKS = (
    ("ck_patient_region_known", REGIONS),
    ("ck_patient_email_is_indexed", "(email IS NULL) = (email_index IS NULL)"),
    ("ck_patient_merged_into_another", "merged_into_id <> id"),
)
KEYS = (("consultant_id", "staff"), ("merged_into_id", "patient"))


def upgrade() -> None:
    """Add what a chart tells more, then count the visits of all."""
    with op.get_context().autocommit_block():  # CONCURRENTLY refuses a transaction
        for column in COLUMNS:
            op.execute(f"ALTER TABLE patient ADD COLUMN IF NOT EXISTS {column}")
        for name, columns, where in INDEXES:
            create_index_online(name, "patient", columns, where=where)
        create_index_online(TERMS, "patient_term", ["tenant_id", "patient_id"])
        for name, condition in CHECKS:
            create_check_online(name, "patient", condition)
    for column, other in KEYS:
        op.create_foreign_key(
            f"fk_patient_tenant_id_{column}", "patient", other, ["tenant_id", column], ["tenant_id", "id"]
        )
    _facts()


def downgrade() -> None:
    """Forget it; the keys go with their columns."""
    with op.get_context().autocommit_block():
        drop_index_online(TERMS, "patient_term")
        for name, _, _ in reversed(INDEXES):
            drop_index_online(name, "patient")
        for name, _ in CHECKS:
            op.drop_constraint(name, "patient", if_exists=True)
        for column in reversed(COLUMNS):
            op.execute(f"ALTER TABLE patient DROP COLUMN IF EXISTS {column.split()[0]}")
    op.drop_table("patient_fact")


def _facts() -> None:
    op.create_table(
        "patient_fact",
        owner_column(),
        sa.Column("patient_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_visit_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_visit_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("visits", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_bound", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("(visits = 0) = (last_visit_at IS NULL)", name="ck_patient_fact_visits_have_days"),
        sa.CheckConstraint(
            "(first_visit_at IS NULL) = (last_visit_at IS NULL)", name="ck_patient_fact_first_and_last"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "patient_id"],
            ["patient.tenant_id", "patient.id"],
            name="fk_patient_fact_tenant_id_patient_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "patient_id", name="pk_patient_fact"),
    )
    op.execute(
        """
        INSERT INTO patient_fact (tenant_id, patient_id, first_visit_at, last_visit_at, visits, is_bound)
        SELECT patient.tenant_id, patient.id, min(visit.starts_at), max(visit.starts_at), count(visit.id),
               EXISTS (SELECT FROM binding WHERE binding.tenant_id = patient.tenant_id
                          AND binding.patient_id = patient.id AND binding.unbound_at IS NULL)
          FROM patient
          LEFT JOIN appointment AS visit ON visit.tenant_id = patient.tenant_id
                AND visit.patient_id = patient.id
                AND visit.state IN ('checked_in', 'in_treatment', 'completed')
         GROUP BY patient.tenant_id, patient.id
        """
    )
    op.create_index(
        "ix_patient_fact_tenant_id_last_visit_at_patient_id",
        "patient_fact",
        ["tenant_id", "last_visit_at", "patient_id"],
    )
    op.create_index(
        "ix_patient_fact_unbound",
        "patient_fact",
        ["tenant_id", "patient_id"],
        postgresql_where=sa.text("NOT is_bound"),
    )
    wall("patient_fact")
