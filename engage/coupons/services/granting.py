"""Giving coupons: one or thousands at a time, each person once for each cause."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from engage.coupons import rules
from engage.coupons.models import Coupon, CouponGrant, CouponTerms
from engage.coupons.rules import Terms
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.tenancy import queries as tenancy

_GRANTS = cast("sa.Table", CouponGrant.__table__)

# So many of one cause to one person: a cause gives one.
FIRST = 1


@dataclass(frozen=True, slots=True)
class GrantedMany:
    """What came of giving a coupon to several: each of them is in one of the sets.

    `already` have it from the same cause, `limited` as many as a person may have, and `closed` could
    not be given any: the coupon is not published online, or its last day is past.
    """

    granted: frozenset[int] = frozenset()
    already: frozenset[int] = frozenset()
    limited: frozenset[int] = frozenset()
    out_of_stock: frozenset[int] = frozenset()
    closed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Taken:
    """What was taken of the stock, and how the coupon is given; its row is locked."""

    count: int
    is_given: bool
    terms_id: int
    per_person: int | None


def grant_many(
    session: Session,
    coupon_id: int,
    fan_ids: Collection[int],
    *,
    cause: str,
    cause_id: int,
    now: dt.datetime,
) -> GrantedMany:
    """Give each of the fans one of a coupon, as far as stock and limits go, in the order given.

    Exactly once for (coupon, cause, fan): a repeat finds them in `already` and takes nothing.
    A handful of statements, however many fans.

    Raises:
        NotFound: no such coupon.
    """
    asked = list(dict.fromkeys(fan_ids))
    taken = _take(session, coupon_id, len(asked))
    has_it, has_any = _holding(session, coupon_id, asked, cause, cause_id)
    already = frozenset(has_it)
    rest = [fan_id for fan_id in asked if fan_id not in already]
    terms = Terms.of_data(session.get_one(CouponTerms, (session.tenant_id, taken.terms_id)).data)
    zone = tenancy.tenant(session).zone
    if not taken.is_given or rules.is_over(terms, now, zone):
        _give_back(session, coupon_id, taken.count)
        return GrantedMany(already=already, closed=frozenset(rest))
    limit = taken.per_person
    limited = frozenset(fan_id for fan_id in rest if limit is not None and has_any.get(fan_id, 0) >= limit)
    may = [fan_id for fan_id in rest if fan_id not in limited]
    validity = rules.validity(terms, now, zone)
    row = {"coupon_id": coupon_id, "terms_id": taken.terms_id, "cause": cause, "cause_id": cause_id}
    granted = _insert(session, may[: taken.count], row, validity, now=now)
    _give_back(session, coupon_id, taken.count - len(granted))
    return GrantedMany(
        granted=granted,
        already=already | (frozenset(may[: taken.count]) - granted),
        limited=limited,
        out_of_stock=frozenset(may[taken.count :]),
    )


def _take(session: Session, coupon_id: int, n: int) -> _Taken:
    """Take up to `n` of a coupon's stock by one conditional UPDATE; the row stays locked.

    Nothing is taken of one that is not published online. What is taken is owed: as many grants, or
    given back.
    """
    is_given = (Coupon.state == rules.PUBLISHED) & Coupon.online
    left = sa.func.least(n, sa.func.coalesce(Coupon.stock - Coupon.granted, n))
    wanted = (
        sa.select(
            Coupon.tenant_id,
            Coupon.id,
            sa.case((is_given, left), else_=0).label("count"),
            is_given.label("is_given"),
        )
        .where(Coupon.id == coupon_id)
        .with_for_update()
        .subquery()
    )
    row = session.execute(
        sa.update(Coupon)
        .where(Coupon.tenant_id == wanted.c.tenant_id, Coupon.id == wanted.c.id)
        .values(granted=Coupon.granted + wanted.c.count)
        .returning(wanted.c.count, wanted.c.is_given, Coupon.terms_id, Coupon.per_person)
        .execution_options(synchronize_session=False)
    ).first()
    if row is None:
        raise NotFound(coupon=coupon_id)
    return _Taken(*row)


def _give_back(session: Session, coupon_id: int, n: int) -> None:
    if n > 0:
        session.execute(
            sa.update(Coupon)
            .where(Coupon.id == coupon_id)
            .values(granted=Coupon.granted - n)
            .execution_options(synchronize_session=False)
        )


def _holding(
    session: Session, coupon_id: int, fan_ids: Sequence[int], cause: str, cause_id: int
) -> tuple[set[int], Mapping[int, int]]:
    """Give who has the coupon from this cause, and how many of it each has from any."""
    grant = CouponGrant
    asked = sa.func.unnest(sa.literal(fan_ids, ARRAY(sa.BigInteger))).table_valued("fan_id").render_derived()
    # By the fan's own index, one look for each: the sum keeps PostgreSQL, where it has no statistics yet,
    # from an index of the coupon, by which it would read all of its grants every time.
    theirs = (
        sa.select(
            sa.func.count().filter(grant.cause == cause, grant.cause_id == cause_id).label("of_cause"),
            sa.func.count().filter(grant.state != rules.VOIDED).label("of_any"),
        )
        .where(grant.coupon_id + 0 == coupon_id, grant.fan_id == asked.c.fan_id)
        .lateral("theirs")
    )
    rows = session.execute(
        sa.select(asked.c.fan_id, theirs.c.of_cause, theirs.c.of_any)
        .join_from(asked, theirs, sa.true())
        .where((theirs.c.of_cause > 0) | (theirs.c.of_any > 0))
    ).all()
    return {row.fan_id for row in rows if row.of_cause}, {row.fan_id: row.of_any for row in rows}


def _insert(
    session: Session,
    fan_ids: Sequence[int],
    row: Mapping[str, Any],
    validity: tuple[dt.datetime, dt.datetime],
    *,
    now: dt.datetime,
) -> frozenset[int]:
    """Write the grants by one statement; gives the fans who got one."""
    if not fan_ids:
        return frozenset()
    codes = [rules.new_code() for _ in fan_ids]
    arrays = (sa.literal(list(fan_ids), ARRAY(sa.BigInteger)), sa.literal(codes, ARRAY(sa.Text)))
    each = sa.func.unnest(*arrays).table_valued(
        sa.column("fan_id", sa.BigInteger), sa.column("code", sa.Text)
    )
    each = each.render_derived()
    same = {
        **row,
        "number": FIRST,
        "state": rules.HELD,
        "granted_at": now,
        "valid_from": validity[0],
        "valid_until": validity[1],
    }
    literals = [sa.literal(value, _GRANTS.c[name].type) for name, value in same.items()]
    adding = (
        insert(_GRANTS)
        .from_select(["fan_id", "code", *same], sa.select(each.c.fan_id, each.c.code, *literals))
        .on_conflict_do_nothing(constraint="uq_coupon_grant_cause")
        .returning(_GRANTS.c.fan_id)
    )
    return frozenset(session.scalars(adding))
