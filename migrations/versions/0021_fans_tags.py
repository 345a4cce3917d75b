"""What is known of fans, and tags."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from online import create_check_online, create_index_online, drop_index_online
from sqlalchemy.dialects import postgresql
from walls import owner_column, wall

revision, down_revision = "0021_fans_tags", "0020_charts"
branch_labels = depends_on = None

COLUMNS = (
    ("remark", "bytea"),
    ("unionid", "bytea"),
    ("unionid_index", "bytea"),
    ("store_id", "bigint"),
    ("consultant_id", "bigint"),
    ("source_code_id", "bigint"),
    ("referrer_fan_id", "bigint"),
)
REFERENCES = (("store", "store_id"), ("staff", "consultant_id"), ("fan", "referrer_fan_id"))
CHECKS = (
    ("ck_fan_unionid_is_indexed", "(unionid IS NULL) = (unionid_index IS NULL)"),
    ("ck_fan_referred_by_another", "referrer_fan_id <> id"),
)
BY_TIME = ("first_seen_at", "last_seen_at")
SPARSE = ("store_id", "consultant_id", "source_code_id", "referrer_fan_id", "unionid_index")
FIRST_SEEN = "ix_fan_tenant_id_first_seen_at"


def upgrade() -> None:
    """Widen fans while they are written to, then make the tables."""
    with op.get_context().autocommit_block():  # CONCURRENTLY refuses a transaction
        for column, kind in COLUMNS:
            op.execute(f"ALTER TABLE fan ADD COLUMN IF NOT EXISTS {column} {kind}")
        for column in BY_TIME:
            create_index_online(f"ix_fan_tenant_id_{column}_id", "fan", ["tenant_id", column, "id"])
        for column in SPARSE:
            create_index_online(
                f"ix_fan_tenant_id_{column}", "fan", ["tenant_id", column], where=f"{column} IS NOT NULL"
            )
        for name, condition in CHECKS:
            create_check_online(name, "fan", condition)
        drop_index_online(FIRST_SEEN, "fan")
    for table, column in REFERENCES:
        op.create_foreign_key(
            f"fk_fan_tenant_id_{column}", "fan", table, ["tenant_id", column], ["tenant_id", "id"]
        )
    _make_terms()
    _make_tags()
    _make_tasks()


def downgrade() -> None:
    """Drop them; with a column goes what refers by it."""
    with op.get_context().autocommit_block():
        create_index_online(FIRST_SEEN, "fan", ["tenant_id", "first_seen_at"])
        for column in BY_TIME:
            drop_index_online(f"ix_fan_tenant_id_{column}_id", "fan")
        for name, _ in CHECKS:
            op.execute(f"ALTER TABLE fan DROP CONSTRAINT IF EXISTS {name}")
        for column, _ in reversed(COLUMNS):
            op.execute(f"ALTER TABLE fan DROP COLUMN IF EXISTS {column}")
    for table in ("fan_task", "fan_tag", "tag", "tag_group", "fan_term"):
        op.drop_table(table)


def _make_terms() -> None:
    op.create_table(
        "fan_term",
        owner_column(),
        sa.Column("term", sa.Text(collation="C"), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=False),
        _to("fan_term", "fan", "fan_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "term", "fan_id", name="pk_fan_term"),
    )
    op.create_index("ix_fan_term_tenant_id_fan_id", "fan_term", ["tenant_id", "fan_id"])
    wall("fan_term")


def _make_tags() -> None:
    op.create_table(
        "tag_group",
        owner_column(),
        _id(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_tag_group"),
    )
    op.create_index(
        "uq_tag_group_name",
        "tag_group",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    wall("tag_group")
    op.create_table(
        "tag",
        owner_column(),
        _id(),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        _to("tag", "tag_group", "group_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_tag"),
    )
    op.create_index(
        "uq_tag_name",
        "tag",
        ["tenant_id", "group_id", "name"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    wall("tag")
    op.create_table(
        "fan_tag",
        owner_column(),
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.CheckConstraint("how IN ('hand', 'scan', 'form', 'claim', 'import')", name="ck_fan_tag_how_known"),
        _to("fan_tag", "tag", "tag_id"),
        _to("fan_tag", "fan", "fan_id"),
        sa.PrimaryKeyConstraint("tenant_id", "tag_id", "fan_id", name="pk_fan_tag"),
    )
    op.create_index("ix_fan_tag_tenant_id_fan_id_tag_id", "fan_tag", ["tenant_id", "fan_id", "tag_id"])
    wall("fan_tag")


def _make_tasks() -> None:
    op.create_table(
        "fan_task",
        owner_column(),
        _id(),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("filter", postgresql.JSONB(), nullable=False),
        sa.Column("scope", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reached", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("made_by", sa.BigInteger(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('tag', 'untag', 'store', 'consultant', 'export', 'untag_all')",
            name="ck_fan_task_kind_known",
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'finished', 'failed')", name="ck_fan_task_state_known"
        ),
        sa.CheckConstraint("(file IS NULL) = (expires_at IS NULL)", name="ck_fan_task_file_expires"),
        sa.CheckConstraint(
            "(state IN ('finished', 'failed')) = (ended_at IS NOT NULL)", name="ck_fan_task_ended_has_time"
        ),
        _to("fan_task", "staff", "made_by"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_fan_task"),
        sa.UniqueConstraint("tenant_id", "key", name="uq_fan_task_tenant_id_key"),
    )
    op.create_index(
        "ix_fan_task_tenant_id_queue_available_at",
        "fan_task",
        ["tenant_id", "queue", "available_at"],
        postgresql_where=sa.text("available_at IS NOT NULL"),
    )
    op.create_index("ix_fan_task_tenant_id_made_by_id", "fan_task", ["tenant_id", "made_by", "id"])
    op.create_index(
        "ix_fan_task_file",
        "fan_task",
        ["tenant_id", "expires_at"],
        postgresql_where=sa.text("file IS NOT NULL"),
    )
    wall("fan_task")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _to(table: str, other: str, column: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{other}.tenant_id", f"{other}.id"],
        name=f"fk_{table}_tenant_id_{column}",
        ondelete=ondelete,
    )
