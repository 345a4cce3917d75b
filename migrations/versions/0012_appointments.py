"""Holds, and appointments of patients, with items and without a doctor."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from walls import owner_column, wall

revision, down_revision = "0012_appointments", "0011_patients"
branch_labels = depends_on = None

MOMENTS = (
    "attendance_confirmed_at",
    "checked_in_at",
    "treatment_at",
    "completed_at",
    "left_at",
    "no_show_at",
    "cancelled_at",
)
CHECKS = {
    "cancelled_by_known": "cancelled_by IN ('patient', 'staff')",
    "cancelled_has_time": "(state = 'cancelled') = (cancelled_at IS NOT NULL)",
}
INDEXED = ("store_id", "doctor_id", "patient_id", "resource")

# Each old appointment is of a chart of its own: a sealed name says nothing about who is the same.
CHARTS = (
    """CREATE TEMPORARY TABLE old ON COMMIT DROP AS
       SELECT a.tenant_id, a.id, a.patient_name, a.store_id, a.booked_at,
              coalesce(c.last, 0) + row_number() OVER (PARTITION BY a.tenant_id ORDER BY a.id) AS number
         FROM appointment a LEFT JOIN chart_number c ON c.tenant_id = a.tenant_id""",
    """INSERT INTO patient (tenant_id, number, name, source, store_id, memo, created_at)
       SELECT tenant_id, number, patient_name, 'wechat', store_id, '', booked_at FROM old""",
    """UPDATE appointment SET patient_id = patient.id
         FROM old JOIN patient ON patient.tenant_id = old.tenant_id AND patient.number = old.number
        WHERE appointment.tenant_id = old.tenant_id AND appointment.id = old.id""",
    "DROP TABLE old",
    """INSERT INTO chart_number (tenant_id, last)
       SELECT tenant_id, max(number) FROM patient GROUP BY tenant_id
       ON CONFLICT (tenant_id) DO UPDATE SET last = excluded.last""",
    """INSERT INTO patient_term (tenant_id, term, patient_id)
       SELECT p.tenant_id, p.number::text, p.id FROM patient p
         JOIN appointment a ON a.tenant_id = p.tenant_id AND a.patient_id = p.id
       ON CONFLICT DO NOTHING""",
    """INSERT INTO binding (tenant_id, fan_id, patient_id, how, bound_at)
       SELECT tenant_id, fan_id, patient_id, 'booking', booked_at FROM appointment""",
)

# A doctor's time was counted by slots and is counted by steps of five minutes.
STEPS = """
    CREATE TEMPORARY TABLE step ON COMMIT DROP AS
    SELECT a.tenant_id, 'doctor:' || a.doctor_id AS resource, step AS grid_start,
           count(*)::int AS taken, greatest(count(*), coalesce(max(p.capacity), 1))::int AS capacity
      FROM appointment a
      CROSS JOIN generate_series(a.starts_at, a.ends_at - interval '1 second', interval '5 minutes') AS step
      LEFT JOIN booking_place p ON p.tenant_id = a.tenant_id
           AND p.resource = 'doctor:' || a.doctor_id AND p.grid_start = a.starts_at
     WHERE a.state <> 'cancelled'
     GROUP BY 1, 2, 3
"""
SLOTS = """
    CREATE TEMPORARY TABLE step ON COMMIT DROP AS
    SELECT a.tenant_id, a.resource, a.starts_at AS grid_start,
           count(*)::int AS taken, greatest(count(*), coalesce(max(p.capacity), 1))::int AS capacity
      FROM appointment a
      LEFT JOIN booking_place p ON p.tenant_id = a.tenant_id
           AND p.resource = a.resource AND p.grid_start = a.starts_at
     WHERE a.state <> 'cancelled' AND a.doctor_id IS NOT NULL
     GROUP BY 1, 2, 3
