"""Reading messages and their wordings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from engage.kernel import leases
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.paging import SIZE, Keyset, Page
from engage.notifications import rules
from engage.notifications.models import Delivery, Wording

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


def wording(session: Session, account_id: int, kind: str) -> Wording | None:
    """Give how an account words a kind of message, if it does."""
    return session.scalar(sa.select(Wording).where(Wording.account_id == account_id, Wording.kind == kind))


def wordings(session: Session) -> Mapping[tuple[int, str], Wording]:
    """Give all wordings of the tenant, by account and kind."""
    return {(row.account_id, row.kind): row for row in session.scalars(sa.select(Wording))}
