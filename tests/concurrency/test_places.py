"""The last place goes to one, however many reach for it; without the guard it does not."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections import Counter
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.dialects.postgresql import insert

from engage.booking import queries, services
from engage.booking.errors import KeyReused, SlotFull
from engage.booking.models import Appointment, Place
from engage.booking.services import Book
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.outbox import OutboxRow
from tests.booking.scenes import Scene, make_scene
from tests.concurrency.race import WAIT, race
from tests.conftest import Chain


def booking(wish: Book) -> Callable[[Session], int]:
    """Make the call of one client."""
    now = clock.now()
    return lambda session: services.book(session, wish, now=now).id


def outcomes(results: list[object]) -> dict[str, int]:
    """Count what came of the calls, by the refusal's name."""
    return Counter("booked" if isinstance(one, int) else type(one).__name__ for one in results)


def ledger(scene: Scene) -> tuple[int, int, int]:
    """Give appointments, places taken and events of a chain: three countings of one thing."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return (
            session.scalar(sa.select(sa.func.count()).select_from(Appointment)),
            session.scalar(sa.select(sa.func.coalesce(sa.func.sum(Place.taken), 0))),
            session.scalar(sa.select(sa.func.count()).select_from(OutboxRow)),
        )


@pytest.mark.parametrize(("clients", "places"), [(64, 1), (48, 10)])
def test_the_last_places_go_to_as_many_as_there_are(
    app: Flask, chain: Chain, clients: int, places: int
) -> None:
    scene = make_scene(chain, per_slot=places, fan_count=clients)
    results = race(app, chain.id, [booking(scene.wish(fan=fan)) for fan in range(clients)])
    assert outcomes(results) == {"booked": places, "SlotFull": clients - places}
    assert ledger(scene) == (places, places, places)


def test_one_key_at_once_makes_one_appointment(app: Flask, chain: Chain) -> None:
    scene = make_scene(chain, per_slot=20)
    wish = scene.wish()
    results = race(app, chain.id, [booking(wish)] * 16)
    assert len(set(results)) == 1
    assert outcomes(results) == {"booked": 16}
    assert ledger(scene) == (1, 1, 1)


def test_one_key_for_two_wishes_at_once_makes_one_appointment(app: Flask, chain: Chain) -> None:
    scene, key = make_scene(chain, per_slot=20), uuid.uuid4()
    results = race(app, chain.id, [booking(scene.wish(key=key, slot=slot)) for slot in (0, 1)])
    assert outcomes(results) == {"booked": 1, KeyReused.__name__: 1}
    assert ledger(scene) == (1, 1, 1)


class ReadThenWrite:
    """The control: `queries.take` without its guard, held until all have read before any writes."""

    def __init__(self, callers: int) -> None:
        self.all_have_read = threading.Barrier(callers)

    def __call__(self, session: Session, resource: str, grid_start: dt.datetime, capacity: int) -> bool:
        found = sa.select(Place.taken).where(Place.resource == resource, Place.grid_start == grid_start)
        taken = session.scalar(found) or 0
        self.all_have_read.wait(WAIT)
        if taken >= capacity:
            return False
        values = {"resource": resource, "grid_start": grid_start, "capacity": capacity, "taken": taken + 1}
        session.execute(
            insert(Place)
            .values(values)
            .on_conflict_do_update(
                index_elements=["tenant_id", "resource", "grid_start"], set_={"taken": taken + 1}
            )
        )
        return True


def test_control_without_the_guard_it_overbooks(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene(chain, per_slot=1)
    monkeypatch.setattr(queries, "take", ReadThenWrite(callers=2))
    results = race(app, chain.id, [booking(scene.wish(fan=fan)) for fan in (0, 1)])
    assert outcomes(results) == {"booked": 2}
    appointments, taken, _events = ledger(scene)
    assert (appointments, taken) == (2, 1)


def test_control_without_the_held_key_a_repeat_breaks(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both look for the key before either has written; the unique key then refuses the second."""
    scene = make_scene(chain, per_slot=20)
    wish, both_have_looked = scene.wish(), threading.Barrier(2)
    find = queries.by_key

    def look(session: Session, key: uuid.UUID) -> Appointment | None:
        found = find(session, key)
        both_have_looked.wait(WAIT)
        return found

    monkeypatch.setattr(queries, "hold_key", lambda _session, _key: None)
    monkeypatch.setattr(queries, "by_key", look)
    results = race(app, chain.id, [booking(wish)] * 2)
    assert outcomes(results) == {"booked": 1, "IntegrityError": 1}


def test_a_refused_client_leaves_nothing(app: Flask, chain: Chain) -> None:
    scene = make_scene(chain, per_slot=1)
    race(app, chain.id, [booking(scene.wish())])
    (refusal,) = race(app, chain.id, [booking(scene.wish(fan=1))])
    assert isinstance(refusal, SlotFull)
    assert ledger(scene) == (1, 1, 1)
