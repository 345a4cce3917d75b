"""Booking a visit."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace

import pytest
import sqlalchemy as sa

from engage.booking import queries, services
from engage.booking.errors import KeyReused, NotOpen, SlotFull
from engage.booking.models import Appointment, Place
from engage.kernel import clock, due, outbox
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.outbox import OutboxRow
from tests.booking.scenes import SLOT, Scene, make_scene
from tests.conftest import Chain


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain, per_slot=1)


@pytest.fixture
def session(scene: Scene, session: Session) -> Session:
    """The test's session, once the scene is set."""
    return session


def recorded(session: Session) -> list[str]:
    return list(session.scalars(sa.select(OutboxRow.event).order_by(OutboxRow.id)))


def test_a_booking_takes_a_place_and_says_so(scene: Scene, session: Session) -> None:
    now = clock.now()
    made = services.book(session, scene.wish(), now=now)
    assert (made.state, made.version, made.booked_at) == ("confirmed", 1, now)
    assert (made.starts_at, made.ends_at) == (scene.opens_at, scene.opens_at + SLOT)
    assert made.store_id == scene.chain.store.id
    place = session.scalars(sa.select(Place)).one()
    assert (place.resource, place.grid_start, place.taken, place.capacity) == (
        f"doctor:{scene.doctor_id}",
        scene.opens_at,
        1,
        1,
    )
    row = session.scalars(sa.select(OutboxRow)).one()
    assert (row.event, row.payload) == ("booking.booked", {"appointment_id": made.id})
    assert due.seen(session, outbox.QUEUE, now=now)


def test_the_name_is_sealed_at_rest(scene: Scene, session: Session) -> None:
    services.book(session, scene.wish(name="王小红"), now=clock.now())
    (stored,) = session.execute(sa.text("select patient_name from appointment")).scalars()
    assert "王小红".encode() not in bytes(stored)
    session.expire_all()
    assert session.scalars(sa.select(Appointment)).one().patient_name == "王小红"


def test_a_repeat_with_the_same_key_is_the_same_booking(scene: Scene, session: Session) -> None:
    wish = scene.wish()
    made = services.book(session, wish, now=clock.now())
    assert services.book(session, wish, now=clock.now()) is made
    assert recorded(session) == ["booking.booked"]


def test_a_repeat_is_answered_after_the_time_has_begun(scene: Scene, session: Session) -> None:
    wish = scene.wish()
    made = services.book(session, wish, now=clock.now())
    assert services.book(session, wish, now=scene.opens_at + SLOT) is made


@pytest.mark.parametrize("change", ["fan_id", "doctor_id", "starts_at"])
def test_a_key_of_another_wish_is_refused(scene: Scene, session: Session, change: str) -> None:
    wish = scene.wish()
    services.book(session, wish, now=clock.now())
    other = {"fan_id": scene.fan_ids[1], "doctor_id": 0, "starts_at": scene.opens_at + SLOT}[change]
    with pytest.raises(KeyReused):
        services.book(session, replace(wish, **{change: other}), now=clock.now())


@pytest.mark.parametrize("minutes", [-30, 15, 6 * 30])
def test_a_time_off_the_roster_is_refused(scene: Scene, session: Session, minutes: int) -> None:
    wish = replace(scene.wish(), starts_at=scene.opens_at + dt.timedelta(minutes=minutes))
    with pytest.raises(NotOpen):
        services.book(session, wish, now=clock.now())
    assert recorded(session) == []


def test_a_time_that_has_begun_is_refused(scene: Scene, session: Session) -> None:
    with pytest.raises(NotOpen):
        services.book(session, scene.wish(), now=scene.opens_at)


def test_an_unknown_doctor_is_refused(scene: Scene, session: Session) -> None:
    with pytest.raises(NotOpen):
        services.book(session, replace(scene.wish(), doctor_id=0), now=clock.now())


def test_a_full_slot_is_refused_with_the_nearest_free_ones(scene: Scene, session: Session) -> None:
    now = clock.now()
    for taken in (2, 3):
        services.book(session, scene.wish(slot=taken), now=now)
    with pytest.raises(SlotFull) as refusal:
        services.book(session, scene.wish(fan=1, slot=2), now=now)
    nearest = refusal.value.data["nearest"]
    assert [slot.starts_at for slot in nearest] == [scene.opens_at + SLOT * number for number in (0, 1, 4)]
    assert len(recorded(session)) == 2


def test_as_many_are_booked_as_there_are_places(chain: Chain, session: Session) -> None:
    scene = make_scene_twice(chain)
    now = clock.now()
    for _ in range(3):
        services.book(session, scene.wish(), now=now)
    with pytest.raises(SlotFull):
        services.book(session, scene.wish(), now=now)


def make_scene_twice(chain: Chain) -> Scene:
    """Set a second scene in a chain of its own name, with three places a slot."""
    return make_scene(replace(chain, slug=f"{chain.slug}-b"), per_slot=3)


def test_slots_tell_what_is_left(scene: Scene, session: Session) -> None:
    now = clock.now()
    services.book(session, scene.wish(slot=1), now=now)
    slots = queries.slots(
        session, scene.doctor_id, begin=scene.opens_at, end=scene.opens_at + 3 * SLOT, now=now
    )
    assert [(slot.starts_at, slot.free) for slot in slots] == [
        (scene.opens_at, 1),
        (scene.opens_at + SLOT, 0),
        (scene.opens_at + 2 * SLOT, 1),
    ]


def test_an_appointment_is_shown_to_its_own_fan_alone(scene: Scene, session: Session) -> None:
    made = services.book(session, scene.wish(fan=0), now=clock.now())
    mine, other = scene.fan_ids
    assert queries.appointment(session, made.id, fan_id=mine) is made
    for appointment_id, fan_id in ((made.id, other), (made.id + 1, mine)):
        with pytest.raises(NotFound):
            queries.appointment(session, appointment_id, fan_id=fan_id)


def test_the_day_shows_the_stores_one_sees(scene: Scene, session: Session) -> None:
    made = services.book(session, scene.wish(key=uuid.uuid4()), now=clock.now())
    begin, end = scene.opens_at - SLOT, scene.opens_at + SLOT

    def shown(stores: frozenset[int] | None) -> list[int]:
        return [row.id for row in queries.between(session, begin=begin, end=end, store_ids=stores)]

    assert shown(None) == shown(frozenset({scene.chain.store.id})) == [made.id]
    assert shown(frozenset()) == shown(frozenset({0})) == []
    assert queries.between(session, begin=begin, end=scene.opens_at, store_ids=None) == []


def test_days_are_counted_in_the_zone_of_the_clinic(scene: Scene, session: Session) -> None:
    services.book(session, scene.wish(), now=clock.now())
    span = {"begin": scene.opens_at - SLOT, "end": scene.opens_at + SLOT, "store_ids": None}
    date = scene.opens_at.date()
    assert queries.counts_by_day(session, zone="Asia/Shanghai", **span) == {date: 1}
    assert queries.counts_by_day(session, zone="Pacific/Kiritimati", **span) == {
        date + dt.timedelta(days=1): 1
    }
