"""Codes for binding at the desk, and profiles that were handed in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from online import replace_check_online
from sqlalchemy.dialects import postgresql
from walls import owner_column, wall

revision, down_revision = "0023_binding", "0022_audiences"
branch_labels = depends_on = None

OLD_WAYS = ("phone", "booking", "desk")
NEW_WAYS = ("scan", "chat", "profile")
KINDS = ("text", "image", "voice", "video", "location", "link", "other")


def upgrade() -> None:
    """Make the tables; bindings know three more ways, messages one more kind."""
    with op.get_context().autocommit_block():  # the rows are looked at while others write
        _check("binding", "how", (*OLD_WAYS, *NEW_WAYS))
        _check("chat_message", "kind", (*KINDS, "profile"))
    _make_ticket()
    _make_form()
    _make_submission()
    for table in ("bind_ticket", "profile_form", "profile_submission"):
        wall(table)


def downgrade() -> None:
    """Drop them; bindings of those ways were made at the desk, and such messages are of another kind."""
    with op.get_context().autocommit_block():
        op.execute("UPDATE chat_message SET kind = 'other' WHERE kind = 'profile'")
        _check("chat_message", "kind", KINDS)
        op.execute("UPDATE binding SET how = 'desk' WHERE how IN ('scan', 'chat', 'profile')")
        _check("binding", "how", OLD_WAYS)
    for table in ("profile_submission", "profile_form", "bind_ticket"):
        op.drop_table(table)


def _check(table: str, column: str, words: tuple[str, ...]) -> None:
    """Let a column hold these words, as many rows as there are."""
    replace_check_online(f"ck_{table}_{column}_known", table, f"{column} IN ({', '.join(map(repr, words))})")


def _make_ticket() -> None:
    op.create_table(
        "bind_ticket",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("token_digest", sa.Text(), nullable=False),
        sa.Column("made_by", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_by_fan_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(used_at IS NULL) = (used_by_fan_id IS NULL)", name="ck_bind_ticket_used_by_somebody"
        ),
        _to("patient", "bind_ticket", "patient_id"),
        _to("staff", "bind_ticket", "made_by"),
        _to("fan", "bind_ticket", "used_by_fan_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_bind_ticket"),
        sa.UniqueConstraint("tenant_id", "token_digest", name="uq_bind_ticket_tenant_id_token_digest"),
    )
    op.create_index("ix_bind_ticket_tenant_id_patient_id", "bind_ticket", ["tenant_id", "patient_id"])
    op.create_index(
        "ix_bind_ticket_used_by",
        "bind_ticket",
        ["tenant_id", "used_by_fan_id"],
        postgresql_where=sa.text("used_by_fan_id IS NOT NULL"),
    )


def _make_form() -> None:
    op.create_table(
        "profile_form",
        owner_column(),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("questions", postgresql.JSONB(), nullable=False),
        sa.Column("made_by", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        _to("staff", "profile_form", "made_by"),
        sa.PrimaryKeyConstraint("tenant_id", "version", name="pk_profile_form"),
    )


def _make_submission() -> None:
    op.create_table(
        "profile_submission",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("form_version", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("patient_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'created', 'attached', 'rejected')",
            name="ck_profile_submission_state_known",
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)",
            name="ck_profile_submission_decided_by_somebody",
        ),
        sa.CheckConstraint(
            "(state = 'rejected') = (reason IS NOT NULL)", name="ck_profile_submission_rejected_for_a_reason"
        ),
        sa.CheckConstraint(
            "(state IN ('created', 'attached')) = (patient_id IS NOT NULL)",
            name="ck_profile_submission_accepted_has_chart",
        ),
        _to("official_account", "profile_submission", "account_id"),
        _to("fan", "profile_submission", "fan_id"),
        _to("staff", "profile_submission", "decided_by"),
        _to("patient", "profile_submission", "patient_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_profile_submission"),
        sa.UniqueConstraint("tenant_id", "key", name="uq_profile_submission_tenant_id_key"),
    )
    op.create_index(
        "uq_profile_submission_waiting",
        "profile_submission",
        ["tenant_id", "fan_id"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_profile_submission_tenant_id_fan_id_id", "profile_submission", ["tenant_id", "fan_id", "id"]
    )
    for name, where in (("waiting", "state = 'waiting'"), ("decided", "state <> 'waiting'")):
        op.create_index(
            f"ix_profile_submission_{name}",
            "profile_submission",
            ["tenant_id", "submitted_at", "id"],
            postgresql_where=sa.text(where),
        )
    op.create_index(
        "ix_profile_submission_tenant_id_patient_id",
        "profile_submission",
        ["tenant_id", "patient_id"],
        postgresql_where=sa.text("patient_id IS NOT NULL"),
    )


def _to(table: str, of: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{table}.tenant_id", f"{table}.id"],
        name=f"fk_{of}_tenant_id_{column}",
    )
