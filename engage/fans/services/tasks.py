"""Work on all fans who match: asked for by a person, done by a worker in chunks, each a transaction.

Fans have their turn in the order of their ids, so that who changes by it is not met again, and a
worker that dies leaves the next where the last chunk ended.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from engage.audit import services as audit
from engage.audit.services import SYSTEM, Actor
from engage.fans import queries, rules
from engage.fans.models import Fan, FanTag, FanTask
from engage.fans.rules import QUEUE
from engage.fans.services.giving import give
from engage.kernel import due, leases
from engage.kernel.db import Session
from engage.kernel.leases import Attempt, Claim

# A chunk ends well within a second, so that nobody who changes one of its fans waits for long.
CHUNK: Final = 2000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person wants done to all who match: see `FanTask`. `key` makes of two presses one."""

    kind: str
    data: Mapping[str, Any]
    filter: Mapping[str, Any]
    scope: Mapping[str, Any]
    key: uuid.UUID


@dataclass(frozen=True, slots=True)
class Todo:
    """A task that a worker has taken on."""

    id: int
    kind: str
    data: Mapping[str, Any]
    filter: Mapping[str, Any]
    scope: Mapping[str, Any]
    made_by: int | None


def ask(session: Session, asked: Asked, *, by: Actor, now: dt.datetime) -> int:
    """Let a worker do something to all who match; gives the task's id. The same key is one task."""
    made: int | None = session.scalar(
        insert(FanTask)
        .values(
            queue=QUEUE,
            available_at=now,
            key=asked.key,
            kind=asked.kind,
            data=dict(asked.data),
            filter=dict(asked.filter),
            scope=dict(asked.scope),
            state="waiting",
            reached=0,
            done=0,
            made_by=by.id if by.kind == "staff" else None,
            made_at=now,
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "key"])
        .returning(FanTask.id)
    )
    if made is None:
        return session.scalars(sa.select(FanTask.id).where(FanTask.key == asked.key)).one()
    due.mark(session, QUEUE, at=now)
    audit.record(session, f"fans.{asked.kind}", by=by, subject=("fan_task", made), now=now)
    return made


def take_away(session: Session, tag_id: int, *, by: Actor, now: dt.datetime) -> None:
    """Let a worker take a deleted tag from all who have it."""
    asked = Asked("untag_all", {"tag_ids": [tag_id]}, {}, {}, uuid.uuid4())
    ask(session, asked, by=by, now=now)


def claim(session: Session, *, now: dt.datetime) -> Claim:
    """Take the oldest task; see `leases.claim`."""
    return leases.claim(session, FanTask, QUEUE, now=now, batch=1)


def begin(session: Session, claimed: Claim, *, now: dt.datetime) -> Todo | None:
    """Give what a claimed task is about; None where it has ended too many workers, or another's it is.

    An export begins anew each time, for its file is only there once it is whole.
    """
    task = _held(session, claimed)
    if task is None:
        return None
    if task.attempts > leases.ATTEMPTS:
        _fail(task, now=now)
        return None
    task.state = "running"
    if task.kind == "export":
        task.reached = task.done = 0
    _prolong(task, now)
    return Todo(task.id, task.kind, task.data, task.filter, task.scope, task.made_by)


def note_total(session: Session, claimed: Claim, total: int, *, now: dt.datetime) -> None:
    """Keep how many a task is about, as it was when it began."""
    task = _held(session, claimed)
    if task is not None:
        task.total = total
        _prolong(task, now)


def step(session: Session, claimed: Claim, among: sa.Select[int, int] | None, *, now: dt.datetime) -> bool:
    """Do the next chunk of a task, of a statement on fans; False once there is nothing more to do.

    A chunk that fails leaves the task as it was, to be tried again later.
    """
    task = _held(session, claimed)
    if task is None:
        return False
    attempt = Attempt(session, task, now=now)
    with attempt:
        turn = _turn(session, task, among)
        _do(session, task, turn, now=now)
        _advance(task, turn, now=now)
        session.flush()
    if not attempt.succeeded:
        _note_failure(task, now=now)
        return False
    if turn:
        return True
    _finish(session, task, now=now)
    return False


def advance(session: Session, claimed: Claim, turn: Sequence[int], *, now: dt.datetime) -> bool:
    """Note that these fans had their turn; False if the task is another worker's by now."""
    task = _held(session, claimed)
    if task is not None:
        _advance(task, turn, now=now)
    return task is not None


def finish_export(session: Session, claimed: Claim, file: str, *, now: dt.datetime) -> bool:
    """Keep the file of an export, which can be fetched for a day; False if it is nobody's."""
    task = _held(session, claimed)
    if task is not None:
        task.file, task.expires_at = file, now + rules.FILE_LIFE
        due.mark(session, QUEUE, at=task.expires_at)
        _finish(session, task, now=now)
    return task is not None or bool(session.scalar(sa.select(sa.exists().where(FanTask.file == file))))


