"""Reading coupons, and what people hold of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from engage.coupons import rules
from engage.coupons.models import Coupon, CouponGrant, CouponTerms
from engage.coupons.rules import Terms
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.paging import SIZE, Keyset, Page

NEWEST_FIRST = Keyset((Coupon.id,), descending=True)

USABLE, USED, EXPIRED = "usable", "used", "expired"


@dataclass(frozen=True, slots=True)
class Offer:
    """A coupon as the clinic sees it, with the terms under which the next ones are given."""

    id: int
    name: str
    terms: Terms
    state: str
    online: bool
    offline: bool
    stock: int | None
    granted: int
    per_person: int | None
    version: int
    created_at: dt.datetime
    published_at: dt.datetime | None
    withdrawn_at: dt.datetime | None

    @property
    def left(self) -> int | None:
        """How many may still be given; None is without limit."""
        return None if self.stock is None else self.stock - self.granted


@dataclass(frozen=True, slots=True)
class Held:
    """One coupon in a fan's account, with the terms under which it was given."""

    id: int
    coupon_id: int
    name: str
    terms: Terms
    fan_id: int
    code: str
    state: str
    granted_at: dt.datetime
    valid_from: dt.datetime
    valid_until: dt.datetime
    redeemed_at: dt.datetime | None
    redeemed_by: int | None
    redeemed_store_id: int | None

    def standing(self, now: dt.datetime) -> str:
        """Give how it stands now: one of `rules.STANDINGS`."""
        return rules.standing(self.state, self.valid_from, self.valid_until, now)


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of a coupon's grants, counted from the rows."""

    granted: int = 0
    redeemed: int = 0
    expired: int = 0


def coupon(session: Session, coupon_id: int) -> Offer:
    """Give one coupon.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    row = session.execute(_OFFERS.where(Coupon.id == coupon_id)).first()
    if row is None:
        raise NotFound(coupon=coupon_id)
    return _offer(row)


def coupons(session: Session, *, state: str | None = None, cursor: str | None = None) -> Page[Offer]:
    """Give a page of coupons, the newest first: all, or those in a state."""
    statement = _OFFERS if state is None else _OFFERS.where(Coupon.state == state)
    rows = session.execute(NEWEST_FIRST.statement(statement, cursor, SIZE)).all()
    page = NEWEST_FIRST.page([row[0] for row in rows], SIZE)
    return Page([_offer(row) for row in rows[: len(page.items)]], page.next)


def by_ids(session: Session, coupon_ids: Collection[int]) -> Mapping[int, Offer]:
    """Give coupons by their ids, in one statement."""
    rows = session.execute(_OFFERS.where(Coupon.id.in_(coupon_ids)))
    return {row[0].id: _offer(row) for row in rows}


def publishable(session: Session, *, online: bool = True) -> Sequence[Offer]:
    """Give the coupons that are given out now, online or at the desk, the newest first."""
    where = Coupon.online if online else Coupon.offline
    rows = session.execute(
        _OFFERS.where(Coupon.state == rules.PUBLISHED, where).order_by(Coupon.id.desc()).limit(SIZE)
    )
    return [_offer(row) for row in rows]


def figures(session: Session, coupon_ids: Collection[int], *, now: dt.datetime) -> Mapping[int, Figures]:
    """Count what became of coupons' grants, in one statement; those voided are left out."""
    grant = CouponGrant
    is_over = (grant.state == rules.HELD) & (grant.valid_until <= now)
    rows = session.execute(
        sa.select(
            grant.coupon_id,
            sa.func.count().label("granted"),
            sa.func.count().filter(grant.state == rules.REDEEMED).label("redeemed"),
            sa.func.count().filter(is_over).label("expired"),
        )
        .where(grant.coupon_id.in_(coupon_ids), grant.state != rules.VOIDED)
        .group_by(grant.coupon_id)
    )
    found = {row.coupon_id: Figures(row.granted, row.redeemed, row.expired) for row in rows}
    return {coupon_id: found.get(coupon_id, Figures()) for coupon_id in coupon_ids}


def of_cause(session: Session, coupon_id: int, fan_id: int, *, cause: str, cause_id: int) -> int | None:
    """Give the grant of a coupon that one cause gave a fan; None if it gave none."""
    return session.scalar(
        sa.select(CouponGrant.id).where(
            CouponGrant.coupon_id == coupon_id,
            CouponGrant.fan_id == fan_id,
            CouponGrant.cause == cause,
            CouponGrant.cause_id == cause_id,
        )
    )


def redeemed_by_cause(session: Session, cause: str, cause_id: int, coupon_id: int) -> int:
    """Count how many of the grants that one cause gave were redeemed."""
    grant = CouponGrant
    return session.scalars(
        sa.select(sa.func.count()).where(
            grant.coupon_id == coupon_id,
            grant.cause == cause,
            grant.cause_id == cause_id,
            grant.state == rules.REDEEMED,
        )
    ).one()


