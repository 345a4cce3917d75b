"""The clock: rings what is due, once a second. Several may run; one at a time rings.

Ringing twice does no harm, so the lease only saves work: it is a lock of PostgreSQL that goes with
the connection, and another clock takes over within a second.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

import redis
import sqlalchemy as sa
import structlog

from engage.kernel import clock, doorbell, due
from engage.kernel.db import db, unit_of_work
from workers.runtime import application

log = structlog.get_logger()

TICK_SECONDS = 1.0
LEASE = 0x656E67616765  # "engage"


def ring_due() -> int:
    """Ring for every tenant's queue with work; gives how many rings were new."""
    with unit_of_work() as session:
        reached = due.reached(session, now=clock.now())
    return sum(doorbell.ring(tenant_id, queue) for tenant_id, queue in reached)


def run() -> None:
    """Tick until a signal says stop; a database or Redis that is away is waited for."""
    stop = threading.Event()

    def ask_to_stop(_signum: int, _frame: FrameType | None) -> None:
        stop.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, ask_to_stop)
    with application().app_context():
        while not stop.is_set():
            try:
                _tick_while_leading(stop)
            except (sa.exc.OperationalError, redis.RedisError) as error:
                log.warning("clock.waits", error=type(error).__name__)
                stop.wait(TICK_SECONDS)


def _tick_while_leading(stop: threading.Event) -> None:
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as lease:
        while not stop.is_set():
            if lease.scalar(sa.select(sa.func.pg_try_advisory_lock(LEASE))):
                try:
                    ring_due()
                finally:
                    lease.execute(sa.select(sa.func.pg_advisory_unlock(LEASE)))
            stop.wait(TICK_SECONDS)


if __name__ == "__main__":
    run()
