"""Tables of the clinic: stores, their hours and closures, doctors, items, complaint presets, rosters."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model, TenantOwned, belongs_to


class Store(Identified, Model):
    """One clinic of the chain.

    Coordinates are GCJ-02, as maps in China want them. `any_per_hour` is how many visits an hour may
    be booked without naming a doctor; 0 is none (BK-4). `holiday_country` is whose public holidays it
    keeps ('' is nobody's), `on_holidays` what it does on them; on make-up working days it has the hours
    of `make_up_weekday` where it is closed otherwise.
    """

    __tablename__ = "store"
    __table_args__ = (
        sa.UniqueConstraint("tenant_id", "slug"),
        sa.CheckConstraint("any_per_hour >= 0", name="any_per_hour_is_no_debt"),
        sa.CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="coordinates_are_a_pair"),
        sa.CheckConstraint("on_holidays IN ('closed', 'as_usual')", name="on_holidays_known"),
        sa.CheckConstraint("make_up_weekday BETWEEN 0 AND 6", name="make_up_weekday_known"),
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
    logo: Mapped[str | None]
    shown_before: Mapped[bool] = mapped_column(server_default=sa.false())
    holiday_country: Mapped[str] = mapped_column(server_default="")
    on_holidays: Mapped[str] = mapped_column(server_default="closed")
    make_up_weekday: Mapped[int] = mapped_column(sa.Integer, server_default="0")


class StorePicture(Identified, Model):
    """A picture of a store; `file` is the key of its bytes. There are no more than there are positions."""

    __tablename__ = "store_picture"
    __table_args__ = (
        belongs_to("store", "store_id", ondelete="CASCADE"),
        sa.UniqueConstraint("tenant_id", "store_id", "file"),
        sa.UniqueConstraint("tenant_id", "store_id", "position", deferrable=True, initially="IMMEDIATE"),
        sa.CheckConstraint("position BETWEEN 0 AND 9", name="at_most_ten"),
    )

    store_id: Mapped[int]
    file: Mapped[str]
    width: Mapped[int] = mapped_column(sa.Integer)
    height: Mapped[int] = mapped_column(sa.Integer)
    position: Mapped[int] = mapped_column(sa.Integer)


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


class StoreDay(TenantOwned, Model):
    """A date on which a store has other hours than its week says: a special day.

    `stretches` are pairs of minutes of the local day, in order; none is closed.
    """

    __tablename__ = "store_day"
    __table_args__ = (belongs_to("store", "store_id"),)

    store_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    date: Mapped[dt.date] = mapped_column(sa.Date, primary_key=True)
    name: Mapped[str]
    stretches: Mapped[list[list[int]]] = mapped_column(JSONB)


class Closure(Identified, Model):
    """A time in which a store, a doctor or an item is not to be booked (BK-1), once or weekly.

    What is NULL is not asked: a doctor's closure without a store holds at every store, an item's stops
    that item alone. Weekly ones are minutes of the local day of the store that is looked at, on one
    weekday from `from_date` to `to_date` (both included; NULL: for ever).
    """

    __tablename__ = "closure"
    __table_args__ = (
        belongs_to("store", "store_id"),
        belongs_to("doctor", "doctor_id"),
        belongs_to("item", "item_id", ondelete="CASCADE"),
        sa.CheckConstraint(
            "store_id IS NOT NULL OR doctor_id IS NOT NULL OR item_id IS NOT NULL", name="closes_something"
        ),
        sa.CheckConstraint(
            "(starts_at IS NOT NULL AND ends_at IS NOT NULL AND weekday IS NULL AND from_minute IS NULL"
            " AND to_minute IS NULL AND from_date IS NULL AND to_date IS NULL)"
            " OR (starts_at IS NULL AND ends_at IS NULL AND weekday IS NOT NULL"
            " AND from_minute IS NOT NULL AND to_minute IS NOT NULL AND from_date IS NOT NULL)",
            name="once_or_weekly",
        ),
        sa.CheckConstraint("starts_at < ends_at", name="closure_has_length"),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday_known"),
        sa.CheckConstraint(
            "0 <= from_minute AND from_minute < to_minute AND to_minute <= 1440", name="within_the_day"
        ),
        sa.CheckConstraint("from_date <= to_date", name="dates_in_order"),
        sa.Index(None, "tenant_id", "ends_at"),
        sa.Index(None, "tenant_id", "to_date"),
        sa.Index(None, "tenant_id", "item_id"),
    )

    store_id: Mapped[int | None]
    doctor_id: Mapped[int | None]
    item_id: Mapped[int | None]
    starts_at: Mapped[dt.datetime | None]
    ends_at: Mapped[dt.datetime | None]
    weekday: Mapped[int | None] = mapped_column(sa.Integer)
    from_minute: Mapped[int | None] = mapped_column(sa.Integer)
    to_minute: Mapped[int | None] = mapped_column(sa.Integer)
    from_date: Mapped[dt.date | None] = mapped_column(sa.Date)
    to_date: Mapped[dt.date | None] = mapped_column(sa.Date)
    reason: Mapped[str]
    version: Mapped[int] = mapped_column(sa.Integer)
    created_at: Mapped[dt.datetime]


class Doctor(Identified, Model):
    """A doctor; `bookable` says whether patients may choose them by themselves (BK-3).

    `is_expert` puts them among the experts, whoever may be booked; `portrait` is the key of a file.
    """

    __tablename__ = "doctor"

    name: Mapped[str]
    title: Mapped[str]
    position: Mapped[int] = mapped_column(sa.Integer)
    bookable: Mapped[bool] = mapped_column(server_default=sa.true())
    introduction: Mapped[str] = mapped_column(server_default="")
    good_at: Mapped[str] = mapped_column(server_default="")
    is_expert: Mapped[bool] = mapped_column(server_default=sa.false())
    portrait: Mapped[str | None]


class ItemCategory(Identified, Model):
    """A heading over items."""

    __tablename__ = "item_category"

    name: Mapped[str]
    position: Mapped[int] = mapped_column(sa.Integer)


class Item(Identified, Model):
    """What a patient may come for, how long it takes, and why it matters to keep the visit (BK-12)."""

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
    why: Mapped[str] = mapped_column(server_default="")


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


class StoreWelcome(TenantOwned, Model):
    """What somebody is told who comes to a store for the first time (BK-14); no row: nothing of its own."""

    __tablename__ = "store_welcome"
    __table_args__ = (belongs_to("store", "store_id", ondelete="CASCADE"),)

    store_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ask_for: Mapped[str]
    bring: Mapped[str]
