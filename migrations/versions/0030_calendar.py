"""Closures, special days, and what each store allows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from walls import owner_column, wall

revision, down_revision = "0030_calendar", "0029_audit_trail"
branch_labels = depends_on = None

TABLES = ("store_day", "closure", "booking_terms")


def upgrade() -> None:
    """Make the tables; stores that are there keep nobody's holidays."""
    op.add_column("store", sa.Column("holiday_country", sa.Text(), server_default="", nullable=False))
    op.add_column("store", sa.Column("on_holidays", sa.Text(), server_default="closed", nullable=False))
    op.add_column("store", sa.Column("make_up_weekday", sa.Integer(), server_default="0", nullable=False))
    op.create_check_constraint(
        op.f("ck_store_on_holidays_known"), "store", "on_holidays IN ('closed', 'as_usual')"
    )
    op.create_check_constraint(
        op.f("ck_store_make_up_weekday_known"), "store", "make_up_weekday BETWEEN 0 AND 6"
    )
    op.create_table(
        "store_day",
        owner_column(),
        sa.Column("store_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("stretches", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "store_id", "date", name="pk_store_day"),
        _of("store_day", "store"),
    )
    _make_closure()
    _make_terms()
    for table in TABLES:
        wall(table)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_constraint(op.f("ck_store_make_up_weekday_known"), "store")
    op.drop_constraint(op.f("ck_store_on_holidays_known"), "store")
    for column in ("make_up_weekday", "on_holidays", "holiday_country"):
        op.drop_column("store", column)


def _make_closure() -> None:
    op.create_table(
        "closure",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("store_id", sa.BigInteger()),
        sa.Column("doctor_id", sa.BigInteger()),
        sa.Column("item_id", sa.BigInteger()),
        sa.Column("starts_at", sa.DateTime(timezone=True)),
        sa.Column("ends_at", sa.DateTime(timezone=True)),
        sa.Column("weekday", sa.Integer()),
        sa.Column("from_minute", sa.Integer()),
        sa.Column("to_minute", sa.Integer()),
        sa.Column("from_date", sa.Date()),
        sa.Column("to_date", sa.Date()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_closure"),
        _of("closure", "store"),
        _of("closure", "doctor"),
        _of("closure", "item", ondelete="CASCADE"),
        sa.CheckConstraint(
            "store_id IS NOT NULL OR doctor_id IS NOT NULL OR item_id IS NOT NULL",
            name=op.f("ck_closure_closes_something"),
        ),
        sa.CheckConstraint(
            "(starts_at IS NOT NULL AND ends_at IS NOT NULL AND weekday IS NULL AND from_minute IS NULL"
            " AND to_minute IS NULL AND from_date IS NULL AND to_date IS NULL)"
            " OR (starts_at IS NULL AND ends_at IS NULL AND weekday IS NOT NULL"
            " AND from_minute IS NOT NULL AND to_minute IS NOT NULL AND from_date IS NOT NULL)",
            name=op.f("ck_closure_once_or_weekly"),
        ),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_closure_closure_has_length")),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_closure_weekday_known")),
        sa.CheckConstraint(
            "0 <= from_minute AND from_minute < to_minute AND to_minute <= 1440",
            name=op.f("ck_closure_within_the_day"),
        ),
        sa.CheckConstraint("from_date <= to_date", name=op.f("ck_closure_dates_in_order")),
    )
    for column in ("ends_at", "to_date", "item_id"):
        op.create_index(op.f(f"ix_closure_tenant_id_{column}"), "closure", ["tenant_id", column])


def _make_terms() -> None:
    op.create_table(
        "booking_terms",
        owner_column(),
        sa.Column("store_id", sa.BigInteger(), autoincrement=False, nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in (
                "earliest",
                "latest",
                "slot_minutes",
                "notice_days",
                "horizon_days",
                "change_until_minutes",
            )
        ),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("same_day", "approval", "self_booking")),
        sa.PrimaryKeyConstraint("tenant_id", "store_id", name="pk_booking_terms"),
        _of("booking_terms", "store"),
        sa.CheckConstraint(
            "0 <= earliest AND earliest < latest AND latest <= 1440",
            name=op.f("ck_booking_terms_within_the_day"),
        ),
        sa.CheckConstraint(
            "slot_minutes BETWEEN 5 AND 240 AND slot_minutes % 5 = 0",
            name=op.f("ck_booking_terms_slots_on_the_grid"),
        ),
        sa.CheckConstraint(
            "0 <= notice_days AND notice_days <= horizon_days AND horizon_days <= 365",
            name=op.f("ck_booking_terms_days_in_order"),
        ),
        sa.CheckConstraint(
            "change_until_minutes BETWEEN 0 AND 10080", name=op.f("ck_booking_terms_change_until_a_week")
        ),
    )


def _of(table: str, parent: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", f"{parent}_id"],
        [f"{parent}.tenant_id", f"{parent}.id"],
        name=f"fk_{table}_tenant_id_{parent}_id",
        ondelete=ondelete,
    )
