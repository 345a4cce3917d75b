"""A scene with one place a slot, and the test's session once it is set."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from engage.booking.models import Appointment, Hold, Place
from engage.booking.rules import Span, moves
from engage.kernel.db import Session
from engage.kernel.outbox import OutboxRow
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain


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
