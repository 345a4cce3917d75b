"""What can be done with tasks: opened, taken, put off, finished, called off."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel.db import Session
from engage.kernel.errors import N_, Invalid
from engage.tasks import queries, rules
from engage.tasks.errors import OutcomeNeeded, TaskOver
from engage.tasks.models import Script, Task


@dataclass(frozen=True, slots=True)
class NewTask:
    """What is to be done, about what as it was at which version, at which store, and from when on."""

    kind: str
    subject_kind: str
    subject_id: int
    subject_version: int
    store_id: int
    due_at: dt.datetime
    patient_id: int | None = None


def open_(session: Session, wish: NewTask, *, now: dt.datetime) -> int | None:
    """Open a task, once per kind, subject and version; gives its id, None if it was there before.

    Flushes, never commits. Safe to repeat: one that is over stays over.
    """
    row = insert(Task).values(
        kind=wish.kind,
        subject_kind=wish.subject_kind,
        subject_id=wish.subject_id,
        subject_version=wish.subject_version,
        store_id=wish.store_id,
        patient_id=wish.patient_id,
        due_at=wish.due_at,
        note="",
        opened_at=now,
    )
    return session.scalar(row.on_conflict_do_nothing().returning(Task.id))


def take(session: Session, task_id: int, *, by: Actor, now: dt.datetime) -> bool:
    """Say that somebody is at it, so that others choose another; False if somebody else was faster.

    Who took it long ago and did not finish has let it go. Taking it again renews it.
    """
    free = sa.or_(
        Task.assignee_id.is_(None), Task.assignee_id == by.id, Task.assigned_at <= now - rules.TAKEN_FOR
    )
    taken = session.scalar(
        sa.update(Task)
        .where(Task.id == task_id, Task.state == "open", free)
        .values(assignee_id=by.id, assigned_at=now)
        .returning(Task.id)
        .execution_options(synchronize_session=False)
    )
    return taken is not None


def put_off(session: Session, task_id: int, *, by: Actor, now: dt.datetime) -> Task:
    """Nobody answered: let the task come back a little later.

    Raises:
        NotFound: there is no such task.
        TaskOver: it is over, or is put off already.
    """
    row = queries.locked(session, task_id)
    if row.state != "open" or row.due_at > now:
        raise TaskOver
    row.due_at, row.attempts = now + rules.AGAIN_AFTER, row.attempts + 1
    row.assignee_id = row.assigned_at = None
    row.version += 1
    session.flush()
    audit.record(session, "task.put_off", by=by, subject=("task", row.id), now=now)
    return row


def finish(
    session: Session, task_id: int, outcome: str, note: str = "", *, by: Actor, now: dt.datetime
) -> Task:
    """Write down what came of a task; of two at once the first is kept, the second is told.

    Flushes, never commits. `now` is aware UTC.

    Raises:
        NotFound: there is no such task.
        TaskOver: it is over.
        OutcomeNeeded: this cannot come of it, or needs words.
    """
    row = queries.locked(session, task_id)
    told = rules.KINDS[row.kind].outcomes.get(outcome)
    if told is None or (told.needs_note and not note):
        raise OutcomeNeeded
    if row.state != "open":
        raise TaskOver
    _end(row, "done", by=by, now=now)
    row.outcome, row.note = outcome, note
    session.flush()
    audit.record(session, "task.finished", by=by, subject=("task", row.id), now=now)
    return row


def finish_for(
    session: Session, subject: tuple[str, int], outcome: str, *, by: Actor, now: dt.datetime
) -> None:
    """End the open tasks of a subject whose kinds know this outcome, since it came about by a deed."""
    kinds = [name for name, kind in rules.KINDS.items() if outcome in kind.outcomes]
    staff_id = by.id if by.kind == "staff" else None
    _close(session, subject, kinds, now=now, state="done", outcome=outcome, done_by=staff_id)


def void(
    session: Session, subject: tuple[str, int], kinds: Collection[str] = (), *, now: dt.datetime
) -> None:
    """Call off the open tasks of a subject, of some kinds or of all: there is nothing to do any more."""
    _close(session, subject, kinds, now=now, state="void")


def set_script(session: Session, kind: str, text: str, *, by: Actor, now: dt.datetime) -> None:
    """Say what is said in calls of a kind; an empty text goes back to the table's own.

    Raises:
        Invalid: there is no such call, the text is too long, or holds what nobody can fill in.
    """
    if kind not in rules.CALLS:
        raise Invalid({kind: [N_("This call is unknown.")]})
    if len(text) > rules.SCRIPT_MAX:
        raise Invalid({kind: [N_("At most 600 characters.")]})
    if rules.unknown_placeholders(text):
        raise Invalid({kind: [N_("Only the words listed below may stand in braces.")]})
    if text:
        row = insert(Script).values(kind=kind, text=text, updated_at=now)
        session.execute(
            row.on_conflict_do_update(
                index_elements=["tenant_id", "kind"], set_={"text": text, "updated_at": now}
            )
        )
    else:
        session.execute(sa.delete(Script).where(Script.kind == kind))
    audit.record(session, "task.script_changed", by=by, subject=("tenant", session.tenant_id), now=now)


def _end(row: Task, state: str, *, by: Actor, now: dt.datetime) -> None:
    row.state, row.done_at, row.version = state, now, row.version + 1
    row.done_by = by.id if by.kind == "staff" else None


def _close(
    session: Session,
    subject: tuple[str, int],
    kinds: Collection[str],
    *,
    now: dt.datetime,
    **values: str | int | None,
) -> None:
    statement = sa.update(Task).where(
        Task.subject_kind == subject[0], Task.subject_id == subject[1], Task.state == "open"
    )
    if kinds:
        statement = statement.where(Task.kind.in_(kinds))
    session.execute(
        statement.values(done_at=now, version=Task.version + 1, **values).execution_options(
            synchronize_session=False
        )
    )
