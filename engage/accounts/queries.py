"""Reading official accounts and the journal."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from engage.accounts.models import OfficialAccount, Push
from engage.kernel.db import Session
from engage.kernel.errors import NotFound


def account(session: Session, account_id: int) -> OfficialAccount:
    """Give one account of the tenant.

    Raises:
        NotFound: there is none with this id.
    """
    found = session.get(OfficialAccount, (session.tenant_id, account_id))
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


def by_slug(session: Session, slug: str) -> OfficialAccount:
    """Give the account whose patient pages stand at `/p/<slug>`.

    Raises:
        NotFound: the tenant has none.
    """
    found = session.scalar(sa.select(OfficialAccount).where(OfficialAccount.slug == slug))
    if found is None:
        raise NotFound(account=slug)
    return found


def unhandled_receipts(session: Session, *, after: int, limit: int) -> Sequence[Push]:
    """Lock the oldest receipts past an id that no worker has taken up, leaving those others hold."""
    return session.scalars(
        sa.select(Push)
        .where(Push.handled_at.is_(None), Push.id > after)
        .order_by(Push.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def journalled(session: Session, account_id: int, push_key: str) -> Push | None:
    """Give the journal's row of a push, if it came before."""
    return session.scalar(sa.select(Push).where(Push.account_id == account_id, Push.push_key == push_key))
