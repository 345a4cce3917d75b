"""Codes that are made, and scanned."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.fans import services as fans
from engage.kernel.db import Session
from engage.qrcodes import queries, services
from engage.qrcodes.models import ChannelCode, ChannelTicket, PermanentCodes
from engage.qrcodes.services import NewCode, tickets
from engage.wechat.answers import QrCode
from tests.booking.scenes import Scene

# Three in the afternoon in Shanghai.
NOW = dt.datetime(2026, 11, 22, 7, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)

_pushes = itertools.count(1)


def make(session: Session, scene: Scene, *, now: dt.datetime = NOW, **changes: Any) -> ChannelCode:
    """Make a code through services."""
    told: dict[str, Any] = {"account_id": scene.account_id, "kind": "promotion", "name": "地铁广告"} | changes
    return services.create(session, NewCode(**told), by=OPERATOR, now=now)


def answer(session: Session, *, now: dt.datetime = NOW) -> list[int | None]:
    """Answer all tickets that are due, as WeChat does; gives how long each lasts."""
    orders = tickets.claim(session, now=now, batch=50)
    for order in orders:
        made = QrCode(f"ticket-{order.id}", f"http://weixin.qq.com/q/{order.id:024d}", order.seconds)
        tickets.settle(session, order, made, now=now)
    return [order.seconds for order in orders]


def scan(
    session: Session,
    fan_id: int,
    scene: str,
    *,
    at: dt.datetime = NOW,
    push_id: int | None = None,
    is_first: bool = False,
) -> int | None:
    """Let a fan scan a scene; a push each unless one is given."""
    push = next(_pushes) if push_id is None else push_id
    return services.record_scan(session, fan_id, scene, push_id=push, at=at, is_first=is_first, now=at)


def follower(session: Session, scene: Scene, openid: str, *, at: dt.datetime = NOW) -> int:
    """Let somebody follow the account; gives the fan."""
    return fans.follow(session, scene.account_id, openid, changed_at=at, now=at)


def states(session: Session, code_id: int) -> list[str]:
    """Give what became of a code's tickets, oldest first."""
    rows = sa.select(ChannelTicket.state).where(ChannelTicket.code_id == code_id).order_by(ChannelTicket.id)
    return list(session.scalars(rows))


def use_up(session: Session, scene: Scene, *, but: int) -> None:
    """Leave so many permanent codes to the account."""
    session.add(PermanentCodes(account_id=scene.account_id, used=100_000 - but))
    session.flush()


def left(session: Session, scene: Scene) -> int:
    """Give how many permanent codes the account may have made still."""
    return queries.permanent_left(session, [scene.account_id])[scene.account_id]
