"""Closures: when a store, a doctor or an item is not to be booked (BK-1)."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, fields

import sqlalchemy as sa

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic import queries
from engage.clinic.errors import ClosureChanged
from engage.clinic.models import Closure
from engage.clinic.rules import DAY, GRID
from engage.kernel import live, outbox
from engage.kernel.db import Session
from engage.kernel.errors import N_, Invalid, NotFound

CLOSURE_AT_MOST = dt.timedelta(days=5 * 366)


@dataclass(frozen=True, slots=True)
class ClosureDetails:
    """What a closure stops (at least one of three), and when: once, or weekly."""

    store_id: int | None = None
    doctor_id: int | None = None
    item_id: int | None = None
    starts_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None
    weekday: int | None = None
    from_minute: int | None = None
    to_minute: int | None = None
    from_date: dt.date | None = None
    to_date: dt.date | None = None
    reason: str = ""


def add_closure(session: Session, details: ClosureDetails, *, by: Actor, now: dt.datetime) -> Closure:
    """Close a time. Visits that are booked in it stay; `booking.queries.outside` lists them.

    Raises:
        Invalid: it stops nothing, or at no time.
        NotFound: the store, doctor or item is not of this chain.
    """
    _check(details)
    _check_subjects(session, details)
    made = Closure(**asdict(details), version=1, created_at=now)
    session.add(made)
    session.flush()
    _tell(session, made.store_id)
    audit.record(session, "closure.added", by=by, subject=("closure", made.id), now=now)
    return made


def update_closure(
    session: Session, closure_id: int, version: int, details: ClosureDetails, *, by: Actor, now: dt.datetime
) -> Closure:
    """Change a closure. Visits stay as they are.

    Records `clinic.opened`, since time may have become free.

    Raises:
        NotFound: there is no such closure, or what it is to stop is not of this chain.
        ClosureChanged: somebody else changed it meanwhile.
        Invalid: it stops nothing, or at no time.
    """
    _check(details)
    closure = session.scalar(sa.select(Closure).where(Closure.id == closure_id).with_for_update())
    if closure is None:
        raise NotFound(closure=closure_id)
    changed = [
        one.name for one in fields(details) if getattr(closure, one.name) != getattr(details, one.name)
    ]
    if not changed:
        return closure
    if closure.version != version:
        raise ClosureChanged
    _check_subjects(session, details)
    _tell(session, closure.store_id)
    for name in changed:
        setattr(closure, name, getattr(details, name))
    closure.version += 1
    session.flush()
    _tell(session, closure.store_id)
    audit.record(session, "closure.updated", by=by, subject=("closure", closure_id), now=now, fields=changed)
    outbox.record(session, "clinic.opened", now=now, store_id=closure.store_id)
    return closure


def remove_closure(
    session: Session, closure_id: int, *, by: Actor, now: dt.datetime
) -> ClosureDetails | None:
    """Open a time again; gives what it was, for undo, and None if it was gone. Records `clinic.opened`."""
    closure = session.scalar(sa.select(Closure).where(Closure.id == closure_id).with_for_update())
    if closure is None:
        return None
    was = ClosureDetails(**{one.name: getattr(closure, one.name) for one in fields(ClosureDetails)})
    session.delete(closure)
    session.flush()
    _tell(session, was.store_id)
    audit.record(session, "closure.removed", by=by, subject=("closure", closure_id), now=now)
    outbox.record(session, "clinic.opened", now=now, store_id=was.store_id)
    return was


def _tell(session: Session, store_id: int | None) -> None:
    """Let open boards read themselves again: of the store, or of all where a doctor or an item stops."""
    for one in [store_id] if store_id is not None else [store.id for store in queries.stores(session)]:
        live.hint_store(session, one)


def _check(details: ClosureDetails) -> None:
    wrong: dict[str, list[str]] = {}
    if details.store_id is details.doctor_id is details.item_id is None:
        wrong["subject"] = [N_("Choose a store, a doctor or an item.")]
    if details.weekday is None:
        wrong |= _wrong_once(details)
    else:
        wrong |= _wrong_weekly(details)
    if wrong:
        raise Invalid(wrong)


def _wrong_once(details: ClosureDetails) -> dict[str, list[str]]:
    begin, end = details.starts_at, details.ends_at
    if begin is None or end is None or not begin < end:
        return {"to_time": [N_("The end comes after the beginning.")]}
    if end - begin > CLOSURE_AT_MOST:
        return {"to_day": [N_("At most five years at once.")]}
    return {}


def _wrong_weekly(details: ClosureDetails) -> dict[str, list[str]]:
    begin, end, first, last = details.from_minute, details.to_minute, details.from_date, details.to_date
    if begin is None or end is None or not 0 <= begin < end <= DAY:
        return {"to_time": [N_("The end comes after the beginning.")]}
    if begin % GRID or end % GRID:
        return {"to_time": [N_("Please give times in steps of 5 minutes.")]}
    if first is None or (last is not None and last < first):
        return {"to_day": [N_("The last day comes before the first.")]}
    return {}


def _check_subjects(session: Session, details: ClosureDetails) -> None:
    """Read what the closure stops, for an id of another chain would be refused by the database alone."""
    if details.store_id is not None:
        queries.store(session, details.store_id)
    if details.doctor_id is not None:
        queries.doctor(session, details.doctor_id)
    if details.item_id is not None:
        queries.item(session, details.item_id)
