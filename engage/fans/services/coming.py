"""Fans come, go, open pages, and let us know their name and picture."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from engage.fans import queries, rules
from engage.fans.models import Fan, FanSession
from engage.fans.services.knowing import refresh_terms
from engage.fans.services.leaving import erased_form, forget
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
) -> str | None:
    """Keep the name and picture that the person agreed to show; an empty one leaves what is known.

    `avatar` is the key of the picture's bytes in `kernel.files`. Asked again after `PROFILE_LIFE`. Gives
    the key of the picture that was there before another one.
    """
    before = queries.locked(session, fan_id).avatar
    known = {"nickname": rules.shown_name(nickname), "avatar": avatar}
    _ask_again(
        session, fan_id, now + rules.PROFILE_LIFE, {name: text for name, text in known.items() if text}
    )
    if known["nickname"]:
        refresh_terms(session, [queries.fan(session, fan_id)])
    return before if avatar and before != avatar else None


def record_refusal(session: Session, fan_id: int, *, now: dt.datetime) -> None:
    """Leave somebody in peace who did not want to show name and picture; what is known stays."""
    _ask_again(session, fan_id, now + rules.PROFILE_LIFE, {})


def postpone_profile(session: Session, fan_id: int, *, now: dt.datetime) -> None:
    """Ask for name and picture later, since WeChat did not give them just now."""
    _ask_again(session, fan_id, now + rules.PROFILE_RETRY, {})


def forget_profile(session: Session, account_id: int, openid: str) -> str | None:
    """Forget the name and picture that somebody changed or no longer agrees to show (WeChat §1).

    Gives the key of the picture, if there was one.
    """
    fan = queries.by_openid(session, account_id, openid)
    return None if fan is None else forget(session, fan)


def _ask_again(session: Session, fan_id: int, at: dt.datetime, known: dict[str, str | None]) -> None:
    session.execute(
        sa.update(Fan)
        .where(Fan.id == fan_id)
        .values(ask_profile_at=at, **known)
        .execution_options(synchronize_session="fetch")
    )


def recognising(after: sa.CTE | None) -> sa.CompoundSelect[int, bool]:
    """Build the statement of `recognise`, for the row of `after`; values by the names of `values_of`."""
    back = _back(after)
    seen = _insert(after, back)
    news = sa.and_(seen.excluded.following, _TABLE.c.follow_changed_at.is_(None))
    return _or_update(seen, {"following": sa.or_(_TABLE.c.following, news)}, back)


def following(after: sa.CTE | None) -> sa.CompoundSelect[int, bool]:
    """Build the statement of `follow` and `unfollow`: an older time changes nothing but the last sight."""
    back = _back(after)
    seen = _insert(after, back)
    is_news = sa.func.coalesce(_TABLE.c.follow_changed_at <= seen.excluded.follow_changed_at, sa.true())
    changes = {
        name: sa.case((is_news, seen.excluded[name]), else_=_TABLE.c[name])
        for name in ("following", "follow_changed_at")
    }
    return _or_update(seen, changes, back)


def values_of(
    account_id: int, openid: str, *, following: bool, changed_at: dt.datetime | None, now: dt.datetime
) -> dict[str, Any]:
    """Give what the statements store of somebody; `changed_at` is WeChat's time of a follow or unfollow."""
    return {
        "account_id": account_id,
        "openid": openid,
        "erased_openid": erased_form(account_id, openid),
        "following": following,
        "follow_changed_at": changed_at,
        "first_seen_at": now,
        "last_seen_at": now,
    }


def _given(name: str) -> sa.ColumnElement[Any]:
    return sa.cast(sa.bindparam(name), _TABLE.c[name].type)


def _insert(after: sa.CTE | None, back: sa.CTE) -> postgresql.Insert:
    """Put somebody down who is not `back`."""
    row = sa.select(*map(_given, _STORED)).where(~sa.exists().select_from(back))
    columns = [_TABLE.c[name] for name in _STORED]
    return postgresql.insert(_TABLE).from_select(columns, row if after is None else row.select_from(after))


def _back(after: sa.CTE | None) -> sa.CTE:
    """Let an erased person who comes back be the fan they were, so that every limit knows them.

    Of two of their pushes at once the second waits here, finds nothing to do and meets the fan by openid.
    """
    real = _TABLE.alias()
    is_known = sa.exists().where(real.c.account_id == _given("account_id"), real.c.openid == _given("openid"))
    came = {name: _given(name) for name in ("openid", "following", "follow_changed_at", "last_seen_at")}
    # Of a table that it knows whole, an UPDATE sets every column that a value is given for.
    fan = sa.table("fan", *(sa.column(name, _TABLE.c[name].type) for name in ("id", *came)))
    back = sa.update(fan).where(
        sa.literal_column("fan.account_id") == _given("account_id"),
        fan.c.openid == sa.bindparam("erased_openid", type_=fan.c.openid.type),
        ~is_known,
    )
    if after is not None:
        back = back.where(sa.exists().select_from(after))
    return back.values(came).returning(fan.c.id, fan.c.following).cte("fan_back")


def _or_update(
    seen: postgresql.Insert, changes: Mapping[str, sa.ColumnElement[Any]], back: sa.CTE
) -> sa.CompoundSelect[int, bool]:
    key = ["tenant_id", "account_id", "openid"]
    # A push that was left to a worker, or is replayed, shows no later sight than there was.
    is_later = seen.excluded.last_seen_at >= _TABLE.c.last_seen_at + _SEEN_WITHIN
    last_seen_at = sa.case((is_later, seen.excluded.last_seen_at), else_=_TABLE.c.last_seen_at)
    met = (
        seen.on_conflict_do_update(index_elements=key, set_={"last_seen_at": last_seen_at, **changes})
        .returning(_TABLE.c.id, _TABLE.c.following)
        .cte("fan_met")
    )
    return sa.union_all(sa.select(met.c.id, met.c.following), sa.select(back.c.id, back.c.following))


def _upsert(session: Session, statement: sa.Executable, *who: Any, **values: Any) -> int:
    fan_id: int = session.execute(statement, values_of(*who, **values)).scalar_one()
    return fan_id


# Who was seen so shortly before is not noted again: a new time writes all indexes of the row.
_SEEN_WITHIN = sa.literal_column("interval '1 minute'", sa.Interval())

_TABLE = cast("sa.Table", Fan.__table__)
_STORED = ("account_id", "openid", "following", "follow_changed_at", "first_seen_at", "last_seen_at")
_RECOGNISING, _FOLLOWING = recognising(after=None), following(after=None)
