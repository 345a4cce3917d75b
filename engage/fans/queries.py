"""Reading fans."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping

import sqlalchemy as sa

from engage.fans.models import Fan, FanSession
from engage.kernel.db import Session
from engage.kernel.errors import NotFound


def fan(session: Session, fan_id: int) -> Fan:
    """Give one fan.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Fan, (session.tenant_id, fan_id))
    if found is None:
        raise NotFound(fan=fan_id)
    return found


def by_ids(session: Session, ids: Collection[int]) -> Mapping[int, Fan]:
    """Give fans by their ids, in one statement."""
    return {row.id: row for row in session.scalars(sa.select(Fan).where(Fan.id.in_(ids)))}


def by_openid(session: Session, account_id: int, openid: str) -> Fan | None:
    """Give the fan of an account with an openid, if there is one."""
    return session.scalar(sa.select(Fan).where(Fan.account_id == account_id, Fan.openid == openid))


def nicknames(session: Session, who: Collection[tuple[int, str]]) -> Mapping[tuple[int, str], str]:
    """Give the names that are known of people, by account and openid, in one statement."""
    found = sa.select(Fan.account_id, Fan.openid, Fan.nickname).where(
        sa.tuple_(Fan.account_id, Fan.openid).in_(who)
    )
    return {(account_id, openid): name for account_id, openid, name in session.execute(found) if name}


def names_of(session: Session, fan_ids: Collection[int]) -> Mapping[int, str]:
    """Give the names that are known of fans, in one statement."""
    found = sa.select(Fan.id, Fan.nickname).where(Fan.id.in_(fan_ids))
    return {fan_id: name for fan_id, name in session.execute(found) if name}


def of_session(session: Session, token_digest: str, *, account_id: int, now: dt.datetime) -> Fan | None:
    """Give the fan who is logged in to an account's pages with a cookie."""
    return session.scalar(
        sa.select(Fan)
        .join(FanSession, (FanSession.tenant_id == Fan.tenant_id) & (FanSession.fan_id == Fan.id))
        .where(
            FanSession.token_digest == token_digest,
            FanSession.expires_at > now,
            Fan.account_id == account_id,
        )
    )
