"""Rosters and special days taken over from a table: all of it or nothing (BK-20)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic import queries, rules
from engage.clinic.errors import ImportClash
from engage.clinic.models import Shift, StoreDay
from engage.clinic.rules import Special
from engage.clinic.rules.imports import DayLine, RosterLine
from engage.clinic.services.taking_back import SHIFT, Day, former_days, mark_of, mark_of_days
from engage.kernel import live, outbox
from engage.kernel.db import Session

_FOUND = [getattr(Shift, name) for name in SHIFT]


@dataclass(frozen=True, slots=True)
class Imported:
    """What a table brought: lines that are new, and those that were there exactly so.

    To take it back: the `ids` of shifts or what `former` days were, and the `mark` of what it made.
    """

    added: int
    present: int
    ids: Sequence[int] = ()
    former: Mapping[Day, Special | None] = field(default_factory=dict)
    mark: str = ""


def import_rosters(session: Session, lines: Sequence[RosterLine], *, by: Actor, now: dt.datetime) -> Imported:
    """Add the shifts of a table; a shift that is there exactly so stays, and a repeat adds none.

    Raises:
        ImportClash: other shifts of the doctors stand in the way; carries `lines`. Nothing may stay.
    """
    zones = {store.id: store.zone for store in queries.stores(session)}
    rows = {_row(one, zones): one.line for one in lines}
    if not rows:
        return Imported(0, 0)
    values = [dict(zip(SHIFT, row, strict=True)) for row in sorted(rows)]
    # A plain insert would deadlock with another of the same doctors.
    statement = insert(Shift).on_conflict_do_nothing().returning(*_FOUND, Shift.id)
    added = {tuple(row[:-1]): row[-1] for row in session.execute(statement, values)}
    missed = {row: line for row, line in rows.items() if row not in added}
    present = _present(session, missed) if missed else set()
    clashes = sorted(line for row, line in missed.items() if row not in present)
    if clashes:
        raise ImportClash(lines=clashes)
    if added:
        audit.record(session, "roster.imported", by=by, subject=("roster", 0), now=now)
        for store_id in sorted({row[1] for row in rows}):
            live.hint_store(session, store_id)
            outbox.record(session, "clinic.opened", now=now, store_id=store_id)
    return Imported(len(added), len(missed), ids=list(added.values()), mark=mark_of(added))


def import_days(session: Session, lines: Sequence[DayLine], *, by: Actor, now: dt.datetime) -> Imported:
    """Set the special days of a table; those that are there are replaced, and a repeat changes nothing."""
    if not lines:
        return Imported(0, 0)
    statement = insert(StoreDay)
    told = statement.excluded
    values = [
        {
            "store_id": one.store_id,
            "date": one.date,
            "name": one.special.name,
            "stretches": [list(stretch) for stretch in one.special.stretches],
        }
        for one in sorted(lines, key=lambda one: (one.store_id, one.date))
    ]
    former = former_days(session, [(one.store_id, one.date) for one in lines])
    changed = session.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "store_id", "date"],
            set_={"name": told.name, "stretches": told.stretches},
            where=(StoreDay.name != told.name) | (StoreDay.stretches != told.stretches),
        ).returning(StoreDay.store_id, StoreDay.date),
        values,
    ).all()
    for store_id in sorted({row.store_id for row in changed}):
        audit.record(session, "store_day.imported", by=by, subject=("store", store_id), now=now)
        live.hint_store(session, store_id)
        outbox.record(session, "clinic.opened", now=now, store_id=store_id)
    made = {(one.store_id, one.date): one.special for one in lines}
    keys = [(row.store_id, row.date) for row in changed]
    return Imported(
        len(changed),
        len(lines) - len(changed),
        former={key: former.get(key) for key in keys},
        mark=mark_of_days({key: made[key] for key in keys}),
    )


def _row(one: RosterLine, zones: Mapping[int, str]) -> tuple[Any, ...]:
    period = one.period
    zone = zones[period.store_id]
    return (
        one.doctor_id,
        period.store_id,
        rules.moment(one.date, period.begin_minute, zone),
        rules.moment(one.date, period.end_minute, zone),
        period.slot_minutes,
        period.per_slot,
    )


def _present(session: Session, missed: Mapping[tuple[Any, ...], int]) -> set[tuple[Any, ...]]:
    """Give those rows that stand in the table exactly so."""
    found = session.execute(
        sa.select(*_FOUND).where(
            Shift.doctor_id.in_({row[0] for row in missed}), Shift.starts_at.in_({row[2] for row in missed})
        )
    )
    return {tuple(row) for row in found}
