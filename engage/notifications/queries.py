"""Reading messages and their wordings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from engage.kernel import leases
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.paging import SIZE, Keyset, Page
from engage.notifications import rules
from engage.notifications.models import Batch, Bundle, Delivery, Wording

# What a message failed of, without the number that WeChat gives each of its refusals.
_plain_reason = sa.func.split_part(Delivery.reason, sa.literal_column("' rid:'"), sa.literal_column("1"))

NEWEST = Keyset((Delivery.created_at, Delivery.id), descending=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages history shows; what is None or empty filters nothing. `until` is not included."""

    patient_id: int | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    kind: str = ""
    state: str = ""


def counts_by_state(session: Session) -> Mapping[str, int]:
    """Give how many messages are in each state."""
    counted = session.execute(sa.select(Delivery.state, sa.func.count()).group_by(Delivery.state))
    return {row[0]: row[1] for row in counted}


def waiting(session: Session, queue: str) -> tuple[int, dt.datetime | None]:
    """Give how many messages of the queue are not sent yet, and when the oldest was due."""
    return leases.waiting(session, Delivery, queue)


def delivery(session: Session, delivery_id: int, *, for_update: bool = False) -> Delivery:
    """Give one message, locked if asked.

    Raises:
        NotFound: there is none with this id.
    """
    found = session.get(Delivery, (session.tenant_id, delivery_id), with_for_update=for_update or None)
    if found is None:
        raise NotFound(message=delivery_id)
    return found


@dataclass(frozen=True, slots=True)
class Read:
    """A message as the patient read it; old ones are known by what was sent alone."""

    title: str
    text: str | None
    fields: Mapping[str, Any]


def as_read(session: Session, row: Delivery) -> Read:
    """Give what a message says: its own words, or those of its batch."""
    worded = row if row.batch_id is None else session.get_one(Batch, (session.tenant_id, row.batch_id))
    return Read(worded.title, worded.text, worded.fields)


def history(session: Session, wanted: Wanted, *, cursor: str | None) -> Page[Delivery]:
    """Give a page of messages, newest first."""
    statement = sa.select(Delivery)
    if wanted.patient_id is not None:
        statement = statement.where(Delivery.patient_id == wanted.patient_id)
    if wanted.since is not None:
        statement = statement.where(Delivery.created_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(Delivery.created_at < wanted.until)
    if wanted.kind:
        statement = statement.where(Delivery.kind == wanted.kind)
    if wanted.state:
        statement = statement.where(Delivery.state == wanted.state)
    if wanted.state in rules.UNDER_WAY:
        statement = statement.where(Delivery.available_at.is_not(None))  # what the queue's index holds
    return NEWEST.page(session.scalars(NEWEST.statement(statement, cursor, SIZE)).all(), SIZE)


def progress(session: Session, kind: str, subject_id: int) -> Mapping[str, int]:
    """Give how many messages about a thing are in each state; those a worker has out are `sending`."""
    is_out = Bundle.out_since.is_not(None) & (Delivery.id <= Bundle.out_last)
    state = sa.case(((Delivery.state == "pending") & is_out, "sending"), else_=Delivery.state)
    counted = session.execute(
        sa.select(state, sa.func.count())
        .select_from(Delivery)
        .outerjoin(
            Bundle,
            (Bundle.tenant_id == Delivery.tenant_id)
            & (Bundle.id == Delivery.bundle_id)
            & Delivery.available_at.is_not(None),
        )
        .where(Delivery.kind == kind, Delivery.subject_id == subject_id)
        .group_by(state)
    )
    return {row[0]: row[1] for row in counted}


def reasons(session: Session, kind: str, subject_id: int) -> Mapping[tuple[str, str], int]:
    """Give how many messages about a thing did not go well, by state and reason.

    WeChat's refusals are told apart by their words, not by the number each carries (`rid`).
    """
    counted = session.execute(
        sa.select(Delivery.state, _plain_reason, sa.func.count())
        .where(
            Delivery.kind == kind,
            Delivery.subject_id == subject_id,
            Delivery.state.in_(("failed", "unknown", "skipped")),
        )
        .group_by(Delivery.state, _plain_reason)
    )
    return {(row[0], row[1] or ""): row[2] for row in counted}


def told(
    session: Session, kind: str, subject_id: int, fan_ids: Sequence[int]
) -> Mapping[int, tuple[str, str | None]]:
    """Give state and reason of the messages about a thing to some fans, by fan."""
    found = session.execute(
        sa.select(Delivery.fan_id, Delivery.state, Delivery.reason).where(
            Delivery.kind == kind, Delivery.subject_id == subject_id, Delivery.fan_id.in_(fan_ids)
        )
    )
    return {row.fan_id: (row.state, row.reason) for row in found}


def whom(kind: str, subject_id: int, states: Collection[str], reason: str = "") -> sa.Select[int]:
    """Build the statement that gives the fans whose message about a thing is in a state, for a reason."""
    found = sa.select(Delivery.fan_id).where(
        Delivery.kind == kind, Delivery.subject_id == subject_id, Delivery.state.in_(states)
    )
    return found.where(_plain_reason == reason) if reason else found


def under_way(session: Session, batch_ids: Sequence[int]) -> bool:
    """Whether any message of these batches has still to be sent."""
    waits = sa.exists().where(Bundle.batch_id.in_(batch_ids), Bundle.available_at.is_not(None))
    return bool(session.scalar(sa.select(waits)))


def wording(session: Session, account_id: int, kind: str) -> Wording | None:
    """Give how an account words a kind of message, if it does."""
    return session.scalar(sa.select(Wording).where(Wording.account_id == account_id, Wording.kind == kind))


def wordings(session: Session) -> Mapping[tuple[int, str], Wording]:
    """Give all wordings of the tenant, by account and kind."""
    return {(row.account_id, row.kind): row for row in session.scalars(sa.select(Wording))}


def templates_in_use(session: Session, account_id: int) -> Mapping[str, str]:
    """Give the template of each kind of message that the account has switched on."""
    rows = sa.select(Wording.kind, Wording.template_id).where(
        Wording.account_id == account_id, Wording.enabled, Wording.template_id != ""
    )
    return {row.kind: row.template_id for row in session.execute(rows.order_by(Wording.kind))}
