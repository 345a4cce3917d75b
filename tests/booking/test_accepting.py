"""Who accepts what the waiting list offered is booked, or their visit moves (BK-17)."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from engage.booking import services
from engage.booking.errors import Stale
from engage.booking.models import Hold
from engage.booking.queries import waiting as queries
from engage.booking.services import Instead, Time
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from tests.booking.scenes import SLOT, Scene
from tests.booking.wishes import (
    AFTER,
    DESK,
    Add,
    Balanced,
    Recorded,
    approve_at,
    fill,
    noon,
    offered,
)


def test_who_accepts_is_booked_once(
    session: Session, scene: Scene, add: Add, assert_balanced: Balanced, recorded: Recorded
) -> None:
    fill(session, scene, but=(1,))
    wish = add(0)
    made = offered(session, scene)
    visits = [
        services.accept_offer(session, made.id, by=scene.fan(), now=noon(scene) + AFTER).id for _ in range(2)
    ]
    assert visits[0] == visits[1]
    assert (wish.state, made.state, made.appointment_id) == ("booked", "taken", visits[0])
    assert session.scalars(sa.select(Hold)).all() == []
    assert_balanced()
    told = [event for event in recorded() if event.startswith("waiting.")]
    assert told == ["waiting.wished", "waiting.offered", "waiting.taken"]


def test_a_later_visit_moves_to_what_is_offered(
    session: Session, scene: Scene, add: Add, assert_balanced: Balanced, recorded: Recorded
) -> None:
    fill(session, scene, but=(1, 4))
    later = services.book(session, scene.wish(slot=4), by=scene.fan(), now=noon(scene))
    add(0)
    made = offered(session, scene)
    (row,) = queries.wish_rows(session, [queries.wish(session, made.wish_id)])
    assert queries.later_visit(session, row, who="patient", now=noon(scene)) is later
    instead = services.Instead(later.id, later.version)
    for _ in range(2):  # a double tap
        visit = services.accept_offer(session, made.id, instead=instead, by=scene.fan(), now=noon(scene))
        assert (visit.id, visit.starts_at, visit.version) == (later.id, made.starts_at, 2)
    assert (made.state, made.appointment_id) == ("taken", later.id)
    assert session.scalars(sa.select(Hold)).all() == []
    assert_balanced()
    assert recorded()[-2:] == ["booking.changed", "waiting.taken"]


def test_by_hand_the_desk_moves_a_later_visit(
    session: Session, scene: Scene, add: Add, assert_balanced: Balanced
) -> None:
    fill(session, scene, but=(1, 4))
    later = services.book(session, scene.wish(slot=4), by=scene.fan(), now=noon(scene))
    wish = add(0, fan_id=None)
    at = Time(scene.doctor_id, scene.opens_at + SLOT)
    made = services.offer_by_hand(session, wish.id, at, by=DESK, now=noon(scene))
    instead = services.Instead(later.id, later.version)
    services.accept_offer(session, made.id, instead=instead, by=DESK, now=noon(scene))
    assert (later.starts_at, later.state) == (at.starts_at, "confirmed")
    assert session.scalars(sa.select(Hold)).all() == []
    assert_balanced()


def test_no_visit_of_another_moves_to_what_is_offered(session: Session, scene: Scene, add: Add) -> None:
    fill(session, scene, but=(1, 3, 4))
    theirs = services.book(session, scene.wish(fan=1, slot=4), by=scene.fan(1), now=noon(scene))
    mine = services.book(session, scene.wish(slot=3), by=scene.fan(), now=noon(scene))
    add(0)
    made = offered(session, scene)
    instead = services.Instead(theirs.id, theirs.version)
    for by in (scene.fan(), DESK):
        with pytest.raises(NotFound):
            services.accept_offer(session, made.id, instead=instead, by=by, now=noon(scene))
    instead = services.Instead(mine.id, mine.version + 1)
    with pytest.raises(Stale):
        services.accept_offer(session, made.id, instead=instead, by=scene.fan(), now=noon(scene))
    assert made.state == "open"


def test_what_may_not_be_moved_any_more_is_not_asked_for(session: Session, scene: Scene, add: Add) -> None:
    fill(session, scene, but=(1, 4))
    services.book(session, scene.wish(slot=4), by=scene.fan(), now=noon(scene))
    add(0)
    made = offered(session, scene)
    (row,) = queries.wish_rows(session, [queries.wish(session, made.wish_id)])
    late = scene.opens_at + AFTER
    assert queries.later_visit(session, row, who="patient", now=late) is None
    assert queries.later_visit(session, row, who="staff", now=late) is not None


def test_an_offer_that_ran_out_can_be_taken_until_it_is_passed_on(
    session: Session, scene: Scene, add: Add
) -> None:
    fill(session, scene, but=(2,))
    add(0)
    made = offered(session, scene)
    late = made.expires_at + AFTER
    services.sweep(session, now=late, batch=10)  # the hold is over, and the place still free
    assert services.accept_offer(session, made.id, by=scene.fan(), now=late).starts_at == made.starts_at


def test_what_the_clinic_offered_stands_at_once(session: Session, scene: Scene, add: Add) -> None:
    approve_at(session, scene)
    fill(session, scene, but=(3,))
    add(0)
    made = offered(session, scene)
    visit = services.accept_offer(session, made.id, by=scene.fan(), now=noon(scene))
    assert (visit.state, visit.version) == ("confirmed", 2)
    again = services.accept_offer(session, made.id, by=scene.fan(), now=noon(scene))
    assert (again.id, again.version) == (visit.id, 2)


def test_a_visit_that_moves_to_what_was_offered_stands_at_once(
    session: Session, scene: Scene, add: Add
) -> None:
    approve_at(session, scene)
    fill(session, scene, but=(1, 5))
    later = services.book(session, scene.wish(slot=5), by=DESK, now=noon(scene))
    add(0)
    made = offered(session, scene)
    instead = Instead(later.id, later.version)
    moved = services.accept_offer(session, made.id, by=scene.fan(), now=noon(scene), instead=instead)
    assert (moved.id, moved.state, moved.starts_at) == (later.id, "confirmed", scene.opens_at + SLOT)
