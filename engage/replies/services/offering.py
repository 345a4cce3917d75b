"""Taking the coupon of a reply: once each (OA-5)."""

from __future__ import annotations

import datetime as dt

from engage.coupons import queries as coupons
from engage.coupons import services as granting
from engage.kernel import outbox
from engage.kernel.db import Session
from engage.replies import queries
from engage.replies.errors import OfferLimited, OfferOver, OfferUsedUp
from engage.replies.rules import CAUSE


def take(session: Session, rule_id: int, fan_id: int, *, account_id: int, now: dt.datetime) -> int:
    """Give the coupon of a reply to a fan of the account, once; gives its grant, also when taken before.

    Raises:
        OfferOver: the reply gives it no more.
        OfferUsedUp: all are taken.
        OfferLimited: the fan has as many as one may have.
    """
    offered = queries.offer(session, rule_id, account_id)
    if offered is None:
        raise OfferOver
    came = granting.grant_many(session, offered.id, [fan_id], cause=CAUSE, cause_id=rule_id, now=now)
    if came.out_of_stock:
        raise OfferUsedUp
    if came.limited:
        raise OfferLimited
    grant_id = coupons.of_cause(session, offered.id, fan_id, cause=CAUSE, cause_id=rule_id)
    if grant_id is None:  # it is closed
        raise OfferOver
    if came.granted:
        told = {"fan_id": fan_id, "grant_id": grant_id, "rule_id": rule_id}
        outbox.record(session, "replies.coupon_taken", now=now, **told)
    return grant_id
