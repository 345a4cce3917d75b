"""Reading what stores allow patients who book by themselves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from engage.booking.models import BookingTerms
from engage.booking.rules.terms import Terms
from engage.kernel import settings
from engage.kernel.db import Session
from engage.kernel.settings import Setting

HORIZON_DAYS = Setting("booking.horizon_days", 14, allowed=lambda days: 0 <= days <= 365)
CHANGE_UNTIL = Setting(
    "booking.change_until_minutes", 120, allowed=lambda minutes: 0 <= minutes <= 7 * 24 * 60
)


def terms(session: Session, store_id: int) -> Terms:
    """Give what a store allows; without a row of its own, what the chain does. In one query."""
    return terms_of(session, (store_id,))[store_id]


def terms_of(session: Session, store_ids: Collection[int]) -> Mapping[int, Terms]:
    """Give what stores allow, in one query."""
    each = sa.func.unnest(sa.literal(list(store_ids), ARRAY(sa.BigInteger))).table_valued("id")
    each = each.render_derived()
    rows = session.execute(
        sa.select(each.c.id, BookingTerms, settings.stored(HORIZON_DAYS), settings.stored(CHANGE_UNTIL))
        .select_from(each)
        .outerjoin(BookingTerms, BookingTerms.store_id == each.c.id)
    )
    return {
        store_id: _of_the_chain(horizon, change_until) if stored is None else _of_the_store(stored)
        for store_id, stored, horizon, change_until in rows
    }


def read_terms(own: Mapping[str, Any] | None, stored: Mapping[str, Any] | None) -> Terms:
    """Read a store's own terms, or without any the chain's, of a statement that asked for more."""
    if own is None:
        return _of_the_chain(settings.read(stored, HORIZON_DAYS), settings.read(stored, CHANGE_UNTIL))
    told = {one.name: own[one.name] for one in fields(Terms) if one.name in own}
    return Terms(**told, change_until=dt.timedelta(minutes=own["change_until_minutes"]))


def chain_terms(session: Session) -> Terms:
    """Give what stores without terms of their own allow."""
    return _of_the_chain(*settings.several(session, HORIZON_DAYS, CHANGE_UNTIL))


def _of_the_chain(horizon: int | None, change_until: int | None) -> Terms:
    return Terms(
        horizon_days=HORIZON_DAYS.default if horizon is None else horizon,
        change_until=dt.timedelta(minutes=CHANGE_UNTIL.default if change_until is None else change_until),
    )


def _of_the_store(row: BookingTerms) -> Terms:
    return Terms(
        earliest=row.earliest,
        latest=row.latest,
        slot_minutes=row.slot_minutes,
        notice_days=row.notice_days,
        horizon_days=row.horizon_days,
        same_day=row.same_day,
        change_until=dt.timedelta(minutes=row.change_until_minutes),
        approval=row.approval,
        self_booking=row.self_booking,
    )
