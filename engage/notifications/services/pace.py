"""How fast an account sends to many: so many a second, and never into the day's reserve (P17)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.kernel import settings
from engage.kernel.db import Session
from engage.kernel.settings import Setting
from engage.notifications.models import Pace
from engage.wechat.rules import day_ends_at, day_of

PER_SECOND: Final = Setting("notifications.bulk_per_second", 200, lambda rate: 1 <= rate <= 50_000)
DAILY_QUOTA: Final = Setting("notifications.daily_quota", 100_000, lambda calls: 0 <= calls <= 100_000_000)
DAILY_RESERVE: Final = Setting("notifications.daily_reserve", 5000, lambda calls: 0 <= calls <= 100_000_000)

# What was not used is kept for so long: the clock rings once a second, and may be a little late.
BURST_SECONDS: Final = 2.0
# When to look again where the second's messages are used up.
SOON: Final = dt.timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True)
class Limits:
    """The chain's limits for each of its accounts: messages a second, and to many in a day."""

    per_second: int
    per_day: int


def limits(session: Session) -> Limits:
    """Give the chain's limits."""
    rate, quota, reserve = settings.several(session, PER_SECOND, DAILY_QUOTA, DAILY_RESERVE)
    return Limits(rate, max(0, quota - reserve))


def take(session: Session, account_id: int, wanted: int, allowed: Limits, *, now: dt.datetime) -> int:
    """Take leave to send up to `wanted` messages now; gives for how many it was there."""
    taken = session.scalar(_taking(account_id, wanted, allowed, now=now))
    if taken is None:
        full = {"tokens": float(allowed.per_second), "refilled_at": now, "day": day_of(now), "used": 0}
        session.execute(insert(Pace).values(account_id=account_id, **full).on_conflict_do_nothing())
        taken = session.scalar(_taking(account_id, wanted, allowed, now=now))
    return taken or 0


def give_back(session: Session, account_id: int, count: int, *, now: dt.datetime) -> None:
    """Give leave back that was not made use of."""
    if count:
        _change(
            session,
            account_id,
            tokens=Pace.tokens + count,
            used=sa.case((Pace.day == day_of(now), sa.func.greatest(0, Pace.used - count)), else_=Pace.used),
        )


def hold(session: Session, account_id: int, until: dt.datetime) -> None:
    """Let nothing to many out before a moment."""
    _change(session, account_id, held_until=sa.func.greatest(Pace.held_until, until))


def count_one(session: Session, account_id: int, *, now: dt.datetime) -> None:
    """Count a single message, which asks for no leave: the reserve is for those."""
    day = day_of(now)
    full_since = now - dt.timedelta(seconds=BURST_SECONDS)
    first = {"tokens": 0.0, "refilled_at": full_since, "day": day, "used": 1}
    session.execute(
        insert(Pace)
        .values(account_id=account_id, **first)
        .on_conflict_do_update(
            index_elements=["tenant_id", "account_id"],
            set_={"used": sa.case((Pace.day == day, Pace.used + 1), else_=1), "day": day},
        )
    )


def spent(session: Session, *, now: dt.datetime) -> frozenset[int]:
    """Give the accounts that send nothing more to many before WeChat's next day (`day_ends_at`).

    WeChat said that the day's calls are spent, or what is left of them is kept for single messages.
    """
    is_kept = (Pace.day == day_of(now)) & (Pace.used >= limits(session).per_day)
    return frozenset(
        session.scalars(sa.select(Pace.account_id).where((Pace.held_until >= day_ends_at(now)) | is_kept))
    )


def goes_on_at(pace: Pace | None, allowed: Limits, *, now: dt.datetime) -> dt.datetime:
    """Say when an account may send to many again; `now` if it may."""
    if pace is None:
        return now
    if pace.held_until is not None and pace.held_until > now:
        return pace.held_until
    if pace.day == day_of(now) and pace.used >= allowed.per_day:
        return day_ends_at(now)
    refilled = pace.tokens + allowed.per_second * (now - pace.refilled_at).total_seconds()
    return now if refilled >= 1 else now + SOON


def _taking(account_id: int, wanted: int, allowed: Limits, *, now: dt.datetime) -> sa.Update:
    """Build the one statement that refills, takes and counts: whoever takes too waits for the row."""
    day, moment = sa.literal(day_of(now)), sa.literal(now, sa.DateTime(timezone=True))
    passed = sa.func.greatest(0, sa.extract("epoch", moment - Pace.refilled_at))
    full = max(1.0, allowed.per_second * BURST_SECONDS)
    stood = (
        sa.select(
            Pace.account_id,
            sa.func.least(full, Pace.tokens + sa.cast(passed, sa.Double) * allowed.per_second).label(
                "tokens"
            ),
            sa.case((Pace.day == day, Pace.used), else_=0).label("used"),
            sa.func.coalesce(Pace.held_until > moment, sa.false()).label("is_held"),
        )
        .where(Pace.account_id == account_id)
        .with_for_update()
        .cte("stood")
    )
    there = sa.func.least(wanted, sa.func.floor(stood.c.tokens), allowed.per_day - stood.c.used)
    got = sa.select(
        stood,
        sa.cast(sa.case((stood.c.is_held, 0), else_=sa.func.greatest(0, there)), sa.Integer).label("taken"),
    ).cte("got")
    return (
        sa.update(Pace)
        .where(Pace.account_id == got.c.account_id)
        .values(
            tokens=got.c.tokens - got.c.taken,
            refilled_at=sa.func.greatest(Pace.refilled_at, moment),
            day=day,
            used=got.c.used + got.c.taken,
        )
        .returning(got.c.taken)
        .execution_options(synchronize_session=False)
    )


def _change(session: Session, account_id: int, **values: object) -> None:
    session.execute(
        sa.update(Pace)
        .where(Pace.account_id == account_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
