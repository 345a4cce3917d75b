"""Opening hours, items, complaint presets; a doctor is never at two places at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from walls import owner_column, wall

revision, down_revision = "0010_set_up", "0009_journal"
branch_labels = depends_on = None

PLACE = "ck_store_coordinates_are_a_pair"
POOL = "ck_store_any_per_hour_is_no_debt"
DAY = "ck_shift_shift_of_one_day"
GRID = "ck_shift_slots_on_the_grid"
APART = "shift_at_one_place"
AT_STORE = "ix_shift_tenant_id_store_id_starts_at"


def upgrade() -> None:
    """Create the tables; stores that are there are open all day, their shifts end where the next begins."""
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.add_column("store", sa.Column("phone", sa.Text(), server_default="", nullable=False))
    op.add_column("store", sa.Column("latitude", sa.Numeric(9, 6)))
    op.add_column("store", sa.Column("longitude", sa.Numeric(9, 6)))
    op.add_column("store", sa.Column("transport", sa.Text(), server_default="", nullable=False))
    op.add_column("store", sa.Column("any_per_hour", sa.Integer(), server_default="0", nullable=False))
    op.create_check_constraint(POOL, "store", "any_per_hour >= 0")
    op.create_check_constraint(PLACE, "store", "(latitude IS NULL) = (longitude IS NULL)")
    op.add_column("doctor", sa.Column("bookable", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("doctor", sa.Column("introduction", sa.Text(), server_default="", nullable=False))
    _hours()
    _items()
    _shifts()


def downgrade() -> None:
    """Drop them; the extension stays, others may use it."""
    op.drop_index(AT_STORE, "shift")
    for constraint in (APART, GRID, DAY):
        op.drop_constraint(constraint, "shift")
    for table in ("complaint", "item_store", "item", "item_category", "store_hours"):
        op.drop_table(table)
    for column in ("introduction", "bookable"):
        op.drop_column("doctor", column)
    for column in ("any_per_hour", "transport", "longitude", "latitude", "phone"):
        op.drop_column("store", column)


def _hours() -> None:
    op.create_table(
        "store_hours",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("opens", sa.Integer(), nullable=False),
        sa.Column("closes", sa.Integer(), nullable=False),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name="ck_store_hours_weekday_known"),
        sa.CheckConstraint(
            "0 <= opens AND opens < closes AND closes <= 1440", name="ck_store_hours_within_the_day"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "store_id"],
            ["store.tenant_id", "store.id"],
            name="fk_store_hours_tenant_id_store_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_store_hours"),
        sa.UniqueConstraint(
            "tenant_id",
            "store_id",
            "weekday",
            "opens",
            name="uq_store_hours_tenant_id_store_id_weekday_opens",
        ),
    )
    op.execute("""
        ALTER TABLE store_hours ADD CONSTRAINT store_hours_apart EXCLUDE USING gist
          (tenant_id WITH =, store_id WITH =, weekday WITH =, int4range(opens, closes) WITH &&)
    """)
    wall("store_hours")
    op.execute("""
        INSERT INTO store_hours (tenant_id, store_id, weekday, opens, closes)
        SELECT tenant_id, id, weekday, 0, 1440 FROM store, generate_series(0, 6) AS weekday
    """)


def _items() -> None:
    op.create_table(
        "item_category",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_item_category"),
    )
    op.create_table(
        "item",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("category_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.CheckConstraint("minutes BETWEEN 5 AND 480 AND minutes % 5 = 0", name="ck_item_takes_a_while"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "category_id"],
            ["item_category.tenant_id", "item_category.id"],
            name="fk_item_tenant_id_category_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_item"),
    )
    op.create_index("ix_item_tenant_id_category_id", "item", ["tenant_id", "category_id"])
    op.create_table(
        "item_store",
        owner_column(),
        sa.Column("item_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("store_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "item_id"],
            ["item.tenant_id", "item.id"],
            name="fk_item_store_tenant_id_item_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "store_id"],
            ["store.tenant_id", "store.id"],
            name="fk_item_store_tenant_id_store_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "item_id", "store_id", name="pk_item_store"),
    )
    op.create_table(
        "complaint",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_complaint"),
    )
    for table in ("item_category", "item", "item_store", "complaint"):
        wall(table)


def _shifts() -> None:
    op.execute("""
        UPDATE shift
           SET ends_at = least(shift.ends_at, next.starts_at, shift.starts_at + interval '24 hours'),
               slot_minutes = shift.slot_minutes - shift.slot_minutes % 5
          FROM (SELECT tenant_id, id,
                       lead(starts_at) OVER (PARTITION BY tenant_id, doctor_id ORDER BY starts_at)
                         AS starts_at
                  FROM shift) AS next
         WHERE next.tenant_id = shift.tenant_id AND next.id = shift.id
           AND (shift.ends_at > next.starts_at OR shift.ends_at - shift.starts_at > interval '25 hours'
                OR shift.slot_minutes % 5 > 0)
    """)
    op.create_check_constraint(DAY, "shift", "ends_at - starts_at <= interval '25 hours'")
    op.create_check_constraint(GRID, "shift", "slot_minutes % 5 = 0")
    op.execute(f"""
        ALTER TABLE shift ADD CONSTRAINT {APART} EXCLUDE USING gist
          (tenant_id WITH =, doctor_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
    """)
    op.create_index(AT_STORE, "shift", ["tenant_id", "store_id", "starts_at"])
