"""Tables of the clinic: stores, doctors, rosters."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model, belongs_to


class Store(Identified, Model):
    """One clinic of the chain."""

    __tablename__ = "store"
    __table_args__ = (sa.UniqueConstraint("tenant_id", "slug"),)

    slug: Mapped[str]
    name: Mapped[str]
    short_name: Mapped[str]
    address: Mapped[str]
    zone: Mapped[str]
    position: Mapped[int] = mapped_column(sa.Integer)


class Doctor(Identified, Model):
    """A doctor whom patients may book."""

    __tablename__ = "doctor"

    name: Mapped[str]
    title: Mapped[str]
    position: Mapped[int] = mapped_column(sa.Integer)


class Shift(Identified, Model):
    """A stretch of a doctor's roster at one store: patients may be seen from `starts_at` to `ends_at`.

    `per_slot` is how many patients each slot of `slot_minutes` takes.
    """

    __tablename__ = "shift"
    __table_args__ = (
        belongs_to("store", "store_id"),
        belongs_to("doctor", "doctor_id"),
        sa.UniqueConstraint("tenant_id", "doctor_id", "starts_at"),
        sa.CheckConstraint("starts_at < ends_at", name="shift_has_length"),
        sa.CheckConstraint("per_slot > 0 AND slot_minutes BETWEEN 5 AND 240", name="shift_has_places"),
    )

    doctor_id: Mapped[int]
    store_id: Mapped[int]
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    slot_minutes: Mapped[int] = mapped_column(sa.Integer)
    per_slot: Mapped[int] = mapped_column(sa.Integer)
