"""Work on all fans who match: tags, stores, consultants, exports; a task at a time, chunk after chunk."""

from __future__ import annotations

import time
from typing import Final

import sqlalchemy as sa
from flask import current_app

from engage.audiences import filters
from engage.audiences import queries as audiences
from engage.fans.rules import QUEUE
from engage.fans.services import tasks
from engage.fans.services.tasks import Todo
from engage.kernel import clock, due
from engage.kernel.db import unit_of_work
from engage.kernel.leases import Claim
from engage.tenancy.rules import StoreScope
from workers import fan_exports

# After that other tenants and queues have their turn; the ring at the end calls a worker again.
TURN_SECONDS: Final = 20.0

# Counting a million takes a moment.
COUNTING_MS: Final = 60_000


def drain() -> None:
    """Work on the tenant's tasks until none is left or the turn is over, and delete files of old exports."""
    until = time.monotonic() + TURN_SECONDS
    with unit_of_work() as session:
        marks = due.seen(session, QUEUE, now=clock.now())
    while time.monotonic() < until and _work(until):
        pass
    with unit_of_work() as session:
        forgotten = tasks.forget_files(session, now=clock.now())
        tenant_id = session.tenant_id
    for file in forgotten:
        current_app.extensions["files"].delete(tenant_id, file)
    with unit_of_work() as session:
        next_at = tasks.next_at(session)
        due.answered(session, QUEUE, marks, next_at=next_at)
        if next_at is not None and next_at <= clock.now():
            due.ring(session, QUEUE)


def _work(until: float) -> bool:
    """Do one task, or a part of it; False when none is due."""
    with unit_of_work() as session:
        claimed = tasks.claim(session, now=clock.now())
    if not claimed:
        return False
    with unit_of_work() as session:
        todo = tasks.begin(session, claimed, now=clock.now())
    if todo is not None:
        _count(claimed, todo)
        (_export if todo.kind == "export" else _change)(claimed, todo, until)
    return True


def _count(claimed: Claim, todo: Todo) -> None:
    with unit_of_work(statement_ms=COUNTING_MS) as session:
        among = _among(todo)
        if among is not None:
            total = session.scalars(sa.select(sa.func.count()).select_from(among.subquery())).one()
            tasks.note_total(session, claimed, total, now=clock.now())


def _change(claimed: Claim, todo: Todo, until: float) -> None:
    while _step(claimed, todo):
        if time.monotonic() > until:
            with unit_of_work() as session:
                tasks.release(session, claimed, now=clock.now())
            return


def _step(claimed: Claim, todo: Todo) -> bool:
    with unit_of_work(statement_ms=COUNTING_MS) as session:
        return tasks.step(session, claimed, _among(todo), now=clock.now())


def _export(claimed: Claim, todo: Todo, _until: float) -> None:
    """Write the whole file: half of one is of no use, and no other worker could go on with it."""
    with fan_exports.Sheet(todo.data) as sheet:
        reached = 0
        while True:
            with unit_of_work(statement_ms=COUNTING_MS) as session:
                turn = fan_exports.write(session, sheet, _among(todo), after=reached)
                if not tasks.advance(session, claimed, turn, now=clock.now()):
                    return
            if not turn:
                break
            reached = turn[-1]
        content = sheet.content()
    with unit_of_work() as session:
        file = current_app.extensions["files"].put(session.tenant_id, content)
        is_kept = tasks.finish_export(session, claimed, file, now=clock.now())
        tenant_id = session.tenant_id
    if not is_kept:
        current_app.extensions["files"].delete(tenant_id, file)


def _among(todo: Todo) -> sa.Select[int, int] | None:
    """Give whom a task is about; None for a deleted tag, which is taken from everybody."""
    if todo.kind == "untag_all":
        return None
    scope = StoreScope(todo.scope["everywhere"], frozenset(todo.scope["store_ids"]))
    return audiences.matching(filters.from_json(todo.filter), scope=scope, now=clock.now())
