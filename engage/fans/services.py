"""Fans come, go, and open pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.dml import ReturningInsert

from engage.fans import rules
from engage.fans.models import Fan, FanSession
from engage.kernel import ids
from engage.kernel.db import Session

SESSION_LIFE = dt.timedelta(days=7)


def follow(
    session: Session, account_id: int, openid: str, *, changed_at: dt.datetime, now: dt.datetime
) -> int:
    """Record that somebody follows the account; gives the fan's id. Repeats change nothing."""
    return _upsert(session, _FOLLOWING, account_id, openid, following=True, changed_at=changed_at, now=now)


def unfollow(
    session: Session, account_id: int, openid: str, *, changed_at: dt.datetime, now: dt.datetime
) -> int:
    """Record that somebody left the account; gives the fan's id. Repeats change nothing."""
    return _upsert(session, _FOLLOWING, account_id, openid, following=False, changed_at=changed_at, now=now)


def recognise(
    session: Session, account_id: int, openid: str, *, follows: bool = False, now: dt.datetime
) -> int:
    """Record that somebody was seen, by a message or on a page; gives the fan's id.

    `follows` says that what was seen shows a follower. It counts for those whose follow we were not told
    of, because they followed before the account was connected.
    """
    return _upsert(session, _RECOGNISING, account_id, openid, following=follows, changed_at=None, now=now)


def log_in(session: Session, fan_id: int, *, now: dt.datetime) -> str:
    """Open a log-in on patient pages; gives the cookie's token."""
    token = ids.new_token()
    session.add(
        FanSession(
            fan_id=fan_id, token_digest=ids.digest(token), created_at=now, expires_at=now + SESSION_LIFE
        )
    )
    return token


def record_profile(
    session: Session, fan_id: int, *, nickname: str, avatar: str | None, now: dt.datetime
) -> None:
    """Keep the name and picture that the person agreed to show; an empty one leaves what is known.

    `avatar` is the key of the picture's bytes in `kernel.files`. Asked again after `PROFILE_LIFE`.
    """
    known = {"nickname": rules.shown_name(nickname), "avatar": avatar}
    _ask_again(
        session, fan_id, now + rules.PROFILE_LIFE, {name: text for name, text in known.items() if text}
    )


def record_refusal(session: Session, fan_id: int, *, now: dt.datetime) -> None:
    """Leave somebody in peace who did not want to show name and picture; what is known stays."""
    _ask_again(session, fan_id, now + rules.PROFILE_LIFE, {})


def postpone_profile(session: Session, fan_id: int, *, now: dt.datetime) -> None:
    """Ask for name and picture later, since WeChat did not give them just now."""
    _ask_again(session, fan_id, now + rules.PROFILE_RETRY, {})


def forget_profile(session: Session, account_id: int, openid: str) -> None:
    """Forget the name and picture that somebody changed or no longer agrees to show (WeChat §1)."""
    session.execute(
        sa.update(Fan)
        .where(Fan.account_id == account_id, Fan.openid == openid)
        .values(nickname=None, avatar=None)
        .execution_options(synchronize_session=False)
    )


def _ask_again(session: Session, fan_id: int, at: dt.datetime, known: dict[str, str | None]) -> None:
    session.execute(
        sa.update(Fan)
        .where(Fan.id == fan_id)
        .values(ask_profile_at=at, **known)
        .execution_options(synchronize_session=False)
    )


def recognising(after: sa.CTE | None) -> ReturningInsert[Any]:
    """Build the statement of `recognise`, for the row of `after`; values by the names of `values_of`."""
    seen = _insert(after)
    news = sa.and_(seen.excluded.following, _TABLE.c.follow_changed_at.is_(None))
    return _or_update(seen, {"following": sa.or_(_TABLE.c.following, news)})


def following(after: sa.CTE | None) -> ReturningInsert[Any]:
    """Build the statement of `follow` and `unfollow`: an older time changes nothing but the last sight."""
    seen = _insert(after)
    is_news = sa.func.coalesce(_TABLE.c.follow_changed_at <= seen.excluded.follow_changed_at, sa.true())
    changes = {
        name: sa.case((is_news, seen.excluded[name]), else_=_TABLE.c[name])
        for name in ("following", "follow_changed_at")
    }
    return _or_update(seen, changes)


def values_of(
    account_id: int, openid: str, *, following: bool, changed_at: dt.datetime | None, now: dt.datetime
) -> dict[str, Any]:
    """Give what the statements store of somebody; `changed_at` is WeChat's time of a follow or unfollow."""
    return {
        "account_id": account_id,
        "openid": openid,
        "following": following,
        "follow_changed_at": changed_at,
        "first_seen_at": now,
        "last_seen_at": now,
    }


def _insert(after: sa.CTE | None) -> postgresql.Insert:
    columns = [_TABLE.c[name] for name in _STORED]
    row = sa.select(*(sa.cast(sa.bindparam(column.name), column.type) for column in columns))
    return postgresql.insert(_TABLE).from_select(columns, row if after is None else row.select_from(after))


def _or_update(seen: postgresql.Insert, changes: Mapping[str, sa.ColumnElement[Any]]) -> ReturningInsert[Any]:
    key = ["tenant_id", "account_id", "openid"]
    # A push that was left to a worker, or is replayed, shows no later sight than there was.
    last_seen_at = sa.func.greatest(_TABLE.c.last_seen_at, seen.excluded.last_seen_at)
    return seen.on_conflict_do_update(
        index_elements=key, set_={"last_seen_at": last_seen_at, **changes}
    ).returning(_TABLE.c.id, _TABLE.c.following)


def _upsert(session: Session, statement: sa.Executable, *who: Any, **values: Any) -> int:
    fan_id: int = session.execute(statement, values_of(*who, **values)).scalar_one()
    return fan_id


_TABLE = cast("sa.Table", Fan.__table__)
_STORED = ("account_id", "openid", "following", "follow_changed_at", "first_seen_at", "last_seen_at")
_RECOGNISING, _FOLLOWING = recognising(after=None), following(after=None)
