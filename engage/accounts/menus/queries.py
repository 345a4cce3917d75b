"""Reading menus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from engage.accounts.menus.models import MenuDraft, MenuLive, MenuRelease
from engage.accounts.menus.rules import texts, unpacked
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.paging import SIZE, Keyset, Page

NEWEST = Keyset((MenuRelease.id,), descending=True)
# Phones show an old menu for a while, and a window left open for longer: its keys are still answered.
ANSWERED = 20


def draft(session: Session, account_id: int) -> MenuDraft | None:
    """Give the draft of an account's menu, if anybody has made one."""
    return session.get(MenuDraft, (session.tenant_id, account_id))


def live(session: Session, account_id: int) -> MenuLive | None:
    """Give what WeChat showed when it was last asked, if it ever was."""
    return session.get(MenuLive, (session.tenant_id, account_id))


def lives(session: Session) -> Mapping[int, MenuLive]:
    """Give by account what WeChat showed when it was last asked."""
    return {row.account_id: row for row in session.scalars(sa.select(MenuLive))}


def release(session: Session, account_id: int, release_id: int) -> MenuRelease:
    """Give one release of an account.

    Raises:
        NotFound: there is none with this id.
    """
    found = session.get(MenuRelease, (session.tenant_id, release_id))
    if found is None or found.account_id != account_id:
        raise NotFound(release=release_id)
    return found


def account_of(session: Session, release_id: int) -> int:
    """Give whose release this is."""
    return session.scalars(sa.select(MenuRelease.account_id).where(MenuRelease.id == release_id)).one()


def held(session: Session, release_id: int) -> MenuRelease:
    """Lock a release and give it as it is by now."""
    key = (session.tenant_id, release_id)
    return session.get_one(MenuRelease, key, with_for_update=True, populate_existing=True)


def newest(session: Session, account_id: int, *states: str) -> MenuRelease | None:
    """Give the account's newest release in one of the states."""
    return session.scalar(
        sa.select(MenuRelease)
        .where(MenuRelease.account_id == account_id, MenuRelease.state.in_(states))
        .order_by(MenuRelease.id.desc())
        .limit(1)
    )


def last_published(session: Session, account_id: int) -> MenuRelease | None:
    """Give the release that is on the phones; where none is, the newest that ever was."""
    return newest(session, account_id, "live") or newest(session, account_id, "replaced")


def history(session: Session, account_id: int, *, cursor: str | None) -> Page[MenuRelease]:
    """Give a page of the account's releases, newest first."""
    statement = sa.select(MenuRelease).where(MenuRelease.account_id == account_id)
    return NEWEST.page(session.scalars(NEWEST.statement(statement, cursor, SIZE)).all(), SIZE)


def fixed_replies(session: Session, account_id: int) -> Mapping[str, str]:
    """Give what is answered to a tap in the account's menu, by the key that WeChat pushes."""
    answered: dict[str, str] = {}
    for entries in reversed(_answered(session, account_id)):
        answered |= texts(unpacked(entries))
    return answered


def _answered(session: Session, account_id: int) -> Sequence[list[dict[str, object]]]:
    return session.scalars(
        sa.select(MenuRelease.entries)
        .where(MenuRelease.account_id == account_id, MenuRelease.state != "failed")
        .order_by(MenuRelease.id.desc())
        .limit(ANSWERED)
    ).all()
