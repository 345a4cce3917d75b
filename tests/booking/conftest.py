"""A scene with one place a slot, the test's session once it is set, and clocks that tests set."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from engage.booking import services
from engage.booking.models import Appointment, Hold, Place, WaitingWish
from engage.booking.rules import Span, moves
from engage.kernel import clock
from engage.kernel.db import Session
from engage.kernel.outbox import OutboxRow
from tests.booking.clocks import DAY, SHANGHAI, Planned, SetClock, Waited, at, book, ring, see, waits
from tests.booking.scenes import Scene, make_scene
from tests.booking.wishes import AFTER, DESK, Add, noon, wanted
from tests.conftest import Chain
from tests.notifications.scenes import word


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain, per_slot=1)


@pytest.fixture
def session(scene: Scene, session: Session) -> Session:
    """The test's session, once the scene is set."""
    return session


@pytest.fixture
def recorded(session: Session):
    """Give the events that were recorded, in order and each once."""

    def events() -> list[str]:
        rows = session.execute(sa.select(OutboxRow.event_id, OutboxRow.event).order_by(OutboxRow.id))
        return list(dict(map(tuple, rows)).values())

    return events


@pytest.fixture
def assert_balanced(session: Session):
    """Assert I2: what the ledger says is taken is what visits and holds take."""

    def check() -> None:
        expected = {}
        kept = [
            *session.scalars(sa.select(Appointment).where(Appointment.state != "cancelled")),
            *session.scalars(sa.select(Hold)),
        ]
        spans = [Span(one.resource, one.starts_at, one.ends_at) for one in kept]
        for move in moves(spans):
            expected[move.resource, move.grid_start] = -move.places
        places = session.execute(sa.select(Place.resource, Place.grid_start, Place.taken, Place.capacity))
        taken = {(row.resource, row.grid_start): row.taken for row in places if row.taken}
        assert taken == expected

    return check


@pytest.fixture
def add(session: Session, scene: Scene) -> Add:
    """Put somebody on the list, each a second after the one before."""
    count = 0

    def put(fan: int = 0, **changes: Any) -> WaitingWish:
        nonlocal count
        count += 1
        by = scene.fan(fan) if changes.get("fan_id", 0) is not None else DESK
        now = noon(scene) - dt.timedelta(minutes=10) + count * AFTER
        return services.add_wish(session, wanted(scene, fan, **changes), by=by, now=now)

    return put


@pytest.fixture
def set_clock(tmp_path: Path) -> Iterator[SetClock]:
    """Give what sets the clock of this test alone."""
    before = clock._offset.file
    clock.use_offset(tmp_path / "clock-offset")
    yield lambda moment: clock.advance((moment - clock.now()).total_seconds())
    clock.use_offset(before)


@pytest.fixture
def moved_to_noon(scene: Scene, set_clock: SetClock) -> None:
    """Let every process's clock show the scene's noon, so that the test holds at any hour."""
    set_clock(noon(scene))


@pytest.fixture
def day() -> dt.date:
    """The day of the visits, a month from now."""
    return clock.local(clock.now(), SHANGHAI).date() + 30 * DAY


@pytest.fixture
def planned(scope: Chain, day: dt.date, set_clock: SetClock) -> Planned:
    """Give what books a visit at an hour of the day, ten days before, where reminders are sent."""

    def make(hour: int) -> Appointment:
        scene = make_scene(scope)
        word(scene, "appointment_reminder")
        see(scene, at(day, hour))
        set_clock(at(day - 10 * DAY, 10))
        visit = book(scene, at(day, hour))
        ring(scope)
        return visit

    return make


@pytest.fixture
def waited(scope: Chain, day: dt.date, set_clock: SetClock) -> Waited:
    """Give what lets fans wait, since a moment, for hours of the day at which one person is seen."""

    def make(fans: int, *hours: int, since: dt.datetime) -> tuple[Scene, list[int]]:
        scene = make_scene(scope, fan_count=fans)
        see(scene, *(at(day, hour) for hour in hours), places=1)
        set_clock(since)
        return scene, waits(scene, fans, day)

    return make
