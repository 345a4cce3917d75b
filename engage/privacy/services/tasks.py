"""Copies, erasures and files to remove: asked for by staff, done by a worker (PT-8)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.booking import queries as booking
from engage.kernel import due, leases, people
from engage.kernel.db import Session
from engage.kernel.leases import Claim
from engage.patients import queries as patients
from engage.patients.errors import ChartErased, ChartMoved
from engage.privacy import queries, rules
from engage.privacy.errors import AppointmentsLeft, WrongNumber
from engage.privacy.holders import HOLDERS, everything
from engage.privacy.models import PrivacyTask
from engage.privacy.rules import QUEUE
from engage.privacy.services.requests import fulfil


@dataclass(frozen=True, slots=True)
class Errand:
    """A task that a worker has, free of the session."""

    id: int
    lease: uuid.UUID
    kind: str
    patient_id: int | None
    language: str


def ask_copy(session: Session, patient_id: int, *, language: str, by: Actor, now: dt.datetime) -> None:
    """Have a copy made of all that is held on a person; while one is being made, it is that one.

    Raises:
        NotFound: there is no such chart.
        ChartMoved: it was merged into another.
        ChartErased: it was erased.
    """
    _fit(session, patient_id)
    if _add(session, "export", patient_id=patient_id, language=language, by=by, now=now):
        audit.record(session, "patient.copied", by=by, subject=("patient", patient_id), now=now)
        fulfil(session, queries.who(session, patient_id).fan_ids, "export", by=by, now=now)


def ask_erasure(session: Session, patient_id: int, *, typed: str, by: Actor, now: dt.datetime) -> None:
    """Have a person erased; it cannot be undone. A repeat changes nothing.

    `typed` is the chart's number as somebody typed it, so that it is this person and no other.

    Raises:
        NotFound: there is no such chart.
        ChartMoved: it was merged into another.
        ChartErased: it was erased.
        WrongNumber: the number is another's.
        AppointmentsLeft: visits are to come; they are cancelled first.
    """
    number = _fit(session, patient_id)
    if typed.strip() != str(number):
        raise WrongNumber
    if booking.standing_of(session, [patient_id]):
        raise AppointmentsLeft
    if _add(session, "erase", patient_id=patient_id, language="", by=by, now=now):
        audit.record(session, "patient.erasure_asked", by=by, subject=("patient", patient_id), now=now)
        fulfil(session, queries.who(session, patient_id).fan_ids, "erase", by=by, now=now)


def forget_files(session: Session, keys: Collection[str], *, now: dt.datetime) -> None:
    """Have files removed that no row names any more; others stay."""
    if keys:
        _add(session, "files", files=sorted(set(keys)), now=now)


def claim(session: Session, *, now: dt.datetime) -> Sequence[Errand]:
    """Take due tasks, one at a time; commit before working on them.

    One that has ended its worker each time waits for a person.
    """
    claimed = leases.claim(session, PrivacyTask, QUEUE, now=now, batch=1)
    errands = []
    for task in leases.held(session, PrivacyTask, claimed):
        if task.attempts > leases.ATTEMPTS:
            leases.give_up(task, "each attempt ended its worker")
            task.state = "failed"
        else:
            errands.append(Errand(task.id, claimed.lease, task.kind, task.patient_id, task.language))
    return errands


def held(session: Session, errand: Errand) -> PrivacyTask | None:
    """Give the task of an errand, locked, if it still is this worker's."""
    return next(iter(leases.held(session, PrivacyTask, Claim(errand.lease, [errand.id]))), None)


def settle(task: PrivacyTask, *, now: dt.datetime) -> None:
    """The task is done."""
    leases.settle(task)
    task.state, task.done_at, task.progress = "done", now, task.steps


def refuse(task: PrivacyTask, why: str, *, now: dt.datetime) -> None:
    """The task cannot be done any more; `why` is the code of what stands in its way."""
    leases.give_up(task, why)
    task.state, task.done_at = "failed", now


def note_failure(task: PrivacyTask) -> None:
    """Say that nobody tries any more, once that is so."""
    if task.available_at is None and task.state == "waiting":
        task.state = "failed"


def unused(session: Session, keys: Collection[str]) -> Sequence[str]:
    """Give those of some files that no row names: the same bytes may be another's too."""
    used = [people.files_in_use(session, holder, keys) for holder in HOLDERS]
    return sorted(set(keys).difference(*used))


def expire(session: Session, *, now: dt.datetime) -> None:
    """Let go of copies that can no longer be fetched; their files go."""
    over = session.scalars(
        sa.select(PrivacyTask)
        .where(_HAS_COPY, PrivacyTask.done_at <= now - rules.COPY_LIFE)
        .order_by(PrivacyTask.id)
        .with_for_update(skip_locked=True)
    ).all()
    keys = [task.file for task in over if task.file]
    for task in over:
        task.file = None
    session.flush()
    forget_files(session, keys, now=now)


def next_at(session: Session) -> dt.datetime | None:
    """Give when the next task is due, or the next copy is over."""
    first = session.scalar(sa.select(sa.func.min(PrivacyTask.done_at)).where(_HAS_COPY))
    times = [leases.next_at(session, PrivacyTask, QUEUE), first + rules.COPY_LIFE if first else None]
    return min((at for at in times if at is not None), default=None)


_HAS_COPY = PrivacyTask.file.is_not(None) & (PrivacyTask.state == "done")


def _fit(session: Session, patient_id: int) -> int:
    chart = patients.patient(session, patient_id)
    if chart.merged_into_id is not None:
        raise ChartMoved(number=patients.patient(session, chart.merged_into_id).number)
    if chart.erased_at is not None:
        raise ChartErased
    return chart.number


def _add(
    session: Session,
    kind: str,
    *,
    now: dt.datetime,
    patient_id: int | None = None,
    language: str = "",
    files: Sequence[str] = (),
    by: Actor | None = None,
) -> bool:
    """Write a task down; False if the same waits already."""
    made = session.scalar(
        insert(PrivacyTask)
        .values(
            queue=QUEUE,
            kind=kind,
            state="waiting",
            patient_id=patient_id,
            asked_by=by.id if by else None,
            language=language,
            progress=0,
            steps=sum(1 for _ in everything()) if patient_id else 1,
            files=list(files),
            asked_at=now,
            available_at=now,
        )
        .on_conflict_do_nothing()
        .returning(PrivacyTask.id)
    )
    if made is not None:
        due.mark(session, QUEUE, at=now)
    return made is not None
