"""Fans come, go, and open pages."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.fans.models import Fan, FanSession
from engage.kernel import ids
from engage.kernel.db import Session

SESSION_LIFE = dt.timedelta(days=7)


def follow(
    session: Session, account_id: int, openid: str, *, changed_at: dt.datetime, now: dt.datetime
) -> int:
    """Record that somebody follows the account; gives the fan's id. Repeats change nothing."""
    return _follow_changed(session, account_id, openid, following=True, changed_at=changed_at, now=now)


def unfollow(
    session: Session, account_id: int, openid: str, *, changed_at: dt.datetime, now: dt.datetime
) -> int:
    """Record that somebody left the account; gives the fan's id. Repeats change nothing."""
    return _follow_changed(session, account_id, openid, following=False, changed_at=changed_at, now=now)


def recognise(session: Session, account_id: int, openid: str, *, now: dt.datetime) -> int:
    """Record that somebody was seen, by a message or on a page, following or not; gives the fan's id."""
    statement = insert(Fan).values(
        account_id=account_id, openid=openid, following=False, first_seen_at=now, last_seen_at=now
    )
    return session.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "account_id", "openid"],
            set_={"last_seen_at": statement.excluded.last_seen_at},
        ).returning(Fan.id)
    ).scalar_one()


def log_in(session: Session, fan_id: int, *, now: dt.datetime) -> str:
    """Open a log-in on patient pages; gives the cookie's token."""
    token = ids.new_token()
    session.add(
        FanSession(
            fan_id=fan_id, token_digest=ids.digest(token), created_at=now, expires_at=now + SESSION_LIFE
        )
    )
    return token


def _follow_changed(
    session: Session,
    account_id: int,
    openid: str,
    *,
    following: bool,
    changed_at: dt.datetime,
    now: dt.datetime,
) -> int:
    fan_id = recognise(session, account_id, openid, now=now)
    session.execute(
        sa.update(Fan)
        .where(Fan.id == fan_id, sa.func.coalesce(Fan.follow_changed_at <= changed_at, True))
        .values(following=following, follow_changed_at=changed_at)
        .execution_options(synchronize_session=False)
    )
    return fan_id
