"""Campaigns: begun when their time has come, worked a chunk at a time, finished."""

from __future__ import annotations

import time
from typing import Final

from engage.campaigns import queries, services
from engage.campaigns.rules import EVERYBODY_MS
from engage.kernel import clock, doorbell, due
from engage.kernel.db import unit_of_work
from engage.notifications.services import BULK

# After that other tenants have their turn, and after the other number whatever one person waits for in
# another queue; the ring at the end calls a worker again.
TURN_SECONDS: Final = 30.0
GIVES_WAY_SECONDS: Final = 1.0


def drain() -> None:
    """Begin what is due, then give every campaign that runs a chunk in turn."""
    begun, is_cut = time.monotonic(), False
    with unit_of_work() as session:
        marks = due.seen(session, services.QUEUE, now=clock.now())
    while not is_cut and (_start() or _work()):
        is_cut = _is_over(time.monotonic() - begun)
    with unit_of_work() as session:
        due.answered(session, services.QUEUE, marks, next_at=services.next_at(session, now=clock.now()))
        if is_cut:
            due.ring(session, services.QUEUE)


def _is_over(seconds: float) -> bool:
    """Whether somebody else is to have the worker now; sending to many can wait as long as this."""
    is_wanted = seconds >= GIVES_WAY_SECONDS and doorbell.others_wait(services.QUEUE, BULK)
    return is_wanted or seconds >= TURN_SECONDS


def _start() -> bool:
    """Begin one campaign; False when none is due."""
    with unit_of_work(statement_ms=EVERYBODY_MS) as session:
        return services.start_due(session, now=clock.now()) is not None


def _work() -> bool:
    """Give each running campaign a chunk; False when none had anybody left."""
    with unit_of_work() as session:
        ids = [campaign.id for campaign in queries.running(session)]
    return sum(map(_chunk, ids)) > 0


def _chunk(campaign_id: int) -> bool:
    with unit_of_work() as session:
        if services.work(session, campaign_id, now=clock.now()):
            return True
    with unit_of_work() as session:
        services.finish(session, campaign_id, now=clock.now())
    return False
