"""Patients, bindings, codes sent to phones, the timeline."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from walls import owner_column, wall

revision, down_revision = "0011_patients", "0010_set_up"
branch_labels = depends_on = None

TABLES = (
    "patient",
    "chart_number",
    "patient_term",
    "binding",
    "fan_phone",
    "phone_code",
    "phone_limit",
    "timeline_entry",
)


def upgrade() -> None:
    """Create the tables."""
    _charts()
    _bindings()
    _codes()
    _timeline()
    for table in TABLES:
        wall(table)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _charts() -> None:
    op.create_table(
        "patient",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("phone_index", sa.LargeBinary(), nullable=True),
        sa.Column("tail_index", sa.LargeBinary(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=True),
        sa.Column("memo", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("sex IN ('f', 'm')", name="ck_patient_sex_known"),
        sa.CheckConstraint("source IN ('wechat', 'desk', 'import')", name="ck_patient_source_known"),
        sa.CheckConstraint(
            "(phone IS NULL) = (phone_index IS NULL) AND (phone IS NULL) = (tail_index IS NULL)",
            name="ck_patient_phone_is_indexed",
        ),
        _to("patient", "store", "store_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_patient"),
        sa.UniqueConstraint("tenant_id", "number", name="uq_patient_tenant_id_number"),
    )
    for index in ("phone_index", "tail_index"):
        op.create_index(
            f"ix_patient_tenant_id_{index}",
            "patient",
            ["tenant_id", index],
            postgresql_where=sa.text(f"{index} IS NOT NULL"),
        )
    op.create_table(
        "chart_number",
        owner_column(),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_chart_number"),
    )
    op.create_table(
        "patient_term",
        owner_column(),
        sa.Column("term", sa.Text(collation="C"), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), autoincrement=False, nullable=False),
        _to("patient_term", "patient", "patient_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "term", "patient_id", name="pk_patient_term"),
    )


def _bindings() -> None:
    op.create_table(
        "binding",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unbound_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("how IN ('phone', 'booking', 'desk')", name="ck_binding_how_known"),
        sa.CheckConstraint("bound_at <= unbound_at", name="ck_binding_unbound_after_bound"),
        _to("binding", "fan", "fan_id"),
        _to("binding", "patient", "patient_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_binding"),
    )
    op.create_index(
        "uq_binding_live",
        "binding",
        ["tenant_id", "fan_id", "patient_id"],
        unique=True,
        postgresql_where=sa.text("unbound_at IS NULL"),
    )
    op.create_index("ix_binding_tenant_id_patient_id", "binding", ["tenant_id", "patient_id"])
    op.create_index("ix_binding_tenant_id_fan_id_bound_at", "binding", ["tenant_id", "fan_id", "bound_at"])
    op.create_table(
        "fan_phone",
        owner_column(),
        sa.Column("fan_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        _to("fan_phone", "fan", "fan_id"),
        sa.PrimaryKeyConstraint("tenant_id", "fan_id", name="pk_fan_phone"),
    )


def _codes() -> None:
    op.create_table(
        "phone_code",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(), nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'sent', 'failed', 'unknown')", name="ck_phone_code_state_known"
        ),
        _to("phone_code", "fan", "fan_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_phone_code"),
    )
    op.create_index(
        "ix_phone_code_tenant_id_queue_available_at",
        "phone_code",
        ["tenant_id", "queue", "available_at"],
        postgresql_where=sa.text("available_at IS NOT NULL"),
    )
    op.create_index(
        "ix_phone_code_tenant_id_fan_id_phone_index_id",
        "phone_code",
        ["tenant_id", "fan_id", "phone_index", "id"],
    )
    op.create_index(
        "ix_phone_code_lost",
        "phone_code",
        ["tenant_id", "created_at"],
        postgresql_where=sa.text("state IN ('failed', 'unknown')"),
    )
    op.create_table(
        "phone_limit",
        owner_column(),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key", name="pk_phone_limit"),
    )


def _timeline() -> None:
    op.create_table(
        "timeline_entry",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=True),
        sa.Column("patient_id", sa.BigInteger(), nullable=True),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "fan_id IS NOT NULL OR patient_id IS NOT NULL", name="ck_timeline_entry_about_somebody"
        ),
        _to("timeline_entry", "fan", "fan_id"),
        _to("timeline_entry", "patient", "patient_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_timeline_entry"),
        sa.UniqueConstraint("tenant_id", "cause", name="uq_timeline_entry_tenant_id_cause"),
    )
    for whose in ("patient_id", "fan_id"):
        op.create_index(
            f"ix_timeline_entry_tenant_id_{whose}_at_id",
            "timeline_entry",
            ["tenant_id", whose, "at", "id"],
        )


def _to(table: str, other: str, column: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{other}.tenant_id", f"{other}.id"],
        name=f"fk_{table}_tenant_id_{column}",
        ondelete=ondelete,
    )
