"""Imports of tables taken back, as long as nothing that they brought has been changed since (BK-20)."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic.errors import ImportChanged
from engage.clinic.models import Shift, StoreDay
from engage.clinic.rules import Special
from engage.kernel import live, outbox
from engage.kernel.db import Session

SHIFT: tuple[str, ...] = ("doctor_id", "store_id", "starts_at", "ends_at", "slot_minutes", "per_slot")
# A date of a store.
Day = tuple[int, dt.date]


def mark_of(rows: Iterable[Sequence[Any]]) -> str:
    """Give a short mark of what stands in some rows, by which it is known again."""
    lines = sorted(" ".join(map(_written, row)) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:24]


def former_days(session: Session, keys: Collection[Day]) -> Mapping[Day, Special]:
    """Give the special days that stand on some dates, and keep them so to the end."""
    rows = session.execute(
        sa.select(StoreDay.store_id, StoreDay.date, StoreDay.name, StoreDay.stretches)
        .where(sa.tuple_(StoreDay.store_id, StoreDay.date).in_(keys))
        .order_by(StoreDay.store_id, StoreDay.date)
        .with_for_update()
    )
    return {
        (row.store_id, row.date): Special(row.name, tuple((opens, closes) for opens, closes in row.stretches))
        for row in rows
    }


def mark_of_days(days: Mapping[Day, Special]) -> str:
    """Give the mark of special days."""
    return mark_of((*key, one.name, one.stretches) for key, one in days.items())


def take_back_rosters(
    session: Session,
    ids: Collection[int],
    mark: str,
    *,
    store_ids: Collection[int],
    by: Actor,
    now: dt.datetime,
) -> None:
    """Remove the shifts that a table brought to some stores; visits in them stay.

    Raises:
        ImportChanged: they are not what they were then, or some are gone. Nothing may stay.
    """
    gone = session.execute(
        sa.delete(Shift)
        .where(Shift.id.in_(ids), Shift.store_id.in_(store_ids))
        .returning(*(getattr(Shift, name) for name in SHIFT))
        .execution_options(synchronize_session=False)
    ).all()
    if not gone or mark_of(map(tuple, gone)) != mark:
        raise ImportChanged
    audit.record(session, "roster.removed", by=by, subject=("roster", 0), now=now)
    for store_id in sorted({row.store_id for row in gone}):
        live.hint_store(session, store_id)


def take_back_days(
    session: Session,
    former: Mapping[Day, Special | None],
    mark: str,
    *,
    store_ids: Collection[int],
    by: Actor,
    now: dt.datetime,
) -> None:
    """Let dates of some stores be what they were before a table; None was no special day.

    Records `clinic.opened`.

    Raises:
        ImportChanged: they are not what the table made of them, or of another's stores. Nothing may stay.
    """
    if not former or not {store_id for store_id, _ in former} <= set(store_ids):
        raise ImportChanged
    if mark_of_days(former_days(session, former.keys())) != mark:
        raise ImportChanged
    new = [key for key, one in former.items() if one is None]
    if new:
        session.execute(
            sa.delete(StoreDay)
            .where(sa.tuple_(StoreDay.store_id, StoreDay.date).in_(new))
            .execution_options(synchronize_session=False)
        )
    replaced = [
        {
            "store_id": store_id,
            "date": date,
            "name": one.name,
            "stretches": [list(stretch) for stretch in one.stretches],
        }
        for (store_id, date), one in sorted(former.items())
        if one is not None
    ]
    if replaced:
        statement = insert(StoreDay)
        told = {"name": statement.excluded.name, "stretches": statement.excluded.stretches}
        session.execute(
            statement.on_conflict_do_update(index_elements=["tenant_id", "store_id", "date"], set_=told),
            replaced,
        )
    for store_id in sorted({store_id for store_id, _ in former}):
        audit.record(session, "store_day.removed", by=by, subject=("store", store_id), now=now)
        live.hint_store(session, store_id)
        outbox.record(session, "clinic.opened", now=now, store_id=store_id)


def _written(value: Any) -> str:
    return str(int(value.timestamp())) if isinstance(value, dt.datetime) else str(value)
