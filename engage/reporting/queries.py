"""Reading reports: how visits were kept, and what stands beside it (BK-15)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from engage.booking import queries as booking
from engage.booking.queries import Which, arrivals
from engage.booking.queries.arrivals import BOOKED
from engage.booking.rules.attendance import Attendance
from engage.kernel import clock
from engage.kernel.db import Session
from engage.reporting.rules import CALLED, MONTH, to_yesterday
from engage.tasks import queries as tasks
from engage.tasks.rules import APPOINTMENT


@dataclass(frozen=True, slots=True)
class Filled:
    """How much of doctors' open time was taken, each patient who could be seen at once counted."""

    taken: dt.timedelta
    offered: dt.timedelta

    @property
    def percent(self) -> float | None:
        """How much of a hundred was taken; nothing where no doctor was there."""
        return 100 * (self.taken / self.offered) if self.offered else None


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside a rate: time taken, how many who did not come were called, the wait."""

    filled: Filled
    called: int
    wait: dt.timedelta | None


def alarms(
    session: Session, *, zone: str, store_ids: frozenset[int] | None, now: dt.datetime
) -> Mapping[int, Attendance]:
    """Give the stores that kept too few of their visits over the last month, and what was counted."""
    begin, end = to_yesterday(clock.local(now, zone).date(), MONTH).bounds(zone)
    counted = booking.outcomes_of_stores(session, Which(begin, end, zone, now, store_ids))
    return {store_id: found for store_id, found in sorted(counted.items()) if found.is_alarming}


def filled(session: Session, which: Which) -> Filled:
    """Say how much of the time was taken in which doctors saw patients."""
    whole = replace(which, channel="", item_id=None, lead="", person="", outcome="")
    return Filled(booking.taken_time(session, whole), booking.offered_time(session, whole))


def beside(session: Session, which: Which) -> Beside:
    """Say what explains how visits were kept."""
    missed = booking.missed(session, which)
    return Beside(
        filled(session, which),
        called=tasks.finished_of(session, CALLED, APPOINTMENT, missed),
        wait=_wait(session, which),
    )


def _wait(session: Session, which: Which) -> dt.timedelta | None:
    """Give how long half of the patients waited at most; a wait is measured of stores, not of less."""
    if which.doctor_id is not None or which.item_id is not None or which.channel:
        return None
    found = arrivals.waits(session, begin=which.begin, end=which.end, store_ids=which.store_ids)
    return found[BOOKED].median
