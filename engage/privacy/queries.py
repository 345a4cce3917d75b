"""Reading notices, consent, what was asked for, and charts that may be one person's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from engage.fans import queries as fans
from engage.kernel import leases
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.leases import Backlog
from engage.kernel.paging import Keyset, Page
from engage.kernel.people import Who
from engage.patients import persons
from engage.privacy import rules
from engage.privacy.models import Consent, DuplicatePair, Notice, PrivacyRequest, PrivacyTask

PAIRS: Final = Keyset(
    (DuplicatePair.found_at, DuplicatePair.first_id, DuplicatePair.second_id), descending=True
)
REQUESTS: Final = Keyset((PrivacyRequest.id,), descending=True)
PAGE: Final = 20
TASKS_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Standing:
    """How a fan stands: what they agreed to, whether they are written to, the notice as it is now."""

    notice: Notice | None
    consent: Consent | None
    requests: Mapping[str, PrivacyRequest]

    @property
    def is_asked(self) -> bool:
        """Whether consent is to be asked for: there is a notice, and no consent to this wording stands."""
        if self.notice is None:
            return False
        return self.consent is None or self.consent.notice_version < self.notice.version


def notice(session: Session) -> Notice | None:
    """Give the privacy notice as it is now, if one was written."""
    return session.scalar(sa.select(Notice).order_by(Notice.version.desc()).limit(1))


def consent(session: Session, fan_id: int) -> Consent | None:
    """Give the consent of a fan that stands, if any."""
    return session.scalar(sa.select(Consent).where(Consent.fan_id == fan_id, Consent.withdrawn_at.is_(None)))


def standing(session: Session, fan_id: int) -> Standing:
    """Give how a fan stands; `requests` are the latest of each kind."""
    latest: dict[str, PrivacyRequest] = {}
    for row in session.scalars(
        sa.select(PrivacyRequest)
        .where(PrivacyRequest.fan_id == fan_id)
        .order_by(PrivacyRequest.id.desc())
        .limit(PAGE)
    ):
        latest.setdefault(row.kind, row)
    return Standing(notice(session), consent(session, fan_id), latest)


def who(session: Session, patient_id: int) -> Who:
    """Give a person as rows name one: the chart, those merged into it, and the fans who are the person.

    Fans who speak for others too, or did, are those others' as well: what is theirs stays with them.
    """
    charts = persons.with_merged(session, patient_id)
    speaking = persons.spoken_for(session, charts)
    own = rules.own_fans(speaking, charts)
    return Who(charts, own, fans.accounts_and_openids(session, own))


def pairs(session: Session, cursor: str | None) -> Page[DuplicatePair]:
    """Give a page of charts that may be one person's, those found last first."""
    found = sa.select(DuplicatePair).where(DuplicatePair.dismissed_at.is_(None))
    return PAIRS.page(session.scalars(PAIRS.statement(found, cursor, PAGE)).all(), PAGE)


def twins_of(session: Session, patient_id: int) -> Sequence[DuplicatePair]:
    """Give the pairs of one chart that nobody has dismissed."""
    pair = DuplicatePair
    return session.scalars(
        sa.select(pair)
        .where((pair.first_id == patient_id) | (pair.second_id == patient_id), pair.dismissed_at.is_(None))
        .order_by(pair.first_id, pair.second_id)
        .limit(rules.TWINS_AT_MOST)
    ).all()


def requests(session: Session, *, state: str, cursor: str | None) -> Page[PrivacyRequest]:
    """Give a page of what fans asked for, the latest first."""
    found = sa.select(PrivacyRequest).where(PrivacyRequest.state == state)
    return REQUESTS.page(session.scalars(REQUESTS.statement(found, cursor, PAGE)).all(), PAGE)


def tasks_of(session: Session, patient_id: int) -> Sequence[PrivacyTask]:
    """Give the last copies and erasures of a person, the latest first."""
    return session.scalars(
        sa.select(PrivacyTask)
        .where(PrivacyTask.patient_id == patient_id)
        .order_by(PrivacyTask.id.desc())
        .limit(TASKS_SHOWN)
    ).all()


def copy_of(session: Session, patient_id: int, task_id: int, *, now: dt.datetime) -> PrivacyTask | None:
    """Give the task whose copy of a person can still be fetched, if it can.

    Raises:
        NotFound: there is no such task of this person.
    """
    task = session.get(PrivacyTask, (session.tenant_id, task_id))
    if task is None or task.patient_id != patient_id or task.kind != "export":
        raise NotFound(task=task_id)
    if task.file is None or task.done_at is None or rules.copy_expired(task.done_at, now):
        return None
    return task


def backlog(session: Session) -> Backlog:
    """Give how the queue of copies and erasures stands."""
    failed = session.scalar(
        sa.select(sa.func.count()).select_from(PrivacyTask).where(PrivacyTask.state == "failed")
    )
    return Backlog(rules.QUEUE, *leases.waiting(session, PrivacyTask, rules.QUEUE), failed or 0)
