"""Many fans of an account, and a message to all of them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa

from engage.fans.models import Fan
from engage.kernel import clock, settings
from engage.kernel.db import unit_of_work
from engage.notifications import services
from engage.notifications.models import Bundle, Delivery
from engage.notifications.services import NewBatch, pace
from tests.booking.scenes import Scene
from tests.notifications.scenes import word

KIND = "coupon_arrived"
VALUES = {"coupon": "洗牙抵扣券", "valid_until": "2026-12-31 23:59"}


def crowd(scene: Scene, openids: Sequence[str], *, following: bool = True) -> list[int]:
    """Make fans of the account, in this order."""
    now = clock.now()
    rows = [
        {
            "account_id": scene.account_id,
            "openid": openid,
            "following": following,
            "first_seen_at": now,
            "last_seen_at": now,
        }
        for openid in openids
    ]
    with unit_of_work() as session:
        return list(session.scalars(sa.insert(Fan).returning(Fan.id, sort_by_parameter_order=True), rows))


def strangers(scene: Scene, count: int, *, following: bool = True) -> list[int]:
    """Make so many fans, whom no WeChat knows."""
    return crowd(scene, [f"o-{following}-{number:04}" for number in range(count)], following=following)


def open_batch(scene: Scene, *, subject: int = 1, now: dt.datetime | None = None) -> int:
    """Open a batch as the account words it."""
    word(scene, KIND)
    with unit_of_work() as session:
        opened = services.open_batch(
            session, NewBatch(KIND, subject, scene.account_id, VALUES, "coupons"), now=now or clock.now()
        )
    assert opened.batch_id is not None, opened.reason
    return opened.batch_id


def write(batch_id: int, fan_ids: Sequence[int], *, now: dt.datetime | None = None) -> int:
    """Write the batch's message down for fans."""
    with unit_of_work() as session:
        return services.write_many(session, batch_id, fan_ids, now=now or clock.now())


def allow(*, per_second: int = 10_000, quota: int = 100_000, reserve: int = 0) -> None:
    """Set the chain's limits."""
    with unit_of_work() as session:
        settings.put(session, pace.PER_SECOND, per_second)
        settings.put(session, pace.DAILY_QUOTA, quota)
        settings.put(session, pace.DAILY_RESERVE, reserve)


def became() -> Counter[tuple[str, str | None]]:
    """Count the messages by state and reason."""
    with unit_of_work() as session:
        rows = session.execute(sa.select(Delivery.state, Delivery.reason).where(Delivery.kind == KIND))
        return Counter((row.state, row.reason) for row in rows)


def end_leases() -> None:
    """Let the time pass after which what a dead worker had is given to another."""
    with unit_of_work() as session:
        session.execute(sa.update(Bundle).where(Bundle.lease.is_not(None)).values(available_at=clock.now()))
