"""Reading when stores are open: hours, special days, public holidays, closures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from engage.clinic import holidays
from engage.clinic.models import Closure, Store, StoreDay, StoreHours
from engage.clinic.rules import Calendar, Closing, Hours, Special
from engage.kernel.db import Session
from engage.kernel.errors import NotFound

# A closure once is a stretch of two instants; it counts for a day of whichever zone.
_DAY = dt.timedelta(days=1)


def calendars(
    session: Session, store_ids: Collection[int], first: dt.date, last: dt.date, *, language: str = ""
) -> Mapping[int, Calendar]:
    """Give when stores are open from a local date to another, both included; in one query.

    `language` is that of the holidays' names; without it, their country's.
    """
    values = {"store_ids": list(store_ids), "first": first, "last": last, "tenant_id": session.tenant_id}
    rows = session.execute(_CALENDARS, values)
    return {row.id: calendar_of(row, first, last, language=language) for row in rows}


def calendar_of(row: Any, first: dt.date, last: dt.date, *, language: str = "") -> Calendar:
    """Read the columns of `calendar_columns`, which were asked for a local date to another."""
    years = range(first.year, last.year + 1)
    return Calendar(
        zone=row.zone,
        weekly=sorted(Hours(*hours) for hours in row.weekly),
        special={
            dt.date.fromisoformat(date): _special(name, stretches) for date, name, stretches in row.special
        },
        holidays=_public_days(row.holiday_country, years, language),
        make_up=_make_up_days(row.holiday_country, years),
        on_holidays=row.on_holidays,
        make_up_weekday=row.make_up_weekday,
    )


def special_days(session: Session, store_id: int, first: dt.date, last: dt.date) -> Mapping[dt.date, Special]:
    """Give the special days of a store from a date to another, both included, in order."""
    rows = session.execute(
        sa.select(StoreDay.date, StoreDay.name, StoreDay.stretches)
        .where(StoreDay.store_id == store_id, StoreDay.date.between(first, last))
        .order_by(StoreDay.date)
    )
    return {row.date: _special(row.name, row.stretches) for row in rows}


def closures_between(
    session: Session, store_id: int | None, begin: dt.datetime, end: dt.datetime
) -> Sequence[Closing]:
    """Give closures that may touch a half-open interval at a store (None: at any), also those of all stores.

    Which of its times they stop, `rules.closed` says.
    """
    statement = (
        sa.select(Closure)
        .where(
            sa.or_(
                sa.and_(Closure.starts_at < end, Closure.ends_at > begin),
                sa.and_(
                    Closure.weekday.is_not(None),
                    Closure.from_date <= (end + _DAY).date(),
                    sa.or_(Closure.to_date.is_(None), Closure.to_date >= (begin - _DAY).date()),
                ),
            )
        )
        .order_by(Closure.id)
    )
    if store_id is not None:
        statement = statement.where(sa.or_(Closure.store_id.is_(None), Closure.store_id == store_id))
    return [closing_of(row) for row in session.scalars(statement)]


def closure(session: Session, closure_id: int) -> Closure:
    """Give one closure.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Closure, (session.tenant_id, closure_id))
    if found is None:
        raise NotFound(closure=closure_id)
    return found


def closing_of(row: Closure) -> Closing:
    """Give a closure as the rules take it."""
    return Closing(
        id=row.id,
        version=row.version,
        reason=row.reason,
        store_id=row.store_id,
        doctor_id=row.doctor_id,
        item_id=row.item_id,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        weekday=row.weekday,
        from_minute=row.from_minute,
        to_minute=row.to_minute,
        from_date=row.from_date,
        to_date=row.to_date,
    )


def _special(name: str, stretches: Sequence[Sequence[int]]) -> Special:
    return Special(name, tuple((opens, closes) for opens, closes in stretches))


def calendar_columns() -> tuple[sa.ColumnElement[Any], ...]:
    """Give the columns that `calendar_of` reads, of a statement on stores; `first` and `last` are its dates.

    Hours and special days come as lists.
    """
    store, hours, days = (cast("sa.Table", model.__table__) for model in (Store, StoreHours, StoreDay))
    weekly = sa.select(_list(hours.c.weekday, hours.c.opens, hours.c.closes)).where(
        hours.c.tenant_id == store.c.tenant_id, hours.c.store_id == store.c.id
    )
    special = sa.select(_list(days.c.date, days.c.name, days.c.stretches)).where(
        days.c.tenant_id == store.c.tenant_id,
        days.c.store_id == store.c.id,
        days.c.date.between(sa.bindparam("first", type_=sa.Date), sa.bindparam("last", type_=sa.Date)),
    )
    return (
        store.c.zone,
        store.c.holiday_country,
        store.c.on_holidays,
        store.c.make_up_weekday,
        weekly.correlate(store).scalar_subquery().label("weekly"),
        special.correlate(store).scalar_subquery().label("special"),
    )


def _reading() -> sa.Select[Any]:
    """Build the statement that gives stores with their calendars."""
    store = cast("sa.Table", Store.__table__)
    store_ids = sa.bindparam("store_ids", type_=ARRAY(sa.BigInteger))
    tenant_id = sa.bindparam("tenant_id", type_=sa.BigInteger)
    return sa.select(store.c.id, *calendar_columns()).where(
        store.c.tenant_id == tenant_id, store.c.id == sa.func.any(store_ids)
    )


def _list(*columns: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Give rows of a subquery as one list of lists; none is an empty one."""
    rows = sa.func.jsonb_agg(sa.func.jsonb_build_array(*columns))
    return sa.func.coalesce(rows, sa.literal([], JSONB), type_=JSONB)


_CALENDARS = _reading()


def _public_days(country: str, years: Collection[int], language: str) -> Mapping[dt.date, str]:
    return {
        day: name for year in years for day, name in holidays.public_days(country, year, language).items()
    }


def _make_up_days(country: str, years: Collection[int]) -> frozenset[dt.date]:
    return frozenset(day for year in years for day in holidays.make_up_days(country, year))
