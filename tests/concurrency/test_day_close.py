"""A day closes while the desk still checks somebody in: one of both is so, and without the guard both are."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import Actor
from engage.booking import queries, services
from engage.booking.models import Appointment, Touch
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.leases import Claim
from engage.kernel.outbox import OutboxRow
from engage.reactions.notifications import remind
from tests.booking.scenes import Scene, make_scene
from tests.concurrency.race import WAIT, race
from tests.conftest import Chain

DESK = Actor("staff", 7)


@dataclass(frozen=True, slots=True)
class Closing:
    """A visit that stood all day, what a worker has claimed to close it, and when."""

    scene: Scene
    visit_id: int
    touch_id: int
    claim: Claim
    at: dt.datetime


@pytest.fixture
def closing(chain: Chain) -> Closing:
    scene = make_scene(chain)
    with tenant_scope(chain.id):
        with unit_of_work() as session:
            visit_id = services.book(session, scene.wish(), by=DESK, now=clock.now()).id
            services.arrange(session, visit_id, now=clock.now())
            closes = (Touch.appointment_id == visit_id, Touch.kind == "day_close")
            touch_id, at = session.execute(sa.select(Touch.id, Touch.at).where(*closes)).one()
        with unit_of_work() as session:
            claim = services.claim_touches(session, now=at)
    return Closing(scene, visit_id, touch_id, claim, at)


def close(closing: Closing) -> Callable[[Session], str]:
    """Make the call of the worker; gives what became of the close."""

    def call(session: Session) -> str:
        services.reach(session, closing.claim, closing.touch_id, remind, now=closing.at)
        session.flush()
        return str(session.scalar(sa.select(Touch.state).where(Touch.id == closing.touch_id)))

    return call


def check_in(closing: Closing) -> Callable[[Session], str]:
    """Make the call of a desk that has seen the visit as it stood."""

    def call(session: Session) -> str:
        services.act(session, closing.visit_id, "check_in", version=1, by=DESK, now=closing.at)
        return "checked in"

    return call


def told(closing: Closing) -> dict[str, int]:
    """Count what was told of the visit's end."""
    with tenant_scope(closing.scene.chain.id), unit_of_work() as session:
        events = session.execute(sa.select(OutboxRow.event_id, OutboxRow.event).distinct())
        counted = Counter(row.event for row in events)
        return {name: counted[f"booking.{name}"] for name in ("checked_in", "no_show")}


def visit_of(closing: Closing) -> Appointment:
    with tenant_scope(closing.scene.chain.id), unit_of_work() as session:
        return queries.appointment(session, closing.visit_id)


@pytest.mark.parametrize("desks", [1, 4])
def test_a_visit_is_checked_in_or_closed(app: Flask, closing: Closing, desks: int) -> None:
    closed, *desk = race(
        app, closing.scene.chain.id, [close(closing), *[check_in(closing) for _ in range(desks)]]
    )
    came = closed == "dropped"
    assert closed in {"done", "dropped"}
    assert {one if isinstance(one, str) else type(one).__name__ for one in desk} == {
        "checked in" if came else "Stale"
    }
    visit = visit_of(closing)
    assert (visit.state, visit.version) == ("checked_in" if came else "no_show", 2)
    assert (visit.checked_in_at is None, visit.no_show_at is None) == (not came, came)
    assert told(closing) == {"checked_in": int(came), "no_show": int(not came)}


def test_who_is_checked_in_before_the_worker_looks_is_left_alone(app: Flask, closing: Closing) -> None:
    race(app, closing.scene.chain.id, [check_in(closing)])
    assert race(app, closing.scene.chain.id, [close(closing)]) == ["dropped"]
    assert visit_of(closing).state == "checked_in"


def test_control_without_the_lock_of_the_visit_it_is_both(
    app: Flask, closing: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_have_looked, looked = threading.Barrier(2), threading.local()

    def look(session: Session, appointment_id: int, **_asked: object) -> Appointment:
        found = queries.appointment(session, appointment_id)
        if not hasattr(looked, "once"):
            looked.once = True
            both_have_looked.wait(WAIT)
        return found

    monkeypatch.setattr(queries, "locked", look)
    assert race(app, closing.scene.chain.id, [close(closing), check_in(closing)]) == ["done", "checked in"]
    assert told(closing) == {"checked_in": 1, "no_show": 1}
