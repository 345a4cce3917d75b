"""The waiting list: wishes, offers, and holds for offers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY
from walls import owner_column, wall

revision, down_revision = "0032_waiting", "0031_stores"
branch_labels = depends_on = None

ON_THE_LIST = "state IN ('waiting', 'offered')"
WISH_CHECKS = {
    "wish_state_known": "state IN ('waiting', 'offered', 'booked', 'ended')",
    "weekdays_known": "cardinality(weekdays) > 0 AND weekdays <@ '{0,1,2,3,4,5,6}'::smallint[]",
    "within_a_day": "0 <= from_minute AND from_minute < to_minute AND to_minute <= 1440",
    "dates_in_order": "from_date <= to_date",
    "ended_has_time": f"({ON_THE_LIST}) = (ended_at IS NULL)",
}
OFFER_CHECKS = {
    "offer_state_known": "state IN ('open', 'taken', 'declined', 'expired', 'withdrawn')",
    "answered_has_time": "(state = 'open') = (answered_at IS NULL)",
    "taken_has_visit": "(state = 'taken') = (appointment_id IS NOT NULL)",
}
GIVE_BACK = """
    UPDATE booking_place p SET taken = p.taken - h.places
      FROM (SELECT tenant_id, resource, step AS grid_start, count(*) AS places
              FROM booking_hold,
                   generate_series(
                     CASE WHEN starts_with(resource, 'store') THEN starts_at
                          ELSE date_bin('5 minutes', starts_at, '2000-01-01 00:00+00') END,
                     ends_at - interval '1 second',
                     CASE WHEN starts_with(resource, 'store') THEN interval '1 hour'
                          ELSE interval '5 minutes' END
                   ) AS step
             WHERE purpose = 'offer'
             GROUP BY 1, 2, 3) h
     WHERE (p.tenant_id, p.resource, p.grid_start) = (h.tenant_id, h.resource, h.grid_start)
"""


def upgrade() -> None:
    """Let holds keep what is offered; create the list."""
    op.add_column("booking_hold", sa.Column("purpose", sa.Text(), server_default="form", nullable=False))
    op.alter_column("booking_hold", "fan_id", nullable=True)
    op.drop_constraint("uq_booking_hold_tenant_id_fan_id", "booking_hold")
    op.create_unique_constraint(
        "uq_booking_hold_tenant_id_fan_id_purpose", "booking_hold", ["tenant_id", "fan_id", "purpose"]
    )
    op.create_check_constraint(
        "ck_booking_hold_purpose_known",
        "booking_hold",
        "purpose = 'offer' OR (purpose = 'form' AND fan_id IS NOT NULL)",
    )
    _wishes()
    _offers()


def downgrade() -> None:
    """Give back what is offered, and drop the list."""
    op.drop_table("waiting_offer")
    op.drop_table("waiting_wish")
    op.execute(GIVE_BACK)
    op.execute("DELETE FROM booking_hold WHERE purpose = 'offer'")
    op.drop_constraint("ck_booking_hold_purpose_known", "booking_hold")
    op.drop_constraint("uq_booking_hold_tenant_id_fan_id_purpose", "booking_hold")
    op.create_unique_constraint("uq_booking_hold_tenant_id_fan_id", "booking_hold", ["tenant_id", "fan_id"])
    op.alter_column("booking_hold", "fan_id", nullable=False)
    op.drop_column("booking_hold", "purpose")


def _wishes() -> None:
    op.create_table(
        "waiting_wish",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=True),
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("doctor_id", sa.BigInteger(), nullable=True),
        sa.Column("item_id", sa.BigInteger(), nullable=True),
        sa.Column("weekdays", ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("from_minute", sa.Integer(), nullable=False),
        sa.Column("to_minute", sa.Integer(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("to_date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("unanswered", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        *_checks("waiting_wish", WISH_CHECKS),
        *(_to("waiting_wish", table) for table in ("fan", "patient", "store", "doctor", "item")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_waiting_wish"),
        sa.UniqueConstraint("tenant_id", "key", name="uq_waiting_wish_tenant_id_key"),
    )
    op.create_index(
        "ix_waiting_wish_list",
        "waiting_wish",
        ["tenant_id", "store_id", "created_at", "id"],
        postgresql_where=sa.text(ON_THE_LIST),
    )
    for columns in (("patient_id", "state"), ("fan_id", "state"), ("store_id", "ended_at")):
        op.create_index(
            f"ix_waiting_wish_tenant_id_{'_'.join(columns)}", "waiting_wish", ["tenant_id", *columns]
        )
    wall("waiting_wish")


def _offers() -> None:
    op.create_table(
        "waiting_offer",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("wish_id", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", sa.BigInteger(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("doctor_id", sa.BigInteger(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("appointment_id", sa.BigInteger(), nullable=True),
        *_checks("waiting_offer", OFFER_CHECKS),
        _to("waiting_offer", "waiting_wish", column="wish_id", ondelete="CASCADE"),
        *(_to("waiting_offer", table) for table in ("store", "doctor", "appointment")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_waiting_offer"),
    )
    for name, columns, unique in (
        ("uq_waiting_offer_open", ["tenant_id", "wish_id"], True),
        ("ix_waiting_offer_due", ["tenant_id", "expires_at"], False),
    ):
        op.create_index(
            name, "waiting_offer", columns, unique=unique, postgresql_where=sa.text("state = 'open'")
        )
    for columns in (("wish_id", "id"), ("appointment_id",)):
        op.create_index(
            f"ix_waiting_offer_tenant_id_{'_'.join(columns)}", "waiting_offer", ["tenant_id", *columns]
        )
    wall("waiting_offer")


def _checks(table: str, checks: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=f"ck_{table}_{name}") for name, rule in checks.items()]


def _to(table: str, other: str, *, column: str = "", ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    column = column or f"{other}_id"
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{other}.tenant_id", f"{other}.id"],
        name=f"fk_{table}_tenant_id_{column}",
        ondelete=ondelete,
    )
