"""Tables of the clinic: stores and their hours, doctors, items, complaint presets, rosters."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model, TenantOwned, belongs_to


class Store(Identified, Model):
    """One clinic of the chain.

    Coordinates are GCJ-02, as maps in China want them. `any_per_hour` is how many visits an hour may
    be booked without naming a doctor; 0 is none (BK-4).
    """

    __tablename__ = "store"
    __table_args__ = (
        sa.UniqueConstraint("tenant_id", "slug"),
        sa.CheckConstraint("any_per_hour >= 0", name="any_per_hour_is_no_debt"),
        sa.CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="coordinates_are_a_pair"),
    )

    slug: Mapped[str]
    name: Mapped[str]
    short_name: Mapped[str]
    address: Mapped[str]
    zone: Mapped[str]
    position: Mapped[int] = mapped_column(sa.Integer)
    phone: Mapped[str] = mapped_column(server_default="")
    latitude: Mapped[Decimal | None] = mapped_column(sa.Numeric(9, 6))
    longitude: Mapped[Decimal | None] = mapped_column(sa.Numeric(9, 6))
    transport: Mapped[str] = mapped_column(server_default="")
    any_per_hour: Mapped[int] = mapped_column(sa.Integer, server_default="0")


class StoreHours(Identified, Model):
    """A stretch in which a store is open on a weekday (0 is Monday): minutes of the local day.

    A day without a row is closed, a lunch break lies between two rows.
    """

    __tablename__ = "store_hours"
    __table_args__ = (
        belongs_to("store", "store_id"),
        sa.UniqueConstraint("tenant_id", "store_id", "weekday", "opens"),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday_known"),
        sa.CheckConstraint("0 <= opens AND opens < closes AND closes <= 1440", name="within_the_day"),
        ExcludeConstraint(
            ("tenant_id", "="),
            ("store_id", "="),
            ("weekday", "="),
            (sa.text("int4range(opens, closes)"), "&&"),
            name="store_hours_apart",
        ),
    )

    store_id: Mapped[int]
    weekday: Mapped[int] = mapped_column(sa.Integer)
    opens: Mapped[int] = mapped_column(sa.Integer)
    closes: Mapped[int] = mapped_column(sa.Integer)


class Doctor(Identified, Model):
    """A doctor; `bookable` says whether patients may choose them by themselves (BK-3)."""

    __tablename__ = "doctor"

    name: Mapped[str]
    title: Mapped[str]
    position: Mapped[int] = mapped_column(sa.Integer)
    bookable: Mapped[bool] = mapped_column(server_default=sa.true())
    introduction: Mapped[str] = mapped_column(server_default="")


class ItemCategory(Identified, Model):
    """A heading over items."""

    __tablename__ = "item_category"

    name: Mapped[str]
    position: Mapped[int] = mapped_column(sa.Integer)


class Item(Identified, Model):
    """What a patient may come for, and how long it takes."""

    __tablename__ = "item"
    __table_args__ = (
        belongs_to("item_category", "category_id"),
        sa.CheckConstraint("minutes BETWEEN 5 AND 480 AND minutes % 5 = 0", name="takes_a_while"),
        sa.Index(None, "tenant_id", "category_id"),
    )

    category_id: Mapped[int]
    name: Mapped[str]
    minutes: Mapped[int] = mapped_column(sa.Integer)
    position: Mapped[int] = mapped_column(sa.Integer)
    enabled: Mapped[bool] = mapped_column(server_default=sa.true())


class ItemStore(TenantOwned, Model):
    """A store that offers an item; an item without any is offered by all."""

    __tablename__ = "item_store"
    __table_args__ = (belongs_to("item", "item_id", ondelete="CASCADE"), belongs_to("store", "store_id"))

    item_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    store_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Complaint(Identified, Model):
    """A preset with which patients say why they come."""

    __tablename__ = "complaint"

    text: Mapped[str]
    position: Mapped[int] = mapped_column(sa.Integer)


class Shift(Identified, Model):
    """A stretch of a doctor's roster at one store: patients may be seen from `starts_at` to `ends_at`.

    `per_slot` is how many patients each slot of `slot_minutes` takes. A shift lies within one local
    day, which may have 25 hours; a doctor is never at two places at once.
    """

    __tablename__ = "shift"
    __table_args__ = (
        belongs_to("store", "store_id"),
        belongs_to("doctor", "doctor_id"),
        sa.UniqueConstraint("tenant_id", "doctor_id", "starts_at"),
        sa.CheckConstraint("starts_at < ends_at", name="shift_has_length"),
        sa.CheckConstraint("ends_at - starts_at <= interval '25 hours'", name="shift_of_one_day"),
        sa.CheckConstraint("per_slot > 0 AND slot_minutes BETWEEN 5 AND 240", name="shift_has_places"),
        sa.CheckConstraint("slot_minutes % 5 = 0", name="slots_on_the_grid"),
        ExcludeConstraint(
            ("tenant_id", "="),
            ("doctor_id", "="),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            name="shift_at_one_place",
        ),
        sa.Index(None, "tenant_id", "store_id", "starts_at"),
    )

    doctor_id: Mapped[int]
    store_id: Mapped[int]
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    slot_minutes: Mapped[int] = mapped_column(sa.Integer)
    per_slot: Mapped[int] = mapped_column(sa.Integer)
