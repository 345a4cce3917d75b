"""Tables of booking: the ledger of places, and appointments."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from engage.booking.rules import STATES
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


class Appointment(Identified, Model):
    """A visit that was booked. `version` counts its changes; messages carry the one they are about."""

    __tablename__ = "appointment"
    __table_args__ = (
        belongs_to("store", "store_id"),
        belongs_to("doctor", "doctor_id"),
        belongs_to("fan", "fan_id"),
        sa.UniqueConstraint("tenant_id", "key"),
        sa.Index(None, "tenant_id", "starts_at", "id"),
        sa.Index(None, "tenant_id", "fan_id", "starts_at"),
        sa.CheckConstraint(f"state IN ({', '.join(repr(state) for state in STATES)})", name="state_known"),
        sa.CheckConstraint("starts_at < ends_at", name="appointment_has_length"),
    )

    key: Mapped[uuid.UUID]
    store_id: Mapped[int]
    doctor_id: Mapped[int]
    fan_id: Mapped[int]
    patient_name: Mapped[str] = mapped_column(Sealed)
    state: Mapped[str]
    version: Mapped[int] = mapped_column(sa.Integer)
    channel: Mapped[str]
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    booked_at: Mapped[dt.datetime]
