"""Reading tasks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.paging import SIZE, Keyset, Page
from engage.tasks.models import Script, Task
from engage.tasks.rules import CALLS, KINDS

S = TypeVar("S", bound=sa.Select[Any])

BY_DUE = Keyset((Task.due_at, Task.id))
NEWEST = Keyset((Task.done_at, Task.id), descending=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks a list shows; what is None or empty filters nothing. `store_ids` None is all stores."""

    store_ids: frozenset[int] | None = None
    kinds: Collection[str] = ()
    state: str = "open"
    due_by: dt.datetime | None = None
    assignee_id: int | None = None


def task(session: Session, task_id: int) -> Task:
    """Give one task.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Task, (session.tenant_id, task_id))
    if found is None:
        raise NotFound(task=task_id)
    return found


def locked(session: Session, task_id: int) -> Task:
    """Give one task as it is now, and keep it so to the end of the transaction.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.scalar(
        sa.select(Task).where(Task.id == task_id).with_for_update().execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound(task=task_id)
    return found


def listed(session: Session, wanted: Wanted, *, cursor: str | None = None, size: int = SIZE) -> Page[Task]:
    """Give a page of tasks: open ones by when they are due, ended ones latest first."""
    order = BY_DUE if wanted.state == "open" else NEWEST
    statement = order.statement(_wanted(sa.select(Task), wanted), cursor, size)
    return order.page(session.scalars(statement).all(), size)


def next_after(session: Session, wanted: Wanted, *, but: int) -> Task | None:
    """Give the next open task of a list."""
    statement = _wanted(sa.select(Task), wanted).where(Task.id != but).order_by(Task.due_at, Task.id).limit(1)
    return session.scalar(statement)


def count_due(
    session: Session,
    *,
    now: dt.datetime,
    store_ids: frozenset[int] | None,
    kinds: Collection[str] = tuple(KINDS),
) -> int:
    """Count the open tasks that are due, at some stores or (None) at all."""
    wanted = Wanted(store_ids=store_ids, kinds=kinds, due_by=now)
    return session.scalars(_wanted(sa.select(sa.func.count()).select_from(Task), wanted)).one()


def of_subject(session: Session, subject_kind: str, subject_id: int) -> Sequence[Task]:
    """Give all tasks about a thing, oldest first."""
    return session.scalars(
        sa.select(Task)
        .where(Task.subject_kind == subject_kind, Task.subject_id == subject_id)
        .order_by(Task.opened_at, Task.id)
    ).all()


def was_asked(session: Session, kind: str, patient_id: int) -> bool:
    """Whether a task of a kind was ever opened about a patient and not called off."""
    asked = sa.exists().where(Task.patient_id == patient_id, Task.kind == kind, Task.state != "void")
    return bool(session.scalar(sa.select(asked)))


def outcomes(
    session: Session,
    kind: str,
    *,
    begin: dt.datetime,
    end: dt.datetime,
    store_ids: frozenset[int] | None,
) -> Mapping[str, int]:
    """Count what came of the tasks of a kind that were opened in a half-open interval; '' are open ones."""
    outcome = sa.func.coalesce(Task.outcome, "").label("outcome")
    statement = (
        sa.select(outcome, sa.func.count())
        .where(Task.kind == kind, Task.state != "void", Task.opened_at >= begin, Task.opened_at < end)
        .group_by(outcome)
    )
    if store_ids is not None:
        statement = statement.where(Task.store_id.in_(store_ids))
    return {row[0]: row[1] for row in session.execute(statement)}


def finished_of(session: Session, kind: str, subject_kind: str, among: sa.Select[int]) -> int:
    """Count the things, of those whose ids a statement gives, about which a task of a kind was done."""
    about = (Task.kind == kind, Task.subject_kind == subject_kind, Task.subject_id.in_(among))
    counted = sa.select(sa.func.count(Task.subject_id.distinct())).where(*about, Task.state == "done")
    return session.scalars(counted).one()


def scripts(session: Session) -> Mapping[str, str]:
    """Give the clinic's own scripts, by kind."""
    return {row.kind: row.text for row in session.execute(sa.select(Script.kind, Script.text))}


def _wanted(statement: S, wanted: Wanted) -> S:
    statement = statement.where(Task.state == wanted.state, Task.kind.in_(wanted.kinds or CALLS))
    if wanted.store_ids is not None:
        statement = statement.where(Task.store_id.in_(wanted.store_ids))
    if wanted.due_by is not None:
        statement = statement.where(Task.due_at <= wanted.due_by)
    if wanted.assignee_id is not None:
        statement = statement.where(Task.assignee_id == wanted.assignee_id)
    return statement
