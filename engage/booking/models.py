"""Tables of booking: the ledger of places, holds, and appointments."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from engage.booking.rules import LIVE, STATES
from engage.kernel.db import Identified, Model, TenantOwned, belongs_to
from engage.kernel.sealing import Sealed


class Place(TenantOwned, Model):
    """Capacity of one resource at one step of the grid; `taken` never leaves 0..capacity.

    Made when the first place is taken: open time itself is computed, not stored (design §3.3).
    """

    __tablename__ = "booking_place"
    __table_args__ = (sa.CheckConstraint("taken BETWEEN 0 AND capacity", name="taken_within_capacity"),)

    resource: Mapped[str] = mapped_column(primary_key=True)
    grid_start: Mapped[dt.datetime] = mapped_column(primary_key=True)
    capacity: Mapped[int] = mapped_column(sa.Integer)
    taken: Mapped[int] = mapped_column(sa.Integer)


class Hold(Identified, Model):
    """A slot kept for a fan who is filling in the form. Whoever deletes the row gives its places back."""

    __tablename__ = "booking_hold"
    __table_args__ = (
        belongs_to("fan", "fan_id"),
        belongs_to("store", "store_id"),
        belongs_to("doctor", "doctor_id"),
        sa.UniqueConstraint("tenant_id", "fan_id"),
        sa.Index(None, "tenant_id", "expires_at"),
        sa.Index(None, "tenant_id", "resource", "starts_at"),
        sa.CheckConstraint("starts_at < ends_at", name="hold_has_length"),
    )

    fan_id: Mapped[int]
    resource: Mapped[str]
    store_id: Mapped[int]
    doctor_id: Mapped[int | None]
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]


class Appointment(Identified, Model):
    """A visit that was booked. `version` counts its changes; messages carry the one they are about.

    `fan_id` is the fan who booked it; staff book without. Without `doctor_id` it draws on the
    store's places of the hour.
    """

    __tablename__ = "appointment"
    __table_args__ = (
        belongs_to("store", "store_id"),
        belongs_to("doctor", "doctor_id"),
        belongs_to("fan", "fan_id"),
        belongs_to("patient", "patient_id"),
        belongs_to("item", "item_id"),
        sa.UniqueConstraint("tenant_id", "key"),
        sa.Index(None, "tenant_id", "starts_at", "id"),
        sa.Index(None, "tenant_id", "fan_id", "starts_at"),
        sa.Index(None, "tenant_id", "store_id", "starts_at"),
        sa.Index(None, "tenant_id", "doctor_id", "starts_at"),
        sa.Index(None, "tenant_id", "patient_id", "starts_at"),
        sa.Index(None, "tenant_id", "resource", "starts_at"),
        ExcludeConstraint(
            ("tenant_id", "="),
            ("patient_id", "="),
            (sa.func.tstzrange(sa.column("starts_at"), sa.column("ends_at")), "&&"),
            name="ex_appointment_patient_once",
            where=sa.text(f"state IN ({', '.join(repr(state) for state in LIVE)})"),
        ),
        sa.CheckConstraint(f"state IN ({', '.join(repr(state) for state in STATES)})", name="state_known"),
        sa.CheckConstraint("starts_at < ends_at", name="appointment_has_length"),
        sa.CheckConstraint("cancelled_by IN ('patient', 'staff')", name="cancelled_by_known"),
        sa.CheckConstraint("(state = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_has_time"),
    )

    key: Mapped[uuid.UUID]
    store_id: Mapped[int]
    doctor_id: Mapped[int | None]
    fan_id: Mapped[int | None]
    patient_id: Mapped[int]
    item_id: Mapped[int | None]
    resource: Mapped[str]
    state: Mapped[str]
    version: Mapped[int] = mapped_column(sa.Integer)
    channel: Mapped[str]
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    complaint: Mapped[str] = mapped_column(Sealed)
    note: Mapped[str] = mapped_column(Sealed)
    booked_at: Mapped[dt.datetime]
    attendance_confirmed_at: Mapped[dt.datetime | None]
    checked_in_at: Mapped[dt.datetime | None]
    treatment_at: Mapped[dt.datetime | None]
    completed_at: Mapped[dt.datetime | None]
    left_at: Mapped[dt.datetime | None]
    no_show_at: Mapped[dt.datetime | None]
    cancelled_at: Mapped[dt.datetime | None]
    cancelled_by: Mapped[str | None]
    cancel_reason: Mapped[str | None] = mapped_column(Sealed)
    late: Mapped[bool] = mapped_column(server_default=sa.false())
