"""Notices and consent, who wants no messages, what was asked for, and the work that follows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY
from walls import owner_column, wall

revision, down_revision = "0024_privacy", "0023_binding"
branch_labels = depends_on = None

TABLES = ("privacy_notice", "consent", "privacy_request", "privacy_task", "duplicate_key", "duplicate_pair")


def upgrade() -> None:
    """Make them."""
    op.add_column("fan", sa.Column("muted_at", sa.DateTime(timezone=True), nullable=True))
    _make_notice()
    _make_consent()
    _make_request()
    _make_task()
    _make_key()
    _make_pair()
    for table in TABLES:
        wall(table)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_column("fan", "muted_at")


def _make_notice() -> None:
    op.create_table(
        "privacy_notice",
        owner_column(),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written_by", sa.BigInteger(), nullable=True),
        _belongs("privacy_notice", "written_by", "staff"),
        sa.PrimaryKeyConstraint("tenant_id", "version", name="pk_privacy_notice"),
    )


def _make_consent() -> None:
    op.create_table(
        "consent",
        owner_column(),
        _identity(),
        sa.Column("fan_id", sa.BigInteger(), nullable=False),
        sa.Column("notice_version", sa.Integer(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("given_at <= withdrawn_at", name="ck_consent_withdrawn_after_given"),
        _belongs("consent", "fan_id", "fan"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_consent"),
    )
    op.create_index(
        "uq_consent_live",
        "consent",
        ["tenant_id", "fan_id"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_index("ix_consent_tenant_id_fan_id_id", "consent", ["tenant_id", "fan_id", "id"])


def _make_request() -> None:
    op.create_table(
        "privacy_request",
        owner_column(),
        _identity(),
        sa.Column("fan_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('export', 'erase')", name="ck_privacy_request_kind_known"),
        sa.CheckConstraint("state IN ('waiting', 'done', 'declined')", name="ck_privacy_request_state_known"),
        sa.CheckConstraint(
            "(state = 'waiting') = (decided_at IS NULL)", name="ck_privacy_request_decided_has_time"
        ),
        _belongs("privacy_request", "fan_id", "fan"),
        _belongs("privacy_request", "decided_by", "staff"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_privacy_request"),
    )
    op.create_index(
        "uq_privacy_request_waiting",
        "privacy_request",
        ["tenant_id", "fan_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    for columns in (["tenant_id", "state", "id"], ["tenant_id", "fan_id", "id"]):
        op.create_index(f"ix_privacy_request_{'_'.join(columns)}", "privacy_request", columns)


def _make_task() -> None:
    op.create_table(
        "privacy_task",
        owner_column(),
        _identity(),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), nullable=True),
        sa.Column("asked_by", sa.BigInteger(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("files", ARRAY(sa.Text()), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('export', 'erase', 'files')", name="ck_privacy_task_kind_known"),
        sa.CheckConstraint("state IN ('waiting', 'done', 'failed')", name="ck_privacy_task_state_known"),
        _belongs("privacy_task", "patient_id", "patient"),
        _belongs("privacy_task", "asked_by", "staff"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_privacy_task"),
    )
    op.create_index(
        "ix_privacy_task_tenant_id_queue_available_at",
        "privacy_task",
        ["tenant_id", "queue", "available_at"],
        postgresql_where=sa.text("available_at IS NOT NULL"),
    )
    op.create_index(
        "uq_privacy_task_waiting",
        "privacy_task",
        ["tenant_id", "patient_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting' AND patient_id IS NOT NULL"),
    )
    op.create_index(
        "ix_privacy_task_tenant_id_patient_id_id", "privacy_task", ["tenant_id", "patient_id", "id"]
    )
    op.create_index(
        "ix_privacy_task_failed",
        "privacy_task",
        ["tenant_id", "id"],
        postgresql_where=sa.text("state = 'failed'"),
    )


def _make_key() -> None:
    op.create_table(
        "duplicate_key",
        owner_column(),
        sa.Column("patient_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "reason IN ('phone_name', 'phone_birthday', 'name_birthday', 'initials_birthday')",
            name="ck_duplicate_key_reason_known",
        ),
        _belongs("duplicate_key", "patient_id", "patient"),
        sa.PrimaryKeyConstraint("tenant_id", "patient_id", "reason", name="pk_duplicate_key"),
    )
    op.create_index(
        "ix_duplicate_key_tenant_id_key_patient_id", "duplicate_key", ["tenant_id", "key", "patient_id"]
    )


def _make_pair() -> None:
    op.create_table(
        "duplicate_pair",
        owner_column(),
        sa.Column("first_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("second_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reasons", ARRAY(sa.Text()), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dismissed_by", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("first_id < second_id", name="ck_duplicate_pair_in_order"),
        sa.CheckConstraint(
            "(dismissed_at IS NULL) = (dismissed_by IS NULL)", name="ck_duplicate_pair_dismissed_by_somebody"
        ),
        _belongs("duplicate_pair", "first_id", "patient"),
        _belongs("duplicate_pair", "second_id", "patient"),
        _belongs("duplicate_pair", "dismissed_by", "staff"),
        sa.PrimaryKeyConstraint("tenant_id", "first_id", "second_id", name="pk_duplicate_pair"),
    )
    op.create_index(
        "ix_duplicate_pair_tenant_id_second_id_first_id",
        "duplicate_pair",
        ["tenant_id", "second_id", "first_id"],
    )
    op.create_index(
        "ix_duplicate_pair_open",
        "duplicate_pair",
        ["tenant_id", "found_at", "first_id", "second_id"],
        postgresql_where=sa.text("dismissed_at IS NULL"),
    )


def _identity() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _belongs(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column], [f"{other}.tenant_id", f"{other}.id"], name=f"fk_{table}_tenant_id_{column}"
    )
