"""The waiting room when two do something at once; without the guards two call one, or one is lost."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import Actor
from engage.booking import queries, services
from engage.booking.models import Appointment, WalkIn
from engage.booking.services import WalkInWish, arriving, limits
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.outbox import OutboxRow
from tests.booking.scenes import Scene, make_scene
from tests.concurrency.race import WAIT, race
from tests.conftest import Chain

DESK = Actor("staff", 7)


@pytest.fixture
def scene(chain: Chain) -> Scene:
    """Two people wait who came without an appointment."""
    scene = make_scene(chain)
    with tenant_scope(chain.id), unit_of_work() as session:
        for name in ("陈先生", "赵女士"):
            wish = WalkInWish(uuid.uuid4(), chain.store.id, name=name)
            services.walk_in(session, wish, by=DESK, now=scene.opens_at)
    return scene


@pytest.fixture
def visit_id(scene: Scene) -> int:
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return services.book(session, scene.wish(), by=scene.fan(), now=clock.now()).id


def calling(scene: Scene) -> Callable[[Session], str]:
    def call(session: Session) -> str:
        called = services.call_next(session, scene.chain.store.id, by=DESK, now=scene.opens_at)
        return called.name if called else "nobody"

    return call


def acting(scene: Scene, visit_id: int, name: str) -> Callable[[Session], str]:
    def call(session: Session) -> str:
        services.act(session, visit_id, name, version=1, by=DESK, now=scene.opens_at)
        return name

    return call


def outcomes(results: list[object]) -> dict[str, int]:
    return Counter(one if isinstance(one, str) else type(one).__name__ for one in results)


def counted(scene: Scene, event: str) -> int:
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        events = sa.select(sa.func.count(OutboxRow.event_id.distinct())).where(OutboxRow.event == event)
        return session.scalar(events) or 0


def test_of_four_who_call_the_next_each_calls_another(app: Flask, scene: Scene) -> None:
    results = race(app, scene.chain.id, [calling(scene)] * 4)
    assert outcomes(results) == {"陈先生": 1, "赵女士": 1, "nobody": 2}


def test_control_of_two_who_look_without_the_lock_one_calls_nobody(
    app: Flask, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_have_looked = threading.Barrier(2)
    look = arriving.arrivals.room

    def looking(session: Session, store_id: int, *, now):
        found = look(session, store_id, now=now)
        both_have_looked.wait(WAIT)
        return found

    monkeypatch.setattr(arriving.ledger, "lock", lambda *_names: None)
    monkeypatch.setattr(arriving.arrivals, "room", looking)
    results = race(app, scene.chain.id, [calling(scene)] * 2)
    assert outcomes(results) == {"陈先生": 1, "NotPossible": 1}


@pytest.mark.parametrize("other", ["check_in", "no_show"])
def test_of_two_who_say_what_became_of_a_visit_one_is_heard(
    app: Flask, scene: Scene, visit_id: int, other: str
) -> None:
    """The same twice is one; checked in and missed at once is one of both."""
    names = ["check_in"] * 4 + [other] * 4
    results = outcomes(race(app, scene.chain.id, [acting(scene, visit_id, name) for name in names]))
    assert results in ({"check_in": 8}, {"check_in": 4, "Stale": 4}, {"no_show": 4, "Stale": 4})
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        visit = queries.appointment(session, visit_id)
        assert visit.version == 2
        assert visit.state == ("checked_in" if "check_in" in results else "no_show")
    assert counted(scene, "booking.kept") == ("check_in" in results)


def test_control_a_visit_that_is_read_without_its_lock_is_both(
    app: Flask, scene: Scene, visit_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_have_looked = threading.Barrier(2)

    def look(session: Session, appointment_id: int, **_asked: object) -> Appointment:
        found = queries.appointment(session, appointment_id)
        both_have_looked.wait(WAIT)
        return found

    monkeypatch.setattr(limits.queries, "locked", look)
    calls = [acting(scene, visit_id, name) for name in ("check_in", "no_show")]
    assert outcomes(race(app, scene.chain.id, calls)) == {"check_in": 1, "no_show": 1}


def test_a_form_sent_twice_at_once_notes_one(app: Flask, scene: Scene) -> None:
    wish = WalkInWish(uuid.uuid4(), scene.chain.store.id, name="孙先生")

    def noting(session: Session) -> int:
        return services.walk_in(session, wish, by=DESK, now=scene.opens_at).id

    results = race(app, scene.chain.id, [noting] * 8)
    assert len(set(results)) == 1
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(WalkIn)) == 3
    assert counted(scene, "booking.walked_in") == 3
