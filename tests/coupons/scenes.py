"""A chain with fans, and coupons that are given."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from engage.audit.services import OPERATOR
from engage.coupons import services
from engage.coupons.rules import CASH, Terms
from engage.coupons.services import GrantedMany, NewCoupon
from engage.kernel.db import Session
from tests.conftest import Chain
from tests.patients.scenes import NOW, make_people
from tests.patients.scenes import People as Crowd

ZONE = "Asia/Shanghai"
TEN_OFF = Terms(CASH, amount_minor=10_00, valid_days=30)
NEW = NewCoupon("新客立减", TEN_OFF)


def make_crowd(chain: Chain, *, fan_count: int = 3, now: dt.datetime = NOW) -> Crowd:
    """Set the scene through services, committed."""
    return make_people(chain, fan_count=fan_count, now=now)


def published(session: Session, *, now: dt.datetime = NOW, offline: bool = False, **changes: Any) -> int:
    """Make a coupon that is given online; gives its id."""
    coupon = services.create(session, replace(NEW, **changes), by=OPERATOR, now=now)
    services.publish(session, coupon.id, online=True, offline=offline, by=OPERATOR, now=now)
    return coupon.id


def give(
    session: Session, coupon_id: int, *fan_ids: int, cause_id: int = 1, now: dt.datetime = NOW
) -> GrantedMany:
    """Give a coupon as a campaign does."""
    return services.grant_many(session, coupon_id, fan_ids, cause="campaign", cause_id=cause_id, now=now)
