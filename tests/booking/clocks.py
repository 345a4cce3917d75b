"""Clocks that are set, and what visits and the waiting list bring about as they ring."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.booking import services
from engage.booking.models import Appointment, Touch, WaitingOffer
from engage.booking.rules.waiting import QUEUE, Window
from engage.clinic import services as clinic
from engage.kernel import clock, due, outbox
from engage.kernel.db import unit_of_work
from engage.kernel.outbox import OutboxRow
from engage.notifications.models import Delivery
from engage.tasks.models import Task
from tests.booking.scenes import Scene
from tests.booking.wishes import EVERY_DAY, wanted
from tests.conftest import Chain
from workers import events, holds, reminders, waiting

SHANGHAI = "Asia/Shanghai"
DAY, HOUR, MINUTE = dt.timedelta(days=1), dt.timedelta(hours=1), dt.timedelta(minutes=1)
DRAINS: Final[dict[str, Callable[[], None]]] = {
    outbox.QUEUE: events.drain,
    services.QUEUE: holds.drain,
    services.REMINDERS: reminders.drain,
    QUEUE: waiting.drain,
}

# What the fixtures give: what sets the clock, what plans a visit, what lets fans wait.
SetClock = Callable[[dt.datetime], None]
Planned = Callable[[int], Appointment]
Waited = Callable[..., tuple[Scene, list[int]]]


def ring(chain: Chain) -> None:
    """Let the clock ring for what is due, and workers answer, until nothing is."""
    while queues := reached(chain):
        for queue in queues:
            DRAINS[queue]()


def reached(chain: Chain) -> list[str]:
    """Give the queues of visits that have something due."""
    with unit_of_work() as session:
        rung = due.reached(session, now=clock.now(), limit=100_000)
    return [queue for tenant_id, queue in rung if tenant_id == chain.id and queue in DRAINS]


def at(day: dt.date, hour: int, minute: int = 0, zone: str = SHANGHAI) -> dt.datetime:
    """Give a time of a local day."""
    return dt.datetime.combine(day, dt.time(hour, minute), ZoneInfo(zone)).astimezone(dt.UTC)


def changes(zone: str) -> list[tuple[dt.date, int]]:
    """Give the days of this year and the next on which the zone's clocks change, and their hours."""
    day, found = clock.local(clock.now(), zone).date() + 30 * DAY, []
    for _ in range(370):
        begin, end = clock.day_bounds(day, zone)
        if end - begin != DAY:
            found.append((day, (end - begin) // HOUR))
        day += DAY
    return found[:2]


def see(scene: Scene, *times: dt.datetime, places: int = 20) -> None:
    """Let the doctor see patients for half an hour at some times."""
    with unit_of_work() as session:
        for begin in times:
            clinic.add_shift(
                session,
                doctor_id=scene.doctor_id,
                store_id=scene.chain.store.id,
                starts_at=begin,
                ends_at=begin + 30 * MINUTE,
                slot_minutes=30,
                per_slot=places,
            )


def book(scene: Scene, starts_at: dt.datetime, *, fan: int = 0) -> Appointment:
    """Book one of the fans for a time."""
    with unit_of_work() as session:
        wish = scene.wish(fan=fan, starts_at=starts_at)
        return services.book(session, wish, by=OPERATOR, now=clock.now())


def told(zone: str = SHANGHAI) -> list[tuple[str, str]]:
    """Give the reminders that were written, and when by the store's clock, first things first."""
    with unit_of_work() as session:
        rows = session.execute(
            sa.select(Touch.kind, Delivery.created_at)
            .join(Touch, Touch.id == Delivery.subject_id)
            .where(Delivery.kind == "appointment_reminder")
            .order_by(Delivery.id)
        )
        return [(kind, f"{clock.local(when, zone):%m-%d %H}") for kind, when in rows]


def tasks(kind: str) -> int:
    """Count the tasks of a kind."""
    with unit_of_work() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Task).where(Task.kind == kind)) or 0


def state_of(visit: Appointment) -> str:
    """Give the state a visit is in by now."""
    with unit_of_work() as session:
        return session.get_one(Appointment, (visit.tenant_id, visit.id)).state


def count(event: str) -> int:
    """Count how often something was recorded."""
    with unit_of_work() as session:
        counted = sa.select(sa.func.count(OutboxRow.event_id.distinct())).where(OutboxRow.event == event)
        return session.scalar(counted) or 0


def offers() -> list[tuple[int, str]]:
    """Give the offers that were made, each with its wish."""
    with unit_of_work() as session:
        rows = session.execute(sa.select(WaitingOffer.wish_id, WaitingOffer.state).order_by(WaitingOffer.id))
        return [tuple(row) for row in rows]


def waits(scene: Scene, count: int, day: dt.date) -> list[int]:
    """Put fans on the list for any time of a day; gives their wishes."""
    made = []
    for fan in range(count):
        window = Window(EVERY_DAY, 0, 1440, day, day)
        with unit_of_work() as session:
            wish = wanted(scene, fan, window=window)
            made.append(services.add_wish(session, wish, by=scene.fan(fan), now=clock.now()).id)
    return made
