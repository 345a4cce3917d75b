"""Visits that a store looks at first (BK-2, BK-10): asked for, approved, moved by their patient."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR, Actor
from engage.booking import queries, services
from engage.booking.errors import SlotFull
from engage.booking.models import Appointment, Place
from engage.booking.rules.terms import Terms
from engage.booking.services import Change
from engage.kernel import clock
from engage.kernel.db import Session
from engage.notifications.models import Delivery
from engage.reactions import notifications
from tests.booking.scenes import SLOT, Scene

DESK = Actor("staff", 7)


def set_approval(session: Session, scene: Scene, *, approval: bool) -> None:
    terms = Terms(approval=approval)
    services.set_terms(session, scene.chain.store.id, terms, by=OPERATOR, now=clock.now())


@pytest.fixture
def asked(session: Session, scene: Scene) -> Appointment:
    """A visit that the first fan asked for."""
    set_approval(session, scene, approval=True)
    return services.book(session, scene.wish(), by=scene.fan(), now=clock.now())


def approve(session: Session, visit: Appointment) -> None:
    services.act(session, visit.id, "approve", version=visit.version, by=DESK, now=clock.now())


def move(session: Session, visit: Appointment, slots: int, *, by: Actor) -> None:
    at = visit.starts_at + slots * SLOT
    wish = Change(visit.id, visit.version, visit.store_id, visit.doctor_id, at)
    services.change(session, wish, by=by, now=clock.now())


def told(session: Session, visit: Appointment, kind: str) -> int:
    """Let the reaction to a visit write its message; gives how many there are of it."""
    payload = {"appointment_id": visit.id, "version": visit.version}
    getattr(notifications, f"tell_{kind}")(session, payload, now=clock.now())
    mine = sa.select(sa.func.count()).where(Delivery.subject_id == visit.id)
    return session.scalars(mine.where(Delivery.subject_version == visit.version)).one()


def test_what_is_asked_for_keeps_its_place_and_is_told_once_decided(
    session: Session, scene: Scene, asked: Appointment
) -> None:
    assert (asked.state, session.scalar(sa.select(sa.func.sum(Place.taken)))) == ("requested", 6)
    with pytest.raises(SlotFull):
        services.book(session, scene.wish(fan=1), by=scene.fan(1), now=clock.now())
    assert told(session, asked, "booked") == 0
    approve(session, asked)
    assert (asked.state, told(session, asked, "confirmed")) == ("confirmed", 1)


def test_staff_book_and_move_without_asking_anybody(
    session: Session, scene: Scene, asked: Appointment
) -> None:
    by_desk = services.book(session, scene.wish(fan=1, slot=1), by=DESK, now=clock.now())
    assert by_desk.state == "confirmed"
    approve(session, asked)
    move(session, asked, 2, by=DESK)
    assert (asked.state, told(session, asked, "changed")) == ("confirmed", 1)


def test_a_patients_move_is_looked_at_again(session: Session, scene: Scene, asked: Appointment) -> None:
    approve(session, asked)
    move(session, asked, 1, by=scene.fan())
    assert (asked.state, told(session, asked, "changed")) == ("requested", 0)
    assert queries.locked(session, asked.id).version == 3
    approve(session, asked)
    assert told(session, asked, "confirmed") == 1


def test_where_nobody_looks_at_it_a_move_stands(session: Session, scene: Scene, asked: Appointment) -> None:
    set_approval(session, scene, approval=False)
    move(session, asked, 1, by=scene.fan())
    assert (asked.state, told(session, asked, "changed")) == ("confirmed", 1)
