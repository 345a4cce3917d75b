"""Stores and their hours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic import queries, rules
from engage.clinic.errors import SlugTaken
from engage.clinic.models import Store, StoreHours
from engage.clinic.rules import Hours
from engage.kernel import live, outbox
from engage.kernel.db import Session
from engage.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class StoreDetails:
    """What the store form holds; the short address stays as it was made."""

    name: str
    short_name: str
    address: str
    zone: str
    phone: str = ""
    latitude: Decimal | None = None
    longitude: Decimal | None = None
    transport: str = ""
    any_per_hour: int = 0
    hours: Sequence[Hours] = rules.WHOLE_WEEK


FIELDS = (
    "name",
    "short_name",
    "address",
    "zone",
    "phone",
    "latitude",
    "longitude",
    "transport",
    "any_per_hour",
)


def create_store(
    session: Session,
    *,
    slug: str,
    name: str,
    short_name: str,
    address: str,
    zone: str,
    position: int,
    by: Actor,
    now: dt.datetime,
    phone: str = "",
    latitude: Decimal | None = None,
    longitude: Decimal | None = None,
    transport: str = "",
    any_per_hour: int = 0,
    hours: Sequence[Hours] | None = None,
) -> Store:
    """Add a store to the chain; without hours it is open all day, every day.

    Raises:
        SlugTaken: another store of the chain has the short address.
        Invalid: the hours are wrong.
    """
    opened = rules.WHOLE_WEEK if hours is None else hours
    rules.check_hours(opened)
    store = Store(
        slug=slug,
        name=name,
        short_name=short_name,
        address=address,
        zone=zone,
        position=position,
        phone=phone,
        latitude=latitude,
        longitude=longitude,
        transport=transport,
        any_per_hour=any_per_hour,
    )
    try:
        with session.begin_nested():
            session.add(store)
    except sa.exc.IntegrityError as error:
        raise SlugTaken from error
    _add_hours(session, store.id, opened)
    audit.record(session, "store.created", by=by, subject=("store", store.id), now=now)
    return store


def update_store(
    session: Session, store_id: int, details: StoreDetails, *, by: Actor, now: dt.datetime
) -> Store:
    """Change a store and its hours. Appointments stay as they were booked.

    Raises:
        NotFound: no such store.
        Invalid: the hours are wrong.
    """
    rules.check_hours(details.hours)
    store = session.scalar(sa.select(Store).where(Store.id == store_id).with_for_update())
    if store is None:
        raise NotFound(store=store_id)
    changed = [name for name in FIELDS if getattr(store, name) != getattr(details, name)]
    for name in changed:
        setattr(store, name, getattr(details, name))
    if sorted(queries.hours(session, [store_id])[store_id]) != sorted(details.hours):
        session.execute(
            sa.delete(StoreHours)
            .where(StoreHours.store_id == store_id)
            .execution_options(synchronize_session=False)
        )
        _add_hours(session, store_id, details.hours)
        changed.append("hours")
    if changed:
        audit.record(session, "store.updated", by=by, subject=("store", store_id), now=now, fields=changed)
    if "hours" in changed or "any_per_hour" in changed:
        live.hint_store(session, store_id)
        outbox.record(session, "clinic.opened", now=now, store_id=store_id)
    return store


def _add_hours(session: Session, store_id: int, hours: Iterable[Hours]) -> None:
    session.add_all(
        StoreHours(store_id=store_id, weekday=one.weekday, opens=one.opens, closes=one.closes)
        for one in hours
    )
    session.flush()
