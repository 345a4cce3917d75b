"""What of a clinic decides whether a visit can take place at a time: read in one go.

Whoever books asks for all of it with what else they need, in one statement that is built once
(`situating`), since a booking comes by the hundred a second at times.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from engage.clinic.models import Closure, Doctor, Item, ItemStore, Shift, Store
from engage.clinic.queries.calendars import calendar_columns, calendar_of
from engage.clinic.queries.rosters import LONGEST_SHIFT, ShiftTime
from engage.clinic.queries.showing import is_shown
from engage.clinic.rules import Calendar, Closing
from engage.kernel.db import Session
from engage.kernel.errors import NotFound

_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ItemTerms:
    """What of an item matters to whoever books it at a store."""

    minutes: int
    enabled: bool
    is_done_here: bool


@dataclass(frozen=True, slots=True)
class Situation:
    """A store around some time: its calendar, what is closed, and who is there.

    `is_shown` says whether patients see the store, `may_be_booked` whether they choose the doctor by
    themselves; None: there is no such doctor. `item` is None where none was asked for, or there is none.
    """

    id: int
    zone: str
    is_shown: bool
    any_per_hour: int
    calendar: Calendar
    closings: Sequence[Closing]
    shifts: Sequence[ShiftTime]
    may_be_booked: bool | None
    item: ItemTerms | None


def situation(
    session: Session,
    store_id: int,
    doctor_id: int | None,
    *,
    begin: dt.datetime,
    end: dt.datetime,
    margin: dt.timedelta,
    item_id: int | None = None,
) -> Situation:
    """Give what there is of a store, and maybe of a doctor, in a half-open interval; in one query.

    Raises:
        NotFound: there is no such store.
    """
    asked = values_of(
        session.tenant_id, store_id, doctor_id, begin=begin, end=end, margin=margin, item_id=item_id
    )
    row = session.execute(_SITUATION, asked).one_or_none()
    if row is None:
        raise NotFound(store=store_id)
    return read(row, first=asked["first"], last=asked["last"])


def situating() -> sa.Select[Any]:
    """Build the statement that gives one row of a store; whoever uses it adds columns of their own.

    Its values come by the names of `values_of`, and `read` reads the row.
    """
    return sa.select(
        STORE.c.id,
        is_shown().label("is_shown"),
        STORE.c.any_per_hour,
        *calendar_columns(),
        _closings().label("closings"),
        _shifts().label("shifts"),
        _doctor().label("may_be_booked"),
        _item().label("item"),
    ).where(STORE.c.tenant_id == _TENANT, STORE.c.id == _STORE_ID)


def values_of(
    tenant_id: int,
    store_id: int,
    doctor_id: int | None,
    *,
    begin: dt.datetime,
    end: dt.datetime,
    margin: dt.timedelta,
    item_id: int | None = None,
) -> Mapping[str, Any]:
    """Give the values for a half-open interval; the calendar reaches further by a margin on both sides."""
    early, late = begin - margin, end + margin
    return {
        "tenant_id": tenant_id,
        "store_id": store_id,
        "doctor_id": doctor_id,
        "item_id": item_id,
        "begin": begin,
        "end": end,
        "reach": begin - LONGEST_SHIFT,
        "early": early,
        "late": late,
        # A local date is at most a day from the date in UTC.
        "first": early.date() - _DAY,
        "last": late.date() + _DAY,
    }


def read(row: Any, *, first: dt.date, last: dt.date) -> Situation:
    """Read a row of `situating`; `first` and `last` are those of its values."""
    return Situation(
        id=row.id,
        zone=row.zone,
        is_shown=row.is_shown,
        any_per_hour=row.any_per_hour,
        calendar=calendar_of(row, first, last),
        closings=[_closing(one) for one in row.closings or ()],
        shifts=[_shift(one) for one in row.shifts or ()],
        may_be_booked=row.may_be_booked,
        item=None if row.item is None else ItemTerms(*row.item),
    )


def _table(model: Any) -> sa.Table:
    return cast("sa.Table", model.__table__)


# The store that the row is of: whoever adds columns says by it which tenant's they are.
STORE: Final = _table(Store)
_TENANT: Final = sa.bindparam("tenant_id", type_=sa.BigInteger)
_STORE_ID: Final = sa.bindparam("store_id", type_=sa.BigInteger)
_DOCTOR: Final = sa.bindparam("doctor_id", type_=sa.BigInteger)
_ITEM: Final = sa.bindparam("item_id", type_=sa.BigInteger)


class _Moment(sa.types.UserDefinedType[dt.datetime]):
    """A time that is sent without a cast: psycopg says what it is, and long statements stay shorter."""

    cache_ok = True


def moment(name: str) -> sa.BindParameter[dt.datetime]:
    """Give a place for an aware time in a statement that is built once."""
    return sa.bindparam(name, type_=_Moment())


def _date(name: str) -> sa.BindParameter[dt.date]:
    return sa.bindparam(name, type_=sa.Date)


def _listed(name: str, *order: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Give whole rows of a table as one list, in order; NULL where there is none."""
    row = sa.func.to_jsonb(sa.literal_column(name))
    return sa.func.jsonb_agg(sa.dialects.postgresql.aggregate_order_by(row, *order), type_=JSONB)