def withdraw_exports(session: Session, *, now: dt.datetime) -> Sequence[str]:
    """Take back every export, since somebody who may stand in it is erased; gives the keys of the files.

    One that is being written begins anew: what its worker has read already is not kept.
    """
    exports = sa.select(FanTask).where(
        FanTask.kind == "export", FanTask.file.is_not(None) | FanTask.lease.is_not(None)
    )
    keys = []
    for task in session.scalars(exports.order_by(FanTask.id).with_for_update()):
        if task.file is None:
            leases.defer(task, now)
            due.mark(session, QUEUE, at=now)
        else:
            keys.append(task.file)
            task.file = task.expires_at = None
    return keys


def note_fetched(session: Session, task: FanTask, *, by: Actor, now: dt.datetime) -> None:
    """Keep who took the file of an export."""
    audit.record(session, "fans.export_fetched", by=by, subject=("fan_task", task.id), now=now)


def release(session: Session, claimed: Claim, *, now: dt.datetime) -> None:
    """Give a task back that takes longer than a worker's turn; the attempt does not count."""
    task = _held(session, claimed)
    if task is not None:
        leases.defer(task, now)


def forget_files(session: Session, *, now: dt.datetime) -> Sequence[str]:
    """Let go of files whose time is over; gives the keys of those that no other export has."""
    gone = session.scalars(
        sa.select(FanTask).where(FanTask.file.is_not(None), FanTask.expires_at <= now).with_for_update()
    ).all()
    keys = {task.file for task in gone if task.file is not None}
    for task in gone:
        task.file = task.expires_at = None
    session.flush()
    kept = set(session.scalars(sa.select(FanTask.file).where(FanTask.file.in_(keys))))
    return sorted(keys - kept)


def next_at(session: Session) -> dt.datetime | None:
    """Give when a worker has to look again: a task, or a file whose time is over."""
    first = leases.next_at(session, FanTask, QUEUE)
    expires = session.scalar(sa.select(sa.func.min(FanTask.expires_at)).where(FanTask.file.is_not(None)))
    return min((at for at in (first, expires) if at is not None), default=None)


def _held(session: Session, claimed: Claim) -> FanTask | None:
    return next(iter(leases.held(session, FanTask, claimed)), None)


def _advance(task: FanTask, turn: Sequence[int], *, now: dt.datetime) -> None:
    if turn:
        task.reached = turn[-1]
        task.done += len(turn)
    _prolong(task, now)


def _finish(session: Session, task: FanTask, *, now: dt.datetime) -> None:
    leases.settle(task)
    task.state, task.ended_at = "finished", now
    audit.record(session, "fans.task_finished", by=SYSTEM, subject=("fan_task", task.id), now=now)


def _note_failure(task: FanTask, *, now: dt.datetime) -> None:
    if task.available_at is None:
        task.state, task.ended_at = "failed", now


def _fail(task: FanTask, *, now: dt.datetime) -> None:
    leases.give_up(task, task.error or "each attempt ended its worker")
    _note_failure(task, now=now)


def _turn(session: Session, task: FanTask, among: sa.Select[int, int] | None) -> Sequence[int]:
    """Give whose turn it is; a deleted tag is taken from all who have it, whoever may see them."""
    if among is not None:
        return queries.ids_after(session, among, task.reached, limit=CHUNK)
    has = sa.select(FanTag.fan_id).where(FanTag.tag_id == task.data["tag_ids"][0])
    return session.scalars(has.where(FanTag.fan_id > task.reached).order_by(FanTag.fan_id).limit(CHUNK)).all()


def _do(session: Session, task: FanTask, turn: Sequence[int], *, now: dt.datetime) -> None:
    these = sa.literal(list(turn), ARRAY(sa.BigInteger))
    if task.kind == "tag":
        give(session, task.data["tag_ids"], turn, how="hand", now=now)
    elif task.kind in {"untag", "untag_all"}:
        gone = sa.delete(FanTag).where(
            FanTag.tag_id.in_(task.data["tag_ids"]), FanTag.fan_id == sa.any_(these)
        )
        session.execute(gone.execution_options(synchronize_session=False))
    else:
        queries.lock_all(session, turn)
        column = {"store": Fan.store_id, "consultant": Fan.consultant_id}[task.kind]
        changed = (
            sa.update(Fan)
            .where(Fan.id == sa.any_(these), column.is_distinct_from(task.data["id"]))
            .values({column: task.data["id"]})
        )
        session.execute(changed.execution_options(synchronize_session=False))


def _prolong(task: FanTask, now: dt.datetime) -> None:
    task.available_at = now + leases.LEASE
