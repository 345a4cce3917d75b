"""Conversations, their sessions and messages."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from walls import owner_column, wall

revision, down_revision = "0014_chat", "0013_wording"
branch_labels = depends_on = None

TABLES = ("conversation", "chat_session", "chat_message")
INDEXES: tuple[tuple[str, str, Sequence[str], bool, str | None], ...] = (
    ("ix_conversation_tenant_id_touched_at", "conversation", ("touched_at",), False, None),
    ("ix_conversation_tenant_id_last_at_id", "conversation", ("last_at", "id"), False, None),
    (
        "ix_conversation_waiting",
        "conversation",
        ("account_id", "waiting_since", "id"),
        False,
        "waiting_since IS NOT NULL",
    ),
    (
        "ix_conversation_dedicated",
        "conversation",
        ("dedicated_staff_id",),
        False,
        "dedicated_staff_id IS NOT NULL",
    ),
    ("ix_conversation_talking", "conversation", ("talked_at",), False, "talked_at IS NOT NULL"),
    ("uq_chat_session_open", "chat_session", ("conversation_id",), True, "closed_at IS NULL"),
    ("ix_chat_session_held", "chat_session", ("staff_id",), False, "closed_at IS NULL"),
    (
        "ix_chat_session_tenant_id_conversation_id_opened_at",
        "chat_session",
        ("conversation_id", "opened_at"),
        False,
        None,
    ),
    (
        "ix_chat_message_tenant_id_conversation_id_changed_seq",
        "chat_message",
        ("conversation_id", "changed_seq"),
        False,
        None,
    ),
    ("uq_chat_message_key", "chat_message", ("conversation_id", "key"), True, "key IS NOT NULL"),
    ("uq_chat_message_push", "chat_message", ("push_id",), True, "push_id IS NOT NULL"),
    (
        "ix_chat_message_tenant_id_queue_available_at",
        "chat_message",
        ("queue", "available_at"),
        False,
        "available_at IS NOT NULL",
    ),
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "conversation",
        *_identity("conversation"),
        _number("account_id"),
        _number("fan_id"),
        _number("seq"),
        _moment("touched_at"),
        _moment("last_at"),
        _number("last_in_seq"),
        _number("answered_seq"),
        _moment("waiting_since", nullable=True),
        _moment("talked_at", nullable=True),
        _number("ignored_by", nullable=True),
        _moment("ignored_at", nullable=True),
        _number("dedicated_staff_id", nullable=True),
        _moment("window_until", nullable=True),
        sa.Column("window_left", sa.Integer(), nullable=False),
        _of("conversation", "account_id", "official_account"),
        _of("conversation", "fan_id", "fan"),
        _of("conversation", "dedicated_staff_id", "staff"),
        _of("conversation", "ignored_by", "staff"),
        sa.UniqueConstraint("tenant_id", "fan_id", name="uq_conversation_tenant_id_fan_id"),
        _check("conversation", "window_left_counted", "window_left >= 0"),
        _check("conversation", "answered_what_came", "answered_seq BETWEEN 0 AND last_in_seq"),
        _check("conversation", "seq_is_last", "last_in_seq <= seq"),
        _check(
            "conversation",
            "waits_while_unanswered",
            "(waiting_since IS NULL) = (answered_seq = last_in_seq)",
        ),
        _check("conversation", "ignored_by_somebody", "(ignored_by IS NULL) = (ignored_at IS NULL)"),
    )
    op.create_table(
        "chat_session",
        *_identity("chat_session"),
        _number("conversation_id"),
        _number("staff_id"),
        _moment("opened_at"),
        _moment("closed_at", nullable=True),
        _number("closed_by", nullable=True),
        _of("chat_session", "conversation_id", "conversation"),
        _of("chat_session", "staff_id", "staff"),
        _of("chat_session", "closed_by", "staff"),
        _check("chat_session", "closed_by_at", "closed_by IS NULL OR closed_at IS NOT NULL"),
    )
    op.create_table(
        "chat_message",
        *_identity("chat_message"),
        sa.Column("queue", sa.Text(), nullable=False),
        _moment("available_at", nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        _number("conversation_id"),
        _number("seq"),
        _number("changed_seq"),
        sa.Column("direction", sa.Text(), nullable=False),
        _number("author_id", nullable=True),
        _number("session_id", nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=True),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=True),
        _number("push_id", nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        _moment("at"),
        _moment("sent_at", nullable=True),
        _moment("first_tried_at", nullable=True),
        _of("chat_message", "conversation_id", "conversation"),
        _of("chat_message", "author_id", "staff"),
        _of("chat_message", "session_id", "chat_session"),
        sa.UniqueConstraint(
            "tenant_id", "conversation_id", "seq", name="uq_chat_message_tenant_id_conversation_id_seq"
        ),
        _check(
            "chat_message",
            "kind_known",
            "kind IN ('text', 'image', 'voice', 'video', 'location', 'link', 'other')",
        ),
        _check(
            "chat_message",
            "state_known",
            "CASE direction WHEN 'in' THEN state = 'received' "
            "WHEN 'out' THEN state IN ('pending', 'sending', 'sent', 'failed', 'unknown') ELSE false END",
        ),
        _check("chat_message", "changed_after_made", "changed_seq >= seq"),
    )
    for name, table, columns, unique, where in INDEXES:
        op.create_index(
            name,
            table,
            ["tenant_id", *columns],
            unique=unique,
            postgresql_where=None if where is None else sa.text(where),
        )
    for table in TABLES:
        wall(table)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _identity(table: str) -> tuple[sa.Column[int], sa.Column[int], sa.PrimaryKeyConstraint]:
    return (
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=f"pk_{table}"),
    )


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _of(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{target}.tenant_id", f"{target}.id"],
        name=f"fk_{table}_tenant_id_{column}",
    )


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))
