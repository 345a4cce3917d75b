"""A chain with fans, and coupons that are given."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from engage.accounts import services as accounts
from engage.audit.services import OPERATOR
from engage.coupons import services
from engage.coupons.rules import CASH, Terms
from engage.coupons.services import GrantedMany, NewCoupon
from engage.fans import services as fans
from engage.kernel.db import Session, tenant_scope, unit_of_work
from tests.conftest import Chain

# Three in the afternoon in Shanghai.
NOW = dt.datetime(2026, 11, 22, 7, tzinfo=dt.UTC)
ZONE = "Asia/Shanghai"
TEN_OFF = Terms(CASH, amount_minor=10_00, valid_days=30)
NEW = NewCoupon("新客立减", TEN_OFF)


@dataclass(frozen=True, slots=True)
class Crowd:
    """A chain, its account, and fans who follow."""

    chain: Chain
    account_id: int
    account_slug: str
    fan_ids: tuple[int, ...]


def make_crowd(chain: Chain, *, fan_count: int = 3, now: dt.datetime = NOW) -> Crowd:
    """Set the scene through services, committed."""
    new = accounts.NewAccount(
        app_id=f"wx-{chain.slug}",
        slug=f"a-{chain.slug}",
        name="康美口腔",
        secret="secret",
        token="token",
        encoding_aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
        mode="plain",
    )
    with tenant_scope(chain.id), unit_of_work() as session:
        account = accounts.connect(session, new, by=OPERATOR, now=now)
        fan_ids = tuple(
            fans.follow(session, account.id, f"openid-{number}", changed_at=now, now=now)
            for number in range(fan_count)
        )
    return Crowd(chain, account.id, new.slug, fan_ids)


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