def redeemers(cause: str, cause_id: int, coupon_id: int) -> sa.Select[int]:
    """Build the statement that gives the fans who redeemed what one cause gave them."""
    grant = CouponGrant
    return sa.select(grant.fan_id).where(
        grant.coupon_id == coupon_id,
        grant.cause == cause,
        grant.cause_id == cause_id,
        grant.state == rules.REDEEMED,
    )


def latest(session: Session, coupon_id: int, *, limit: int) -> Sequence[Held]:
    """Give the grants of a coupon that were made last."""
    grant = CouponGrant
    statement = _HELD.where(grant.coupon_id == coupon_id).order_by(grant.id.desc()).limit(limit)
    return [_held(row) for row in session.execute(statement)]


def of_fan(session: Session, fan_id: int, now: dt.datetime, limit: int = 50) -> Sequence[Held]:
    """Give what a fan can use, now or later: what ends first stands first."""
    return wallet(session, fan_id, USABLE, now=now, limit=limit)


def wallet(session: Session, fan_id: int, which: str, *, now: dt.datetime, limit: int) -> Sequence[Held]:
    """Give the usable, used or expired coupons of a fan; the latest first of what is over."""
    grant = CouponGrant
    ways: dict[str, tuple[tuple[sa.ColumnElement[bool], ...], sa.ColumnElement[Any]]] = {
        USABLE: ((grant.state == rules.HELD, grant.valid_until > now), grant.valid_until.asc()),
        USED: ((grant.state == rules.REDEEMED,), grant.redeemed_at.desc()),
        EXPIRED: ((grant.state == rules.HELD, grant.valid_until <= now), grant.valid_until.desc()),
    }
    where, order = ways[which]
    statement = _HELD.where(grant.fan_id == fan_id, *where).order_by(order, grant.id).limit(limit)
    return [_held(row) for row in session.execute(statement)]


def grant_of(session: Session, grant_id: int, fan_id: int) -> Held:
    """Give one of a fan's coupons.

    Raises:
        NotFound: there is none with this id, or it is another's.
    """
    grant = CouponGrant
    row = session.execute(_HELD.where(grant.id == grant_id, grant.fan_id == fan_id)).first()
    if row is None:
        raise NotFound(grant=grant_id)
    return _held(row)


def grant(session: Session, grant_id: int) -> Held:
    """Give one coupon that somebody holds.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    row = session.execute(_HELD.where(CouponGrant.id == grant_id)).first()
    if row is None:
        raise NotFound(grant=grant_id)
    return _held(row)


def by_code(session: Session, code: str) -> Held | None:
    """Give the coupon with a code, however it was typed, if somebody holds it."""
    row = session.execute(_HELD.where(CouponGrant.code == rules.read_code(code))).first()
    return None if row is None else _held(row)


def redeemed_since(
    session: Session, since: dt.datetime, *, store_ids: Collection[int] | None = None, limit: int
) -> Sequence[Held]:
    """Give what was redeemed since a time, the latest first: everywhere, or at some stores."""
    grant = CouponGrant
    statement = _HELD.where(grant.redeemed_at >= since)
    if store_ids is not None:
        statement = statement.where(grant.redeemed_store_id.in_(store_ids))
    statement = statement.order_by(grant.redeemed_at.desc(), grant.id.desc()).limit(limit)
    return [_held(row) for row in session.execute(statement)]


_OFFERS = sa.select(Coupon, CouponTerms.data).join(
    CouponTerms, (CouponTerms.tenant_id == Coupon.tenant_id) & (CouponTerms.id == Coupon.terms_id)
)
_HELD = (
    sa.select(CouponGrant, Coupon.name, CouponTerms.data)
    .join(Coupon, (Coupon.tenant_id == CouponGrant.tenant_id) & (Coupon.id == CouponGrant.coupon_id))
    .join(
        CouponTerms,
        (CouponTerms.tenant_id == CouponGrant.tenant_id) & (CouponTerms.id == CouponGrant.terms_id),
    )
)


def _offer(row: Any) -> Offer:
    one, data = row
    return Offer(
        id=one.id,
        name=one.name,
        terms=Terms.of_data(data),
        state=one.state,
        online=one.online,
        offline=one.offline,
        stock=one.stock,
        granted=one.granted,
        per_person=one.per_person,
        version=one.version,
        created_at=one.created_at,
        published_at=one.published_at,
        withdrawn_at=one.withdrawn_at,
    )


def _held(row: Any) -> Held:
    one, name, data = row
    return Held(
        id=one.id,
        coupon_id=one.coupon_id,
        name=name,
        terms=Terms.of_data(data),
        fan_id=one.fan_id,
        code=one.code,
        state=one.state,
        granted_at=one.granted_at,
        valid_from=one.valid_from,
        valid_until=one.valid_until,
        redeemed_at=one.redeemed_at,
        redeemed_by=one.redeemed_by,
        redeemed_store_id=one.redeemed_store_id,
    )
