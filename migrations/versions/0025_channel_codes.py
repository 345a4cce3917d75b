"""Channel codes, and who scanned them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from walls import owner_column, wall

revision, down_revision = "0025_channel_codes", "0024_privacy"
branch_labels = depends_on = None

TABLES = (
    "channel_code",
    "channel_code_tag",
    "scene_use",
    "permanent_codes",
    "channel_ticket",
    "scan",
    "picture_bundle",
)


def upgrade() -> None:
    """Make the tables."""
    _make_code()
    _make_code_tag()
    _make_scene_use()
    _make_permanent_codes()
    _make_ticket()
    _make_scan()
    _make_bundle()
    for table in TABLES:
        wall(table)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_code() -> None:
    op.create_table(
        "channel_code",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("caption", sa.Text(), nullable=False),
        sa.Column("scene", sa.Text(), nullable=False),
        sa.Column("permanent", sa.Boolean(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=True),
        sa.Column("consultant_id", sa.BigInteger(), nullable=True),
        sa.Column("welcome", sa.Text(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('store', 'promotion')", name="ck_channel_code_kind_known"),
        sa.CheckConstraint("state IN ('active', 'retired')", name="ck_channel_code_state_known"),
        sa.CheckConstraint(
            "kind <> 'store' OR store_id IS NOT NULL", name="ck_channel_code_store_code_has_store"
        ),
        sa.CheckConstraint(
            "(state = 'retired') = (retired_at IS NOT NULL)", name="ck_channel_code_retired_has_time"
        ),
        sa.CheckConstraint("cost_minor >= 0", name="ck_channel_code_cost_is_none_or_some"),
        _to("official_account", "channel_code", "account_id"),
        _to("store", "channel_code", "store_id"),
        _to("staff", "channel_code", "consultant_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_channel_code"),
    )
    op.create_index(
        "uq_channel_code_store",
        "channel_code",
        ["tenant_id", "account_id", "store_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'store' AND state = 'active'"),
    )
    op.create_index("ix_channel_code_tenant_id_state_id", "channel_code", ["tenant_id", "state", "id"])
    op.create_index("ix_channel_code_tenant_id_store_id_id", "channel_code", ["tenant_id", "store_id", "id"])
    op.create_index(
        "ix_channel_code_tenant_id_account_id_state_retired_at",
        "channel_code",
        ["tenant_id", "account_id", "state", "retired_at"],
    )


def _make_code_tag() -> None:
    op.create_table(
        "channel_code_tag",
        owner_column(),
        sa.Column("code_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tag_id", sa.BigInteger(), autoincrement=False, nullable=False),
        _to("channel_code", "channel_code_tag", "code_id", ondelete="CASCADE"),
        _to("tag", "channel_code_tag", "tag_id"),
        sa.PrimaryKeyConstraint("tenant_id", "code_id", "tag_id", name="pk_channel_code_tag"),
    )
    op.create_index("ix_channel_code_tag_tenant_id_tag_id", "channel_code_tag", ["tenant_id", "tag_id"])


def _make_scene_use() -> None:
    op.create_table(
        "scene_use",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("scene", sa.Text(), nullable=False),
        sa.Column("code_id", sa.BigInteger(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("from_at < until_at", name="ck_scene_use_used_for_a_while"),
        _to("official_account", "scene_use", "account_id"),
        _to("channel_code", "scene_use", "code_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_scene_use"),
    )
    op.create_index(
        "uq_scene_use_now",
        "scene_use",
        ["tenant_id", "account_id", "scene"],
        unique=True,
        postgresql_where=sa.text("until_at IS NULL"),
    )
    op.create_index(
        "ix_scene_use_tenant_id_account_id_scene_from_at",
        "scene_use",
        ["tenant_id", "account_id", "scene", "from_at"],
    )
    op.create_index("ix_scene_use_tenant_id_code_id", "scene_use", ["tenant_id", "code_id"])


def _make_permanent_codes() -> None:
    op.create_table(
        "permanent_codes",
        owner_column(),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("used_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("used BETWEEN 0 AND 100000", name="ck_permanent_codes_used_within_limit"),
        _to("official_account", "permanent_codes", "account_id"),
        sa.PrimaryKeyConstraint("tenant_id", "account_id", name="pk_permanent_codes"),
    )


def _make_ticket() -> None:
    op.create_table(
        "channel_ticket",
        owner_column(),
        *_leased(),
        sa.Column("code_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ticket", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'made', 'failed', 'dropped')", name="ck_channel_ticket_state_known"
        ),
        sa.CheckConstraint(
            "(state = 'made') = (url IS NOT NULL) AND (url IS NULL) = (ticket IS NULL)"
            " AND (url IS NULL) = (made_at IS NULL)",
            name="ck_channel_ticket_made_is_whole",
        ),
        sa.CheckConstraint(
            "(state = 'failed') = (reason IS NOT NULL)", name="ck_channel_ticket_failed_has_reason"
        ),
        _to("channel_code", "channel_ticket", "code_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_channel_ticket"),
    )
    op.create_index(
        "uq_channel_ticket_pending",
        "channel_ticket",
        ["tenant_id", "code_id"],
        unique=True,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_channel_ticket_tenant_id_code_id_id", "channel_ticket", ["tenant_id", "code_id", "id"]
    )
    _index_queue("channel_ticket")
    op.create_index(
        "ix_channel_ticket_failed",
        "channel_ticket",
        ["tenant_id", "id"],
        postgresql_where=sa.text("state = 'failed'"),
    )


def _make_scan() -> None:
    op.create_table(
        "scan",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code_id", sa.BigInteger(), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=False),
        sa.Column("push_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("is_new", sa.Boolean(), nullable=False),
        _to("channel_code", "scan", "code_id"),
        _to("fan", "scan", "fan_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_scan"),
        sa.UniqueConstraint("tenant_id", "push_id", name="uq_scan_tenant_id_push_id"),
    )
    for columns in (
        ("code_id", "day", "fan_id"),
        ("code_id", "fan_id", "at"),
        ("code_id", "at"),
        ("fan_id", "at"),
    ):
        op.create_index(f"ix_scan_tenant_id_{'_'.join(columns)}", "scan", ["tenant_id", *columns])


def _make_bundle() -> None:
    op.create_table(
        "picture_bundle",
        owner_column(),
        *_leased(),
        sa.Column("asked_by", sa.BigInteger(), nullable=False),
        sa.Column("code_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'ready', 'failed', 'gone')", name="ck_picture_bundle_state_known"
        ),
        sa.CheckConstraint("(state = 'ready') = (file IS NOT NULL)", name="ck_picture_bundle_ready_has_file"),
        sa.CheckConstraint("done BETWEEN 0 AND cardinality(code_ids)", name="ck_picture_bundle_done_within"),
        _to("staff", "picture_bundle", "asked_by"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_picture_bundle"),
    )
    _index_queue("picture_bundle")
    op.create_index(
        "ix_picture_bundle_tenant_id_asked_by_id", "picture_bundle", ["tenant_id", "asked_by", "id"]
    )


def _leased() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
    )


def _index_queue(table: str) -> None:
    op.create_index(
        f"ix_{table}_tenant_id_queue_available_at",
        table,
        ["tenant_id", "queue", "available_at"],
        postgresql_where=sa.text("available_at IS NOT NULL"),
    )


def _to(table: str, owner: str, column: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{table}.tenant_id", f"{table}.id"],
        name=f"fk_{owner}_tenant_id_{column}",
        ondelete=ondelete,
    )
