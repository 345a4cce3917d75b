"""A worker that can be stopped between any two steps of a campaign's run, to be killed there.

Reads one order a line: `{"tenant_id": …, "stop_at": step or null}`, for the control `"settle_first": true`;
all else is as in `tests.faults.drainer`. Chunks are of two people.
"""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any

import sqlalchemy as sa

from engage.campaigns import queries, services
from engage.campaigns.models import Recipient
from engage.campaigns.services import working
from engage.kernel import due
from engage.kernel.db import Session
from tests.faults.drainer import Steps, take_orders
from workers import campaigns, runtime

CHUNK = 2

# Of a campaign for three people: begun, two chunks, one look more, finished by none.
STEPS = (
    "ring heard 1",
    "marks seen 1",
    "commit 1",
    "begun 1",
    "commit 2",
    "granted 1",
    "told 1",
    "worked 1",
    "commit 5",
    "granted 2",
    "told 2",
    "worked 2",
    "commit 8",
    "marks answered 1",
)


def settle_first(
    steps: Steps, session: Session, campaign_id: int, *, now: dt.datetime, batch: int = CHUNK
) -> bool:
    """The control: note that recipients had their turn, commit, and give only then."""
    campaign = queries.locked_while_free(session, campaign_id)
    turn = queries.pending(session, campaign_id, limit=batch) if campaign else []
    ids = [row.fan_id for row in turn]
    settled = sa.update(Recipient).where(Recipient.campaign_id == campaign_id, Recipient.fan_id.in_(ids))
    session.execute(settled.values(state="granted", at=now))
    session.commit()
    steps.reached("settled before")
    working.coupons.grant_many(
        session, campaign.coupon_id, ids, cause="campaign", cause_id=campaign_id, now=now
    )
    return bool(ids)


def drain(order: dict[str, Any]) -> None:
    """Answer the doorbell as a worker does, telling each step."""
    steps = Steps(order["stop_at"])
    runtime.doorbell.heard = steps.after("ring heard", runtime.doorbell.heard)
    due.seen = steps.after("marks seen", due.seen)
    due.answered = steps.after("marks answered", due.answered)
    campaigns.unit_of_work = steps.unit_of_work
    services.start_due = steps.after("begun", services.start_due)
    working.coupons.grant_many = steps.after("granted", working.coupons.grant_many)
    working.notifications.write_many = steps.after("told", working.notifications.write_many)
    work = functools.partial(settle_first, steps) if order.get("settle_first") else services.work
    services.work = steps.after("worked", functools.partial(work, batch=CHUNK))
    runtime.answer(order["tenant_id"], services.QUEUE)


if __name__ == "__main__":
    take_orders(drain)
