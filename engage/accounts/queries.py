"""Reading official accounts and the journal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import orm

from engage.accounts.models import OfficialAccount, Push
from engage.accounts.rules import PUSHES
from engage.kernel import leases
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.leases import Backlog
from engage.kernel.paging import SIZE, Keyset, Page

NEWEST = Keyset((Push.id,), descending=True)

# As `rules.push_state` says of one row.
STATES = {
    "done": Push.available_at.is_(None) & Push.error.is_(None),
    "waiting": Push.available_at.is_not(None),
    "failed": Push.available_at.is_(None) & Push.error.is_not(None),
}


def account(session: Session, account_id: int, *, for_update: bool = False) -> OfficialAccount:
    """Give one account of the tenant, locked if asked.

    Raises:
        NotFound: there is none with this id.
    """
    # Each push holds the account's key; a change of its other columns leaves that alone.
    lock = {"key_share": True} if for_update else None
    found = session.get(OfficialAccount, (session.tenant_id, account_id), with_for_update=lock)
    if found is None:
        raise NotFound(account=account_id)
    return found


def by_app_id(session: Session, app_id: str) -> OfficialAccount:
    """Give the account with an app id.

    Raises:
        NotFound: the tenant has none.
    """
    found = session.scalar(sa.select(OfficialAccount).where(OfficialAccount.app_id == app_id))
    if found is None:
        raise NotFound(app_id=app_id)
    return found


def addressed() -> sa.Subquery:
    """Give accounts by the address of their pages, as part of a statement that is built once."""
    table = cast("sa.Table", OfficialAccount.__table__)
    return sa.select(table.c.tenant_id, table.c.id, table.c.slug).subquery("account")


def by_slug(session: Session, slug: str) -> OfficialAccount:
    """Give the account whose patient pages stand at `/p/<slug>`.

    Raises:
        NotFound: the tenant has none.
    """
    found = session.scalar(sa.select(OfficialAccount).where(OfficialAccount.slug == slug))
    if found is None:
        raise NotFound(account=slug)
    return found


def accounts(session: Session) -> Sequence[OfficialAccount]:
    """Give all accounts of the tenant, in the order in which they were connected."""
    return session.scalars(sa.select(OfficialAccount).order_by(OfficialAccount.id)).all()


def is_connected(session: Session, *, app_id: str = "", slug: str = "") -> bool:
    """Whether the tenant has an account with this app id or address."""
    known = {"app_id": app_id} if app_id else {"slug": slug}
    return session.scalar(sa.select(OfficialAccount.id).filter_by(**known).limit(1)) is not None


def last_received(session: Session) -> Mapping[int, dt.datetime]:
    """Give when each account of the tenant was last pushed to; accounts that never were are left out."""
    newest: sa.ScalarSelect[Any] = (
        sa.select(Push.received_at)
        .where(Push.tenant_id == OfficialAccount.tenant_id, Push.account_id == OfficialAccount.id)
        .order_by(Push.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = session.execute(sa.select(OfficialAccount.id, newest)).all()
    return {account_id: received_at for account_id, received_at in rows if received_at is not None}


def journal(
    session: Session, *, account_id: int | None, kind: str, state: str, cursor: str | None
) -> Page[Push]:
    """Give a page of the journal without bodies, newest first; None and "" filter nothing."""
    statement = sa.select(Push).options(orm.defer(Push.body), orm.defer(Push.reply))
    if account_id is not None:
        statement = statement.where(Push.account_id == account_id)
    if kind:
        statement = statement.where(Push.kind == kind)
    if state:
        statement = statement.where(STATES[state])
    return NEWEST.page(session.scalars(NEWEST.statement(statement, cursor, SIZE)).all(), SIZE)


def kinds(session: Session) -> Sequence[str]:
    """Give the kinds of pushes that ever came, by skipping from one to the next in the index."""
    first = sa.select(sa.func.min(Push.kind).label("kind")).cte("kinds", recursive=True)
    following = sa.select(sa.func.min(Push.kind)).where(Push.kind > first.c.kind).scalar_subquery()
    found = first.union_all(sa.select(following).where(first.c.kind.is_not(None)))
    return session.scalars(sa.select(found.c.kind).where(found.c.kind.is_not(None))).all()


def push(session: Session, push_id: int, *, for_update: bool = False) -> Push:
    """Give one row of the journal, locked if asked.

    Raises:
        NotFound: there is none with this id.
    """
    found = session.get(Push, (session.tenant_id, push_id), with_for_update=for_update)
    if found is None:
        raise NotFound(push=push_id)
    return found


def earlier(session: Session, account_id: int, *, push_key: str, stamp: str) -> Sequence[Push]:
    """Give the rows with the key or the stamp of a push."""
    return session.scalars(
        sa.select(Push).where(
            Push.account_id == account_id, sa.or_(Push.push_key == push_key, Push.stamp == stamp)
        )
    ).all()


def backlog(session: Session) -> Backlog:
    """Give how many pushes a worker has still to take up, and how many it gave up."""
    failed = session.scalar(
        sa.select(sa.func.count(Push.id)).where(Push.error.is_not(None), Push.available_at.is_(None))
    )
    return Backlog(PUSHES, *leases.waiting(session, Push, PUSHES), failed or 0)
