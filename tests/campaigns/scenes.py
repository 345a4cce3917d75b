"""A chain with fans of two accounts, a coupon for them, and messages that are worded."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from engage.accounts import services as accounts
from engage.audit.services import OPERATOR
from engage.campaigns import queries, services
from engage.campaigns.services import NewPush
from engage.coupons import services as coupons
from engage.coupons.rules import CASH, Terms
from engage.coupons.services import NewCoupon
from engage.fans import services as fans
from engage.fans.models import Fan
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.notifications import services as notifications
from tests.booking.scenes import AES_KEY
from tests.conftest import Chain

CONTENT = "卡券名称：{{thing1.DATA}}\n有效期至：{{date2.DATA}}"
WORDING = [{"key": "thing1", "text": "{coupon}"}, {"key": "date2", "text": "{valid_until}"}]


@dataclass(frozen=True, slots=True)
class Town:
    """Who is there: two accounts, the followers of each, and one who left the first."""

    chain: Chain
    account_ids: tuple[int, int]
    fan_ids: tuple[int, ...]
    other_fan_ids: tuple[int, ...]
    gone_id: int
    coupon_id: int

    def push(self, **changes: Any) -> NewPush:
        """Make a plan for the first account's fans, an hour from now."""
        wished = {
            "name": "双十一到店礼",
            "coupon_id": self.coupon_id,
            "account_id": self.account_ids[0],
            "starts_at": clock.now() + dt.timedelta(hours=1),
        }
        return NewPush(**{**wished, **changes})


def settle_town(
    chain: Chain, *, followers: int = 6, stock: int | None = None, per_person: int | None = None
) -> Town:
    """Set the scene through services, committed."""
    now = clock.now()
    with tenant_scope(chain.id), unit_of_work() as session:
        first, second = (_account(session, chain, place, now=now) for place in ("one", "two"))
        fan_ids = tuple(
            fans.follow(session, first, f"first-{number}", changed_at=now, now=now)
            for number in range(followers)
        )
        other_fan_ids = tuple(
            fans.follow(session, second, f"second-{number}", changed_at=now, now=now) for number in range(2)
        )
        gone_id = fans.recognise(session, first, "gone", now=now)
        coupon_id = publish(session, stock=stock, per_person=per_person, now=now)
    return Town(chain, (first, second), fan_ids, other_fan_ids, gone_id, coupon_id)


def publish(
    session: Session,
    *,
    stock: int | None = None,
    per_person: int | None = None,
    now: dt.datetime,
    **terms: Any,
) -> int:
    """Publish a coupon online."""
    data = Terms(CASH, **{"amount_minor": 50_00, "valid_days": 30, **terms})
    made = coupons.create(session, NewCoupon("到店礼 50 元", data, stock, per_person), by=OPERATOR, now=now)
    coupons.publish(session, made.id, online=True, offline=False, by=OPERATOR, now=now)
    return made.id


def name(session: Session, fan_id: int, nickname: str) -> None:
    """Let a fan have a name."""
    fans.record_profile(session, fan_id, nickname=nickname, avatar=None, now=clock.now())


def leave(session: Session, fan_id: int) -> None:
    """Let a fan leave the account."""
    session.execute(sa.update(Fan).where(Fan.id == fan_id).values(following=False))


def run(session: Session, *, now: dt.datetime, batch: int = 1000) -> None:
    """Do what workers do, without their transactions: begin what is due and work it off."""
    while services.start_due(session, now=now):
        pass
    for campaign in queries.running(session):
        while services.work(session, campaign.id, now=now, batch=batch):
            pass


def _account(session: Session, chain: Chain, place: str, *, now: dt.datetime) -> int:
    new = accounts.NewAccount(
        app_id=f"wx-{place}-{chain.slug}",
        slug=f"{place}-{chain.slug}",
        name=f"康美口腔 {place}",
        secret="secret",
        token="token",
        encoding_aes_key=AES_KEY,
        mode="plain",
    )
    account_id = accounts.connect(session, new, by=OPERATOR, now=now).id
    notifications.set_wording(
        session,
        account_id,
        "coupon_arrived",
        enabled=True,
        template_id=f"template-{place}",
        title="优惠券到账通知",
        content=CONTENT,
        fields=WORDING,
        by=OPERATOR,
        now=now,
    )
    return account_id
