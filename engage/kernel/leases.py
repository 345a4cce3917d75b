"""Work that is rows: claimed under a lease, done, settled (design §3.5).

A claim is committed before the work begins and counts as an attempt. If the worker dies, the lease
runs out and the row is claimed again; a row that kills workers runs out of attempts and waits for a
person. A row tried before is claimed alone, so that it cannot drag others with it.
"""

from __future__ import annotations

import datetime as dt
import traceback
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, TypeVar

import psycopg
import sqlalchemy as sa
import structlog
from rq.timeouts import BaseTimeoutException
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Session

log = structlog.get_logger()

BATCH = 200
ATTEMPTS = 8
LEASE = dt.timedelta(seconds=60)
BACKOFF = (
    dt.timedelta(seconds=2),
    dt.timedelta(seconds=10),
    dt.timedelta(minutes=1),
    dt.timedelta(minutes=5),
    dt.timedelta(minutes=30),
    dt.timedelta(hours=2),
)


class Leased(Identified):
    """Mixin of rows that are work; `available_at` is NULL once nobody has to do anything more."""

    queue: Mapped[str]
    available_at: Mapped[dt.datetime | None]
    attempts: Mapped[int] = mapped_column(sa.Integer, server_default=sa.text("0"))
    lease: Mapped[uuid.UUID | None]
    error: Mapped[str | None]


L = TypeVar("L", bound=Leased)


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows of one queue that only the holder of `lease` may settle."""

    lease: uuid.UUID
    ids: Sequence[int]

    def __bool__(self) -> bool:
        return bool(self.ids)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How a queue stands: rows to do, since when the oldest is due, and rows that wait for a person."""

    queue: str
    waiting: int
    oldest_due_at: dt.datetime | None
    failed: int


def backoff(attempts: int) -> dt.timedelta:
    """Give how long to wait after a number of failed attempts (1 is the first)."""
    return BACKOFF[min(attempts, len(BACKOFF)) - 1]


def claim(
    session: Session,
    model: type[Leased],
    queue: str,
    *,
    now: dt.datetime,
    batch: int = BATCH,
    due_by: dt.datetime | None = None,
) -> Claim:
    """Take up to `batch` due rows, oldest first; commit before working on them.

    `due_by` leaves alone what fell due after it, so that a drain which defers rows comes to an end.

    Several workers may claim at once and get different rows. Claiming again while the lease runs
    gives nothing; after it, the row with one attempt more.
    """
    due = session.execute(
        sa.select(model.id, model.attempts)
        .where(model.queue == queue, model.available_at <= (due_by or now))
        .order_by(model.available_at, model.id)
        .limit(batch)
        .with_for_update(skip_locked=True)
    ).all()
    fresh = [row.id for row in due if row.attempts == 0]
    taken = fresh or [row.id for row in due[:1]]
    lease = uuid.uuid4()
    if taken:
        session.execute(
            sa.update(model)
            .where(model.id.in_(taken))
            .values(lease=lease, available_at=now + LEASE, attempts=model.attempts + 1)
            .execution_options(synchronize_session=False)
        )
    return Claim(lease, taken)


def held(session: Session, model: type[L], claim: Claim) -> Sequence[L]:
    """Lock the claimed rows that are still this claim's, in the order of their ids."""
    return session.scalars(
        sa.select(model)
        .where(model.id.in_(claim.ids), model.lease == claim.lease, model.available_at.is_not(None))
        .order_by(model.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def next_at(session: Session, model: type[Leased], queue: str) -> dt.datetime | None:
    """Give when the queue's next row is due: a retry, or a lease that may run out."""
    return session.scalar(
        sa.select(sa.func.min(model.available_at)).where(
            model.queue == queue, model.available_at.is_not(None)
        )
    )


def waiting(session: Session, model: type[Leased], queue: str) -> tuple[int, dt.datetime | None]:
    """Give how many rows of the queue are not done yet, and when the oldest was due."""
    row = session.execute(
        sa.select(sa.func.count(), sa.func.min(model.available_at)).where(
            model.queue == queue, model.available_at.is_not(None)
        )
    ).one()
    return row[0], row[1]


def settle(row: Leased) -> None:
    """The work is done, nobody looks at the row again."""
    row.available_at, row.lease, row.error = None, None, None


def postpone(row: Leased, error: str, *, now: dt.datetime) -> bool:
    """The attempt failed: try later, or give up after ATTEMPTS. Gives whether it will be tried again."""
    row.error, row.lease = error[:2000], None
    again = row.attempts < ATTEMPTS
    row.available_at = now + backoff(row.attempts) if again else None
    return again


def give_up(row: Leased, error: str) -> None:
    """Nobody tries any more until a person asks for it."""
    row.available_at, row.lease, row.error = None, None, error


def defer(row: Leased, at: dt.datetime) -> None:
    """Nothing failed, but it cannot be done yet: the attempt does not count."""
    row.attempts, row.available_at, row.lease = row.attempts - 1, at, None


def retry(row: Leased, *, now: dt.datetime) -> None:
    """A person asks for another round of attempts."""
    row.attempts, row.available_at, row.lease = 0, now, None


# A lock held too long, or two that crossed: the row's own trouble, though SQLAlchemy calls it operational.
_ITS_OWN = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.DeadlockDetected,
)


def _stops_the_job(error: BaseException | None) -> bool:
    """Whether the database went away or the job's own time is over: no fault of the row's work."""
    if isinstance(error, sa.exc.OperationalError):
        return not isinstance(error.orig, _ITS_OWN)
    return not isinstance(error, Exception) or isinstance(error, BaseTimeoutException)


class Attempt:
    """Work on one row in a savepoint: kept, or rolled back with the error on the row, to be tried again.

    The one boundary that must outlive any error of the code it runs, programming errors included,
    so that what is broken stops itself alone. What stops the process passes through. Whoever works
    settles the row.
    """

    def __init__(self, session: Session, row: Leased, *, now: dt.datetime) -> None:
        self.session, self.row, self.now = session, row, now
        self.succeeded = False

    def __enter__(self) -> None:
        self.savepoint = self.session.begin_nested()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False] | bool:
        if error is None:
            self.savepoint.commit()
            self.succeeded = True
            return True
        self.savepoint.rollback()
        if _stops_the_job(error):
            return False
        place = traceback.extract_tb(trace)[-1]
        postpone(self.row, f"{type(error).__name__} at {place.name}:{place.lineno}: {error}", now=self.now)
        log.error("work.failed", queue=self.row.queue, row=self.row.id, error=type(error).__name__)
        return True
