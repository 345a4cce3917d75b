"""What is answered to who follows, writes or taps; an account's welcome becomes one of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from walls import owner_column, wall

revision, down_revision = "0027_replies", "0026_menus"
branch_labels = depends_on = None

TAKE_OVER = """
    INSERT INTO reply_rule
           (tenant_id, account_id, kind, position, words, answer, is_on, version, created_at, changed_at)
    SELECT tenant_id, id, 'welcome', 0, '{}',
           jsonb_build_object('kind', 'text', 'text', welcome, 'title', '', 'url', ''),
           true, 1, created_at, created_at
      FROM official_account WHERE welcome <> ''
"""
GIVE_BACK = """
    UPDATE official_account SET welcome = rule.answer ->> 'text'
      FROM reply_rule AS rule
     WHERE rule.tenant_id = official_account.tenant_id AND rule.account_id = official_account.id
       AND rule.kind = 'welcome' AND rule.is_on AND rule.answer ->> 'kind' = 'text'
"""


def upgrade() -> None:
    """Make the tables, and take over the welcomes."""
    _make_rule()
    _make_picture()
    op.execute(TAKE_OVER)
    op.drop_column("official_account", "welcome")
    for table in ("reply_rule", "reply_picture"):
        wall(table)


def downgrade() -> None:
    """Give each account the text of its welcome back; other replies are lost."""
    op.add_column(
        "official_account", sa.Column("welcome", sa.Text(), server_default=sa.text("''"), nullable=False)
    )
    op.execute(GIVE_BACK)
    op.alter_column("official_account", "welcome", server_default=None)
    for table in ("reply_picture", "reply_rule"):
        op.drop_table(table)


def _make_rule() -> None:
    op.create_table(
        "reply_rule",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("match", sa.Text(), nullable=True),
        sa.Column("words", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("answer", postgresql.JSONB(), nullable=False),
        sa.Column("coupon_id", sa.BigInteger(), nullable=True),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "CASE kind WHEN 'welcome' THEN match IS NULL AND words = '{}' "
            "WHEN 'keyword' THEN match IN ('equal', 'contains') AND words <> '{}' ELSE false END",
            name="ck_reply_rule_kind_known",
        ),
        sa.CheckConstraint(
            "CASE answer ->> 'kind' WHEN 'text' THEN true WHEN 'image' THEN file IS NOT NULL "
            "WHEN 'news' THEN true WHEN 'coupon' THEN coupon_id IS NOT NULL ELSE false END",
            name="ck_reply_rule_answer_whole",
        ),
        _to("official_account", "reply_rule", "account_id"),
        _to("coupon", "reply_rule", "coupon_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_reply_rule"),
    )
    op.create_index(
        "uq_reply_rule_welcome",
        "reply_rule",
        ["tenant_id", "account_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'welcome'"),
    )
    op.create_index(
        "ix_reply_rule_tenant_id_account_id_position_id",
        "reply_rule",
        ["tenant_id", "account_id", "position", "id"],
    )


def _make_picture() -> None:
    op.create_table(
        "reply_picture",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("media_id", sa.Text(), nullable=True),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(media_id IS NULL) = (uploaded_at IS NULL)", name="ck_reply_picture_uploaded_is_whole"
        ),
        _to("official_account", "reply_picture", "account_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_reply_picture"),
        sa.UniqueConstraint(
            "tenant_id", "account_id", "file", name="uq_reply_picture_tenant_id_account_id_file"
        ),
    )
    op.create_index(
        "ix_reply_picture_tenant_id_queue_available_at",
        "reply_picture",
        ["tenant_id", "queue", "available_at"],
        postgresql_where=sa.text("available_at IS NOT NULL"),
    )


def _to(target: str, table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{target}.tenant_id", f"{target}.id"],
        name=f"fk_{table}_tenant_id_{column}",
    )
