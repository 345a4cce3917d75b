"""The ledger of places against a model: whatever is wished in whatever order, they agree after each wish."""

from __future__ import annotations

import uuid
from collections import Counter

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engage.booking import services
from engage.booking.errors import KeyReused, SlotFull
from engage.booking.models import Appointment, Place
from engage.kernel import clock
from engage.kernel.db import Session
from tests.booking.scenes import SLOT, Scene, make_scene
from tests.conftest import Chain

SLOTS, PLACES = 4, 2
WISHES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, SLOTS - 1), st.integers(0, 9)), max_size=14)


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain, per_slot=PLACES, slots=SLOTS)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes=WISHES)
def test_the_ledger_and_a_model_agree(
    scene: Scene, session: Session, wishes: list[tuple[int, int, int]]
) -> None:
    booked: dict[int, tuple[int, int]] = {}  # key → fan, slot
    with session.begin_nested() as savepoint:
        for fan, slot, key in wishes:
            taken = Counter(slot for _fan, slot in booked.values())
            if key in booked:
                expected = "booked" if booked[key] == (fan, slot) else "KeyReused"
            else:
                expected = "booked" if taken[slot] < PLACES else "SlotFull"
            assert outcome(session, scene, fan, slot, key) == expected
            if expected == "booked":
                booked[key] = (fan, slot)
            assert ledger(session, scene) == Counter(slot for _fan, slot in booked.values())
        savepoint.rollback()
    session.expunge_all()


def outcome(session: Session, scene: Scene, fan: int, slot: int, key: int) -> str:
    """Wish, and give what came of it."""
    try:
        services.book(session, scene.wish(fan=fan, slot=slot, key=uuid.UUID(int=key)), now=clock.now())
    except (SlotFull, KeyReused) as refusal:
        return type(refusal).__name__
    return "booked"


def ledger(session: Session, scene: Scene) -> Counter[int]:
    """Count places taken by slot; appointments say the same."""
    places = session.execute(sa.select(Place.grid_start, Place.taken)).all()
    counted = Counter(session.scalars(sa.select(Appointment.starts_at)).all())
    assert {row.grid_start: row.taken for row in places} == dict(counted)
    return Counter({(at - scene.opens_at) // SLOT: taken for at, taken in counted.items()})
