"""Redeeming at the desk: once, however many desks try."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.coupons import errors, queries, rules
from engage.coupons.errors import Redeemed, UnknownCode
from engage.coupons.models import CouponGrant
from engage.coupons.queries import Held
from engage.kernel import outbox
from engage.kernel.db import Session

REFUSALS = {
    rules.REDEEMED: errors.Redeemed,
    rules.EXPIRED: errors.Expired,
    rules.NOT_YET: errors.NotYet,
    rules.VOIDED: errors.Voided,
    rules.OTHER_STORE: errors.OtherStore,
}


def redeem(session: Session, code: str, *, store_id: int, by: Actor, now: dt.datetime) -> Held:
    """Redeem the coupon with a code at a store, and give it as it then is. Records `coupons.redeemed`.

    Of several at once, one redeems it; the others are told that it was used.

    Raises:
        UnknownCode: nobody holds a coupon with it.
        Redeemed, Expired, NotYet, Voided, OtherStore: it cannot be used, or not here.
    """
    found = queries.by_code(session, code)
    if found is None:
        raise UnknownCode
    reason = rules.usable(found.standing(now), found.terms, store_id)
    if reason is not None:
        raise REFUSALS[reason](grant_id=found.id)
    if not _take(session, found.id, store_id=store_id, by=by, now=now):
        raise Redeemed(grant_id=found.id)
    audit.record(session, "coupon.redeemed", by=by, subject=("coupon_grant", found.id), now=now)
    outbox.record(session, "coupons.redeemed", now=now, grant_id=found.id)
    return queries.grant(session, found.id)


def _take(session: Session, grant_id: int, *, store_id: int, by: Actor, now: dt.datetime) -> bool:
    """Move the grant from held to redeemed; False if somebody else was first."""
    taken = session.execute(
        sa.update(CouponGrant)
        .where(CouponGrant.id == grant_id, CouponGrant.state == rules.HELD)
        .values(state=rules.REDEEMED, redeemed_at=now, redeemed_store_id=store_id, redeemed_by=by.id)
        .returning(CouponGrant.id)
        .execution_options(synchronize_session=False)
    )
    return taken.first() is not None
