"""Visits that patients book by themselves in the place of one they missed (BK-12)."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR, SYSTEM
from engage.booking import queries, services
from engage.booking.models import Appointment
from engage.booking.rules import keeping
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import SLOT, Scene
from tests.booking.test_keeping import book, calls, react

AT = dt.datetime(2026, 3, 2, 2, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
A_SECOND = dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("state", "booked_at", "expected"),
    [
        ("no_show", AT + DAY, True),
        ("no_show", AT + 30 * DAY, True),
        ("no_show", AT + 30 * DAY + A_SECOND, False),
        ("no_show", AT, False),
        ("confirmed", AT + SLOT, True),
        ("confirmed", AT + SLOT - A_SECOND, False),  # may still come late
        ("completed", AT + DAY, False),
        ("cancelled", AT + DAY, False),
        ("requested", AT + DAY, False),
        ("checked_in", AT + DAY, False),
    ],
)
def test_what_is_booked_in_the_place_of_what(state: str, booked_at: dt.datetime, expected: bool) -> None:
    missed = Appointment(state=state, starts_at=AT, ends_at=AT + SLOT)
    assert keeping.is_rebooked(missed, booked_at) is expected


@pytest.fixture
def missed(scene: Scene, scope) -> Appointment:
    """A visit of three days ago to which nobody came, and whose call is open."""
    visit = book(scene, scene.opens_at)
    at = clock.now() - 3 * DAY
    with unit_of_work() as session:
        session.execute(sa.update(Appointment).values(starts_at=at, ends_at=at + SLOT))
        services.act(session, visit.id, "no_show", by=SYSTEM, now=at + SLOT)
    react(at + SLOT)
    with unit_of_work() as session:
        session.execute(sa.text("UPDATE outbox SET available_at = NULL WHERE settled_at IS NULL"))
    assert calls()[-1] == ("call_no_show", "open", None)
    return visit


def test_who_did_not_come_is_called_once_however_often_it_is_looked_at(missed: Appointment) -> None:
    for _ in range(2):
        with unit_of_work() as session:
            services.arrange(session, missed.id, now=clock.now() - 3 * DAY + SLOT)
    assert calls().count(("call_no_show", "open", None)) == 1


def made_from(visit: Appointment) -> int | None:
    with unit_of_work() as session:
        return queries.appointment(session, visit.id).rebooked_from_id


def test_who_books_again_by_phone_needs_no_call(scene: Scene, missed: Appointment) -> None:
    again = book(scene, scene.opens_at + SLOT, by=scene.fan())
    assert made_from(again) == missed.id
    assert calls()[0] == ("call_no_show", "done", "rebooked")
    # One visit is tied to a missed one: the next is a visit of its own.
    assert made_from(book(scene, scene.opens_at + 2 * SLOT, by=scene.fan())) is None


def test_what_the_desk_books_or_another_patient_is_not_tied(scene: Scene, missed: Appointment) -> None:
    by_desk = book(scene, scene.opens_at + SLOT, by=OPERATOR, channel="desk", fan_id=None)
    others = book(scene, scene.opens_at + 2 * SLOT, by=scene.fan(1), fan=1)
    assert (made_from(by_desk), made_from(others)) == (None, None)
    assert ("call_no_show", "open", None) in calls()


@pytest.mark.parametrize("guarded", [True, False])
def test_of_two_visits_at_once_one_is_tied(
    app: Flask, scene: Scene, missed: Appointment, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """The control reads the missed visit without holding it: then both are made in its place."""
    by = scene.fan()
    with unit_of_work() as session:
        made = [services.book(session, scene.wish(slot=slot), by=by, now=clock.now()).id for slot in (1, 2)]
    if not guarded:
        monkeypatch.setattr("engage.booking.queries.locked", queries.appointment)
    begun, looked = threading.Barrier(2), threading.Barrier(2)
    before = queries.rebooked_as

    def look(session, appointment_id):
        found = before(session, appointment_id)
        if not guarded:
            looked.wait(10)
        return found

    monkeypatch.setattr("engage.booking.queries.rebooked_as", look)

    def tie(made_id: int) -> None:
        with app.app_context(), tenant_scope(scene.chain.id), unit_of_work() as session:
            begun.wait(10)
            services.tie(session, made_id, now=clock.now())

    threads = [threading.Thread(target=tie, args=(made_id,)) for made_id in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with unit_of_work() as session:
        tied = sa.select(sa.func.count()).where(Appointment.rebooked_from_id == missed.id)
        assert session.scalars(tied).one() == (1 if guarded else 2)
