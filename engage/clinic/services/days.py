"""Special days, and which public holidays a store keeps (BK-1, BK-20)."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic import holidays, queries
from engage.clinic.models import Store, StoreDay
from engage.clinic.rules import ON_HOLIDAYS, Special, check_special
from engage.kernel import live, outbox
from engage.kernel.db import Session
from engage.kernel.errors import N_, Invalid, NotFound


def set_special_day(
    session: Session, store_id: int, date: dt.date, special: Special, *, by: Actor, now: dt.datetime
) -> bool:
    """Write down what a store does on one date; it overrules hours and holidays. Says whether it is new.

    Visits stay as they are. A repeat changes nothing; records `clinic.opened`.

    Raises:
        NotFound: no such store.
        Invalid: its hours make no sense.
    """
    check_special(special)
    queries.store(session, store_id)
    stretches = [list(stretch) for stretch in special.stretches]
    statement = insert(StoreDay).values(store_id=store_id, date=date, name=special.name, stretches=stretches)
    changed = session.scalar(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "store_id", "date"],
            set_={"name": statement.excluded.name, "stretches": statement.excluded.stretches},
            where=(StoreDay.name != statement.excluded.name)
            | (StoreDay.stretches != statement.excluded.stretches),
        ).returning(StoreDay.date)
    )
    if changed is None:
        return False
    audit.record(session, "store_day.set", by=by, subject=("store", store_id), now=now)
    live.hint_store(session, store_id)
    outbox.record(session, "clinic.opened", now=now, store_id=store_id)
    return True


def remove_special_day(
    session: Session, store_id: int, date: dt.date, *, by: Actor, now: dt.datetime
) -> Special | None:
    """Let a date be as the week and the holidays say; gives what it was, for undo."""
    row = session.execute(
        sa.delete(StoreDay)
        .where(StoreDay.store_id == store_id, StoreDay.date == date)
        .returning(StoreDay.name, StoreDay.stretches)
        .execution_options(synchronize_session=False)
    ).first()
    if row is None:
        return None
    audit.record(session, "store_day.removed", by=by, subject=("store", store_id), now=now)
    live.hint_store(session, store_id)
    outbox.record(session, "clinic.opened", now=now, store_id=store_id)
    return Special(row.name, tuple((opens, closes) for opens, closes in row.stretches))


def keep_holidays(
    session: Session,
    store_id: int,
    *,
    country: str,
    on_holidays: str = "closed",
    make_up_weekday: int = 0,
    by: Actor,
    now: dt.datetime,
) -> Store:
    """Choose whose public holidays a store keeps, and what it does on them and on make-up working days.

    Raises:
        NotFound: no such store.
        Invalid: one of the choices is none.
    """
    wrong: dict[str, list[str]] = {}
    if country not in holidays.COUNTRIES:
        wrong["holiday_country"] = [N_("Please choose from the list.")]
    if on_holidays not in ON_HOLIDAYS:
        wrong["on_holidays"] = [N_("Please choose from the list.")]
    if not 0 <= make_up_weekday <= 6:
        wrong["make_up_weekday"] = [N_("Please choose from the list.")]
    if wrong:
        raise Invalid(wrong)
    store = session.scalar(sa.select(Store).where(Store.id == store_id).with_for_update())
    if store is None:
        raise NotFound(store=store_id)
    chosen = {"holiday_country": country, "on_holidays": on_holidays, "make_up_weekday": make_up_weekday}
    changed = [name for name, value in chosen.items() if getattr(store, name) != value]
    for name in changed:
        setattr(store, name, chosen[name])
    if changed:
        audit.record(session, "store.updated", by=by, subject=("store", store_id), now=now, fields=changed)
        live.hint_store(session, store_id)
        outbox.record(session, "clinic.opened", now=now, store_id=store_id)
    return store
