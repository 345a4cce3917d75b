"""Events: what happened, recorded in the transaction in which it happened, and who reacts to it.

One row per (event, handler), so that one failing handler blocks no other. A worker claims rows,
runs each handler in a savepoint together with its settling, and commits: whatever a handler wrote
is there exactly if its row is settled. Handlers touch the database alone; what leaves the system
is a row that they write. Several workers may drain at once: handlers that lock what other events are
about too say so (`once_for`).
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped

from engage.kernel import due, leases
from engage.kernel.db import Model, Session
from engage.kernel.errors import NotFound
from engage.kernel.leases import Attempt, Backlog, Claim, Leased

QUEUE = "events"

Handler = Callable[..., None]
Handlers = Mapping[str, tuple[Handler, ...]]
# Gives for each of some payloads the id of what it is about, 0 where that is not there.
Abouts = Callable[[Session, Sequence[Mapping[str, Any]]], Sequence[int]]


class OutboxRow(Leased, Model):
    """One handler's turn at one event. `settled_at` set: done; `available_at` NULL without it: given up."""

    __tablename__ = "outbox"
    __table_args__ = (
        sa.UniqueConstraint("tenant_id", "event_id", "handler"),
        sa.Index(
            None, "tenant_id", "queue", "available_at", postgresql_where=sa.text("available_at IS NOT NULL")
        ),
        sa.Index(
            "ix_outbox_given_up",
            "tenant_id",
            "id",
            postgresql_where=sa.text("available_at IS NULL AND settled_at IS NULL"),
        ),
        sa.CheckConstraint("settled_at IS NULL OR available_at IS NULL", name="settled_is_final"),
    )

    event_id: Mapped[uuid.UUID]
    event: Mapped[str]
    handler: Mapped[str]
    payload: Mapped[dict[str, Any]]
    recorded_at: Mapped[dt.datetime]
    settled_at: Mapped[dt.datetime | None]


_GIVEN_UP = (OutboxRow.available_at.is_(None), OutboxRow.settled_at.is_(None))


@dataclass(frozen=True, slots=True)
class Drained:
    """What one batch came to."""

    done: int
    failed: int


class UnknownEvent(LookupError):
    """An event was recorded that `engage.reactions.HANDLERS` does not list."""


_handlers: dict[str, dict[str, Handler]] = {}
_once: dict[str, tuple[int, Abouts]] = {}


def once_for(abouts: Abouts, *, rank: int) -> Callable[[Handler], Handler]:
    """Let a handler be told once in a batch of each thing that events are about.

    For handlers that look at what is, not at what happened, and keep rows locked until the batch ends:
    their turns come last, by rank and by the id of the thing, whatever happened first. So batches that
    are worked on at once take these locks in one order, and none waits for another in a circle.
    """

    def note(handler: Handler) -> Handler:
        _once[_name(handler)] = (rank, abouts)
        return handler

    return note


def register(handlers: Handlers) -> None:
    """Say who reacts to what, once, when the process starts."""
    _handlers.clear()
    for event, functions in handlers.items():
        _handlers[event] = {_name(function): function for function in functions}


def _name(handler: Handler) -> str:
    return f"{handler.__module__.rpartition('.')[2]}.{handler.__name__}"


def registered() -> Mapping[str, Mapping[str, Handler]]:
    """Give the events and their handlers by name."""
    return _handlers


def record(session: Session, event: str, *, now: dt.datetime, **payload: Any) -> uuid.UUID:
    """Record that something happened. Ids only in the payload, never a name or a phone.

    Raises:
        UnknownEvent: nobody said what follows from such an event.
    """
    event_id, handlers = uuid.uuid4(), _handlers_of(event)
    rows = [
        {
            "tenant_id": session.tenant_id,
            "queue": QUEUE,
            "event_id": event_id,
            "event": event,
            "handler": handler,
            "payload": payload,
            "recorded_at": now,
            "available_at": now,
        }
        for handler in handlers
    ]
    if rows:
        session.execute(sa.insert(OutboxRow), rows)
        due.mark(session, QUEUE, at=now)
    return event_id


def recording(happened: sa.FromClause, **ids: sa.ColumnElement[Any]) -> tuple[sa.CTE, sa.CTE]:
    """Build what `record` does for the row of `happened` in one statement (`kernel.db.run_alone`).

    Gives the rows and their mark. `ids` are what the payload takes from the statement itself; all
    else comes by the names of `values_of`. The doorbell is for the caller to ring.
    """
    found = sa.func.jsonb_build_object(
        *(part for name, value in ids.items() for part in (sa.literal_column(f"'{name}'"), value))
    )
    recorded_at = sa.bindparam("recorded_at", type_=OutboxRow.recorded_at.type)
    row = {
        OutboxRow.queue: sa.literal_column(f"'{QUEUE}'"),
        OutboxRow.event_id: sa.bindparam("event_id", type_=OutboxRow.event_id.type),
        OutboxRow.event: sa.bindparam("event", type_=OutboxRow.event.type),
        OutboxRow.handler: sa.func.unnest(sa.bindparam("handlers", type_=ARRAY(sa.Text))),
        OutboxRow.payload: found.op("||")(sa.cast(sa.bindparam("payload", type_=sa.Text), JSONB)),
        OutboxRow.recorded_at: recorded_at,
        OutboxRow.available_at: recorded_at,
    }
    table = cast("sa.Table", OutboxRow.__table__)
    rows = (
        sa.insert(table)
        .from_select([column.name for column in row], sa.select(*row.values()).select_from(happened))
        .returning(table.c.tenant_id, table.c.queue, table.c.available_at)
        .cte("recorded")
    )
    return rows, due.marking(rows)


