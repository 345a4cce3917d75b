"""Rosters: when a doctor sees patients, and where."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic import queries, rules
from engage.clinic.errors import DoctorElsewhere
from engage.clinic.models import Shift
from engage.clinic.rules import Roster
from engage.kernel import live, outbox
from engage.kernel.db import Session


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a roster: shifts added, those there already, dates on which others stand in the way."""

    added: int
    present: int
    clashes: tuple[dt.date, ...]


def add_shift(
    session: Session,
    *,
    doctor_id: int,
    store_id: int,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    slot_minutes: int,
    per_slot: int,
) -> Shift:
    """Open a stretch of a doctor's time at a store.

    Raises:
        DoctorElsewhere: the doctor has another shift at that time.
    """
    statement = insert(Shift).values(
        doctor_id=doctor_id,
        store_id=store_id,
        starts_at=starts_at,
        ends_at=ends_at,
        slot_minutes=slot_minutes,
        per_slot=per_slot,
    )
    shift: Shift | None = session.scalar(statement.on_conflict_do_nothing().returning(Shift))
    if shift is None:
        raise DoctorElsewhere
    live.hint_store(session, store_id)
    return shift


def add_shifts(session: Session, roster: Roster, *, by: Actor, now: dt.datetime) -> Added:
    """Add the shifts of a roster that are missing; what stands in their way stays.

    Raises:
        NotFound: no such doctor or store.
        Invalid: the roster makes no sense.
    """
    rules.check_roster(roster)
    doctor = queries.doctor(session, roster.doctor_id)
    zone = queries.store(session, roster.store_id).zone
    wanted = {date: _row(roster, date, zone) for date in roster.dates()}
    if not wanted:
        return Added(0, 0, ())
    # A plain insert would refuse all for one, and deadlock with another of the same doctor.
    added = set(
        session.scalars(
            insert(Shift).on_conflict_do_nothing().returning(Shift.starts_at), list(wanted.values())
        )
    )
    missed = {date: row for date, row in wanted.items() if row["starts_at"] not in added}
    present = _present(session, list(missed.values()))
    clashes = tuple(date for date, row in missed.items() if row["starts_at"] not in present)
    if added:
        audit.record(session, "roster.added", by=by, subject=("doctor", doctor.id), now=now)
        live.hint_store(session, roster.store_id)
        outbox.record(session, "clinic.opened", now=now, store_id=roster.store_id)
    return Added(len(added), len(present), clashes)


def remove_shift(session: Session, shift_id: int, *, by: Actor, now: dt.datetime) -> None:
    """Close a stretch of a doctor's time; appointments in it stay, and repeating changes nothing."""
    gone = session.execute(
        sa.delete(Shift)
        .where(Shift.id == shift_id)
        .returning(Shift.doctor_id, Shift.store_id)
        .execution_options(synchronize_session=False)
    ).first()
    if gone is not None:
        live.hint_store(session, gone.store_id)
        audit.record(session, "roster.removed", by=by, subject=("doctor", gone.doctor_id), now=now)


def _row(roster: Roster, date: dt.date, zone: str) -> dict[str, Any]:
    return {
        "doctor_id": roster.doctor_id,
        "store_id": roster.store_id,
        "starts_at": rules.moment(date, roster.begin_minute, zone),
        "ends_at": rules.moment(date, roster.end_minute, zone),
        "slot_minutes": roster.slot_minutes,
        "per_slot": roster.per_slot,
    }


def _present(session: Session, rows: Sequence[dict[str, Any]]) -> set[dt.datetime]:
    """Give the beginnings of those rows that stand in the table exactly so."""
    if not rows:
        return set()
    columns = ("starts_at", "ends_at", "slot_minutes", "per_slot")
    found = session.execute(
        sa.select(*(getattr(Shift, name) for name in columns)).where(
            Shift.doctor_id == rows[0]["doctor_id"],
            Shift.store_id == rows[0]["store_id"],
            Shift.starts_at.in_([row["starts_at"] for row in rows]),
        )
    )
    there = {tuple(row) for row in found}
    return {row["starts_at"] for row in rows if tuple(row[name] for name in columns) in there}
