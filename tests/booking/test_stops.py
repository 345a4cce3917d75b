"""What is due about visits after the machine stood still (R23)."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.booking.models import WaitingWish
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.notifications import services as notifications
from engage.notifications.models import Delivery
from engage.tasks.models import Task
from tests.booking.clocks import (
    DAY,
    HOUR,
    Planned,
    SetClock,
    Waited,
    at,
    offers,
    reached,
    ring,
    state_of,
    tasks,
    told,
)
from tests.conftest import Chain


def test_after_a_stop_one_reminder_follows_in_the_morning(
    chain: Chain, day: dt.date, planned: Planned, set_clock: SetClock
) -> None:
    """The machine stood still over three reminders and a call, and is up again at night."""
    planned(10)
    for moment in (at(day - DAY, 23), at(day, 3), at(day, 7, 59)):
        set_clock(moment)
        ring(chain)
        assert told() == []
    with unit_of_work() as session:
        due_at = session.scalars(sa.select(Task.due_at).where(Task.kind == "call_confirm")).one()
    assert due_at == at(day, 9)
    set_clock(at(day, 8) + dt.timedelta(seconds=1))
    ring(chain)
    assert told() == [("evening", f"{day:%m-%d} 08")]


def test_a_reminder_that_was_written_but_not_sent_stays_in_at_night(
    chain: Chain, day: dt.date, planned: Planned, set_clock: SetClock
) -> None:
    """The machine stopped between writing and sending: somebody calls in the morning instead."""
    planned(21)
    set_clock(at(day - DAY, 19))
    ring(chain)
    assert told() == [("evening", f"{day - DAY:%m-%d} 19")]
    with unit_of_work() as session:
        session.execute(sa.delete(Task))
    set_clock(at(day, 2))
    with unit_of_work() as session:
        assert notifications.claim(session, now=clock.now(), batch=5)[1] == []
    ring(chain)
    with unit_of_work() as session:
        kind = Delivery.kind == "appointment_reminder"
        assert session.scalars(sa.select(Delivery.reason).where(kind)).all() == ["too_late"]
        due_at = session.scalars(sa.select(Task.due_at).where(Task.kind == "call_confirm")).one()
    assert due_at == at(day, 9)


def test_after_a_stop_nobody_is_woken_for_a_visit_early_in_the_morning(
    chain: Chain, day: dt.date, planned: Planned, set_clock: SetClock
) -> None:
    planned(7)
    for moment in (at(day, 2), at(day, 6, 59)):
        set_clock(moment)
        ring(chain)
    with unit_of_work() as session:
        kind = Delivery.kind == "appointment_reminder"
        assert session.scalars(sa.select(Delivery.state).where(kind)).all() == ["skipped"]


@pytest.mark.parametrize(("hours", "called"), [(26, 1), (60, 0)])
def test_after_a_stop_over_the_visit_its_day_is_closed_at_the_first_ring(
    chain: Chain, day: dt.date, planned: Planned, set_clock: SetClock, hours: int, called: int
) -> None:
    """Nobody is reminded of what is over, and called only as long as that is of use."""
    visit = planned(10)
    set_clock(at(day, 10) + hours * HOUR)
    ring(chain)
    assert told() == []
    assert state_of(visit) == "no_show"
    assert (tasks("call_no_show"), tasks("call_confirm")) == (called, 0)
    assert reached(chain) == []


def test_after_a_stop_an_offer_has_run_out_and_the_next_is_asked_in_the_morning(
    chain: Chain, day: dt.date, waited: Waited, set_clock: SetClock
) -> None:
    _scene, (first, second) = waited(2, 10, since=at(day - 3 * DAY, 20, 45))
    ring(chain)
    assert offers() == [(first, "open")]
    for moment in (at(day - 2 * DAY, 3), at(day - 2 * DAY, 7, 59)):
        set_clock(moment)
        ring(chain)
        assert offers() == [(first, "expired")]
    set_clock(at(day - 2 * DAY, 8) + dt.timedelta(seconds=1))
    ring(chain)
    assert offers() == [(first, "expired"), (second, "open")]
    with unit_of_work() as session:
        states = session.scalars(sa.select(WaitingWish.state).order_by(WaitingWish.id)).all()
    assert states == ["waiting", "offered"]