def values_of(event: str, *, now: dt.datetime, **payload: Any) -> dict[str, Any]:
    """Give what `recording` stores of an event; the statement adds its ids to the payload.

    Raises:
        UnknownEvent: nobody said what follows from such an event.
    """
    return {
        "event_id": uuid.uuid4(),
        "event": event,
        "handlers": list(_handlers_of(event)),
        "payload": json.dumps(payload),
        "recorded_at": now,
    }


def _handlers_of(event: str) -> Mapping[str, Handler]:
    if event not in _handlers:
        raise UnknownEvent(event)
    return _handlers[event]


def claim(session: Session, *, now: dt.datetime) -> Claim:
    """Take the tenant's oldest due rows; see `leases.claim`."""
    return leases.claim(session, OutboxRow, QUEUE, now=now)


def work(session: Session, claimed: Claim, *, now: dt.datetime) -> Drained:
    """Run the claimed handlers, each with its settling in one savepoint.

    Commits nothing; the caller's unit of work does. A handler that fails leaves its error on its
    rows, waits longer each time, and after `leases.ATTEMPTS` waits for a person.
    """
    done = failed = 0
    with _kept(session):
        for rows in _turns(session, leases.held(session, OutboxRow, claimed)):
            if _react(session, rows, now=now):
                done += len(rows)
            else:
                failed += len(rows)
    return Drained(done, failed)


@contextmanager
def _kept(session: Session) -> Iterator[None]:
    """Keep what the handlers of a batch read, so that the next need not read it again.

    A session forgets rows that nobody holds. A handler that needs a row as it is now locks it.
    """
    read: list[object] = []

    def keep(_session: Session, row: object) -> None:
        read.append(row)

    sa.event.listen(session, "loaded_as_persistent", keep)
    try:
        yield
    finally:
        sa.event.remove(session, "loaded_as_persistent", keep)


def _turns(session: Session, rows: Sequence[OutboxRow]) -> Iterator[Sequence[OutboxRow]]:
    """Give the rows of one handler's call each: by id, those of `once_for` after them in their order."""
    waiting: dict[str, list[OutboxRow]] = defaultdict(list)
    for row in rows:
        if row.handler in _once:
            waiting[row.handler].append(row)
        else:
            yield [row]
    turns: dict[tuple[int, int, str], list[OutboxRow]] = defaultdict(list)
    for handler, its_rows in waiting.items():
        rank, abouts = _once[handler]
        for about, row in zip(abouts(session, [row.payload for row in its_rows]), its_rows, strict=True):
            turns[rank, about, handler].append(row)
    for turn in sorted(turns):
        yield turns[turn]


def _react(session: Session, rows: Sequence[OutboxRow], *, now: dt.datetime) -> bool:
    """Call the handler that rows are for, with the last of them; they succeed or fail together."""
    last = rows[-1]
    if last.attempts > leases.ATTEMPTS:
        leases.give_up(last, "each attempt ended its worker")  # one tried before is claimed alone
        return False
    attempt = Attempt(session, last, now=now)
    with attempt:
        _handlers[last.event][last.handler](session, _told(last), now=now)
        for row in rows:
            leases.settle(row)
            row.settled_at = now
        session.flush()  # what the database refuses is this handler's error, not the batch's
    if not attempt.succeeded:
        for row in rows[:-1]:
            leases.postpone(row, str(last.error), now=now)
    return attempt.succeeded


def _told(row: OutboxRow) -> Mapping[str, Any]:
    """Give what a handler is told: the payload, which event it is, and when it was recorded.

    A payload with an `at` of its own knows better when it happened.
    """
    at = row.recorded_at.isoformat()
    return {"event": row.event, "event_id": str(row.event_id), "at": at, **row.payload}


def retry(session: Session, row_id: int, *, now: dt.datetime) -> None:
    """A person asks for another round of attempts of a row that was given up.

    Raises:
        NotFound: no such row, or it is settled.
    """
    row = session.get(OutboxRow, (session.tenant_id, row_id), with_for_update=True)
    if row is None or row.settled_at is not None:
        raise NotFound(outbox=row_id)
    leases.retry(row, now=now)
    due.mark(session, QUEUE, at=now)


def given_up(session: Session, *, limit: int = 50) -> Sequence[OutboxRow]:
    """Give the latest rows that wait for a person."""
    return session.scalars(
        sa.select(OutboxRow).where(*_GIVEN_UP).order_by(OutboxRow.id.desc()).limit(limit)
    ).all()


def backlog(session: Session) -> Backlog:
    """Give how the tenant's queue of reactions stands."""
    failed = session.scalar(sa.select(sa.func.count()).select_from(OutboxRow).where(*_GIVEN_UP)) or 0
    return Backlog(QUEUE, *leases.waiting(session, OutboxRow, QUEUE), failed)
