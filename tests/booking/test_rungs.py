"""Rungs of the ladder at the edge of their time: due before their plan is written, or as the day ends."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.booking import queries, services
from engage.booking.models import Appointment
from engage.clinic import services as clinic
from engage.kernel import clock, outbox
from engage.kernel.db import unit_of_work
from engage.notifications.models import Delivery
from engage.reactions.notifications import remind
from tests.booking.scenes import Scene
from tests.notifications.scenes import word

DAY = dt.timedelta(days=1)
MINUTE = dt.timedelta(minutes=1)
SECOND = dt.timedelta(seconds=1)


def at(days: int, hour: int, minute: int = 0) -> dt.datetime:
    """Give a time by the store's clock, so many days from today."""
    day = clock.local(clock.now(), "Asia/Shanghai").date() + days * DAY
    return dt.datetime.combine(day, dt.time(hour, minute), ZoneInfo("Asia/Shanghai")).astimezone(dt.UTC)


@pytest.fixture
def scene(scene: Scene, scope: None) -> Scene:
    """A doctor who sees patients until late, ten days from now."""
    with unit_of_work() as session:
        clinic.add_shift(
            session,
            doctor_id=scene.doctor_id,
            store_id=scene.chain.store.id,
            starts_at=at(10, 8),
            ends_at=at(10, 23),
            slot_minutes=30,
            per_slot=1,
        )
    word(scene, "appointment_reminder")
    return scene


def book(scene: Scene, starts_at: dt.datetime, *, now: dt.datetime) -> Appointment:
    with unit_of_work() as session:
        return services.book(session, scene.wish(starts_at=starts_at), by=OPERATOR, now=now)


def react(now: dt.datetime) -> None:
    with unit_of_work() as session:
        claimed = outbox.claim(session, now=now)
    with unit_of_work() as session:
        outbox.work(session, claimed, now=now)


def work(now: dt.datetime) -> None:
    """Let a worker do what is due at a moment."""
    with unit_of_work() as session:
        claimed = services.claim_touches(session, now=now)
    for touch_id in claimed.ids:
        with unit_of_work() as session:
            services.reach(session, claimed, touch_id, remind, now=now)


def rungs(visit: Appointment) -> dict[str, str]:
    with unit_of_work() as session:
        return {touch.kind: touch.state for touch in queries.touches(session, visit.id)}


def reminders() -> int:
    with unit_of_work() as session:
        counted = sa.select(sa.func.count()).select_from(Delivery)
        return session.scalar(counted.where(Delivery.kind == "appointment_reminder")) or 0


def test_a_rung_that_falls_due_before_it_is_planned_goes_out_late(scene: Scene) -> None:
    visit = book(scene, at(10, 10), now=at(9, 19) - SECOND)
    react(at(9, 19) + MINUTE)
    work(at(9, 19) + MINUTE)
    assert rungs(visit)["evening"] == "done"
    assert reminders() == 1


def test_what_fell_due_before_a_visit_stood_is_not_said(scene: Scene) -> None:
    """A request is told of once it is approved; the rungs of the days before are not made up for."""
    with unit_of_work() as session:
        visit = services.book(session, scene.wish(starts_at=at(10, 10)), by=OPERATOR, now=at(1, 9))
        session.execute(sa.update(Appointment).values(state="requested"))
    react(at(1, 9))
    with unit_of_work() as session:
        services.act(session, visit.id, "approve", by=OPERATOR, now=at(9, 20))
    react(at(9, 20) + MINUTE)
    assert not rungs(visit).keys() & {"week", "two_days", "evening"}


@pytest.mark.parametrize("late", [SECOND, 59 * MINUTE])
def test_the_last_rung_of_a_day_goes_out_that_day(scene: Scene, late: dt.timedelta) -> None:
    """Of a visit late in the evening, also where the worker is late."""
    visit = book(scene, at(10, 21, 30), now=at(7, 9))
    react(at(7, 9))
    work(at(8, 20) - SECOND)
    assert reminders() == 0
    work(at(8, 20) + late)
    assert (rungs(visit)["two_days"], reminders()) == ("done", 1)


def test_from_nine_on_it_waits_for_the_morning(scene: Scene) -> None:
    visit = book(scene, at(10, 21, 30), now=at(7, 9))
    react(at(7, 9))
    for moment in (at(8, 21), at(9, 7, 59)):
        work(moment)
        assert (rungs(visit)["two_days"], reminders()) == ("planned", 0)
    work(at(9, 8))
    assert (rungs(visit)["two_days"], reminders()) == ("done", 1)