def _closings() -> sa.ScalarSelect[Any]:
    """Give closures that may touch the interval at the store; `rules.closed` says which of its times."""
    table = _table(Closure)
    once = (table.c.starts_at < moment("late")) & (table.c.ends_at > moment("early"))
    weekly = (
        table.c.weekday.is_not(None)
        & (table.c.from_date <= _date("last"))
        & (table.c.to_date.is_(None) | (table.c.to_date >= _date("first")))
    )
    return (
        sa.select(_listed("closure", table.c.id))
        .where(
            table.c.tenant_id == STORE.c.tenant_id,
            table.c.store_id.is_(None) | (table.c.store_id == STORE.c.id),
            once | weekly,
        )
        .scalar_subquery()
    )


_OF_A_CLOSING: Final = tuple(one.name for one in fields(Closing))


def _closing(row: Mapping[str, Any]) -> Closing:
    told = {name: row[name] for name in _OF_A_CLOSING}
    for name in ("starts_at", "ends_at"):
        told[name] = told[name] and _utc(told[name])
    for name in ("from_date", "to_date"):
        told[name] = told[name] and dt.date.fromisoformat(told[name])
    return Closing(**told)


def _shifts() -> sa.ScalarSelect[Any]:
    """Give the doctor's shifts at the store that touch the interval, in order."""
    table = _table(Shift)
    return (
        sa.select(_listed("shift", table.c.starts_at, table.c.id))
        .where(
            table.c.tenant_id == STORE.c.tenant_id,
            table.c.doctor_id == _DOCTOR,
            table.c.store_id == STORE.c.id,
            table.c.starts_at < moment("end"),
            table.c.ends_at > moment("begin"),
            table.c.starts_at > moment("reach"),
        )
        .scalar_subquery()
    )


def _shift(row: Mapping[str, Any]) -> ShiftTime:
    return ShiftTime(
        row["store_id"],
        row["doctor_id"],
        _utc(row["starts_at"]),
        _utc(row["ends_at"]),
        row["slot_minutes"],
        row["per_slot"],
    )


def _doctor() -> sa.ScalarSelect[Any]:
    table = _table(Doctor)
    return (
        sa.select(table.c.bookable)
        .where(table.c.tenant_id == STORE.c.tenant_id, table.c.id == _DOCTOR)
        .scalar_subquery()
    )


def _item() -> sa.ScalarSelect[Any]:
    """Give how long the item takes, whether it is on, and whether the store offers it."""
    table, offers = _table(Item), _table(ItemStore).alias("offer")
    offered = sa.select(sa.func.bool_or(offers.c.store_id == _STORE_ID)).where(
        offers.c.tenant_id == _TENANT, offers.c.item_id == table.c.id
    )
    is_done_here = sa.func.coalesce(offered.scalar_subquery(), sa.true())  # no store stands for all
    row = sa.func.jsonb_build_array(table.c.minutes, table.c.enabled, is_done_here, type_=JSONB)
    return sa.select(row).where(table.c.tenant_id == STORE.c.tenant_id, table.c.id == _ITEM).scalar_subquery()


def _utc(written: str) -> dt.datetime:
    return dt.datetime.fromisoformat(written).astimezone(dt.UTC)


_SITUATION: Final = situating()
