"""Reading fans."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from engage.fans.models import Fan, FanSession
from engage.kernel.db import Session
from engage.kernel.errors import NotFound

NAMES_READ = 20_000


def fan(session: Session, fan_id: int) -> Fan:
    """Give one fan.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Fan, (session.tenant_id, fan_id))
    if found is None:
        raise NotFound(fan=fan_id)
    return found


def follows(session: Session, fan_id: int) -> bool:
    """Whether a fan follows, as it is now in the database."""
    return bool(session.scalar(sa.select(Fan.following).where(Fan.id == fan_id)))


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


def openids(session: Session, fan_ids: Sequence[int]) -> Mapping[int, str]:
    """Give the openids of fans, in one statement however many they are."""
    these = sa.literal(list(fan_ids), ARRAY(sa.BigInteger))
    found = session.execute(sa.select(Fan.id, Fan.openid).where(Fan.id == sa.any_(these)))
    return {row[0]: row[1] for row in found}


def looked_up(fan_id: sa.ColumnElement[int]) -> sa.FromClause:
    """Build a look at the fan whom each row of a statement names: `account_id`, and whether `following`.

    By the key, row for row: a join may read all fans of an account instead, once they are many.
    """
    return sa.select(Fan.account_id, Fan.following).where(Fan.id == fan_id).limit(1).lateral("looked_up")


def new_by_week(
    session: Session, *, begin: dt.datetime, end: dt.datetime, zone: str
) -> Mapping[dt.date, int]:
    """Give how many people were seen first in each local week of an interval, by its Monday."""
    week = sa.cast(sa.func.date_trunc("week", sa.func.timezone(zone, Fan.first_seen_at)), sa.Date)
    statement = (
        sa.select(week.label("monday"), sa.func.count().label("people"))
        .where(Fan.first_seen_at >= begin, Fan.first_seen_at < end)
        .group_by(week)
    )
    return {row.monday: row.people for row in session.execute(statement)}


def following(account_id: int | None) -> sa.Select[int, int]:
    """Build the statement that gives who follows an account (None: any), as `fan_id` and `account_id`."""
    found = sa.select(Fan.id.label("fan_id"), Fan.account_id.label("account_id")).where(Fan.following)
    return found if account_id is None else found.where(Fan.account_id == account_id)


def named(session: Session, words: str, among: sa.Select[int], *, limit: int) -> Sequence[int]:
    """Give fans whose name holds the words, of some, in the order of their ids.

    Names are sealed, so they are read one after the other: `NAMES_READ` at most, those seen last.
    """
    wished = words.casefold()
    named_fans = session.execute(
        sa.select(Fan.id, Fan.nickname)
        .where(Fan.id.in_(among), Fan.nickname.is_not(None))
        .order_by(Fan.last_seen_at.desc())
        .limit(NAMES_READ)
    )
    return sorted(fan_id for fan_id, name in named_fans if wished in (name or "").casefold())[:limit]


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