"""
COUNT_AGAIN = (
    "DELETE FROM booking_place",
    """INSERT INTO booking_place (tenant_id, resource, grid_start, capacity, taken)
       SELECT tenant_id, resource, grid_start, capacity, taken FROM step""",
    "DROP TABLE step",
)


def upgrade() -> None:
    """Create and alter the tables; what was booked stays booked."""
    _holds()
    _run(STEPS, *COUNT_AGAIN)
    op.add_column("appointment", sa.Column("patient_id", sa.BigInteger(), nullable=True))
    op.add_column("appointment", sa.Column("item_id", sa.BigInteger(), nullable=True))
    op.add_column("appointment", sa.Column("resource", sa.Text(), nullable=True))
    for text in ("complaint", "note"):
        op.add_column("appointment", sa.Column(text, sa.LargeBinary(), nullable=True))
    for moment in MOMENTS:
        op.add_column("appointment", sa.Column(moment, sa.DateTime(timezone=True), nullable=True))
    op.add_column("appointment", sa.Column("cancelled_by", sa.Text(), nullable=True))
    op.add_column("appointment", sa.Column("cancel_reason", sa.LargeBinary(), nullable=True))
    op.add_column("appointment", sa.Column("late", sa.Boolean(), server_default=sa.false(), nullable=False))
    _run(
        *CHARTS,
        """UPDATE appointment SET resource = 'doctor:' || doctor_id, complaint = '', note = '',
                  cancelled_at = CASE WHEN state = 'cancelled' THEN starts_at END""",
    )
    for column in ("patient_id", "resource", "complaint", "note"):
        op.alter_column("appointment", column, nullable=False)
    for column in ("doctor_id", "fan_id"):
        op.alter_column("appointment", column, nullable=True)
    op.drop_column("appointment", "patient_name")
    _bind_appointments()


def downgrade() -> None:
    """Name patients on their appointments again. Those without a doctor or a fan have no place there."""
    op.add_column("appointment", sa.Column("patient_name", sa.LargeBinary(), nullable=True))
    _run(
        "DELETE FROM appointment WHERE doctor_id IS NULL OR fan_id IS NULL",
        """UPDATE appointment SET patient_name = patient.name FROM patient
            WHERE patient.tenant_id = appointment.tenant_id AND patient.id = appointment.patient_id""",
        SLOTS,
        *COUNT_AGAIN,
    )
    for column in ("patient_name", "doctor_id", "fan_id"):
        op.alter_column("appointment", column, nullable=False)
    # What leans on the columns goes with them.
    columns = ("patient_id", "item_id", "resource", "complaint", "note", *MOMENTS)
    op.drop_constraint("ex_appointment_patient_once", "appointment")
    for name in CHECKS:
        op.drop_constraint(f"ck_appointment_{name}", "appointment")
    for column in INDEXED:
        op.drop_index(f"ix_appointment_tenant_id_{column}_starts_at", "appointment")
    for column in (*columns, "cancelled_by", "cancel_reason", "late"):
        op.drop_column("appointment", column)
    op.drop_table("booking_hold")


def _run(*statements: str) -> None:
    for statement in statements:
        op.execute(statement)


def _holds() -> None:
    op.create_table(
        "booking_hold",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("doctor_id", sa.BigInteger(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name="ck_booking_hold_hold_has_length"),
        _to("booking_hold", "fan"),
        _to("booking_hold", "store"),
        _to("booking_hold", "doctor"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_booking_hold"),
        sa.UniqueConstraint("tenant_id", "fan_id", name="uq_booking_hold_tenant_id_fan_id"),
    )
    op.create_index("ix_booking_hold_tenant_id_expires_at", "booking_hold", ["tenant_id", "expires_at"])
    op.create_index(
        "ix_booking_hold_tenant_id_resource_starts_at", "booking_hold", ["tenant_id", "resource", "starts_at"]
    )
    wall("booking_hold")


def _bind_appointments() -> None:
    for table in ("patient", "item"):
        op.create_foreign_key(
            f"fk_appointment_tenant_id_{table}_id",
            "appointment",
            table,
            ["tenant_id", f"{table}_id"],
            ["tenant_id", "id"],
        )
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_appointment_{name}"), "appointment", condition)
    for column in INDEXED:
        op.create_index(
            f"ix_appointment_tenant_id_{column}_starts_at",
            "appointment",
            ["tenant_id", column, "starts_at"],
        )
    op.execute(
        "ALTER TABLE appointment ADD CONSTRAINT ex_appointment_patient_once EXCLUDE USING gist "
        "(tenant_id WITH =, patient_id WITH =, tstzrange(starts_at, ends_at) WITH &&) "
        "WHERE (state IN ('requested', 'confirmed', 'checked_in', 'in_treatment'))"
    )


def _to(table: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", f"{other}_id"],
        [f"{other}.tenant_id", f"{other}.id"],
        name=f"fk_{table}_tenant_id_{other}_id",
    )
