"""Open time: rosters within the store's hours, less what is taken."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace

import pytest

from engage.audit.services import OPERATOR, Actor
from engage.booking import queries, services
from engage.booking.rules import Slot
from engage.clinic import services as clinic
from engage.clinic.models import Doctor, Store, StoreHours
from engage.kernel import clock
from engage.kernel.db import Session
from tests.booking.scenes import SLOT, Scene

DESK = Actor("staff", 7)
ZONE = "Asia/Shanghai"


def slots(session: Session, scene: Scene, doctor_id: int | None, **options: object) -> list[Slot]:
    """Give the slots of the scene's day."""
    begin, end = clock.day_bounds(clock.local(scene.opens_at, ZONE).date(), ZONE)
    return queries.open_slots(
        session, scene.chain.store.id, doctor_id, begin=begin, end=end, now=clock.now(), **options
    )


def at(scene: Scene, found: list[Slot]) -> list[float]:
    """Give where slots begin, in slots of the scene."""
    return [(slot.starts_at - scene.opens_at) / SLOT for slot in found]


def open_only(session: Session, scene: Scene, *hours: tuple[int, int]) -> None:
    """Give the store these hours of the scene's weekday, in minutes of the local day."""
    weekday = clock.local(scene.opens_at, ZONE).weekday()
    session.execute(StoreHours.__table__.delete())
    for opens, closes in hours:
        session.add(StoreHours(store_id=scene.chain.store.id, weekday=weekday, opens=opens, closes=closes))
    session.flush()


def test_slots_tell_what_is_left(scene: Scene, session: Session) -> None:
    services.book(session, scene.wish(slot=1), by=scene.fan(), now=clock.now())
    assert [slot.free for slot in slots(session, scene, scene.doctor_id)] == [1, 0, 1, 1, 1, 1]


def test_a_longer_visit_needs_room(scene: Scene, session: Session) -> None:
    services.book(session, scene.wish(slot=1), by=scene.fan(), now=clock.now())
    found = slots(session, scene, scene.doctor_id, minutes=60)
    assert [(slot.starts_at, slot.free) for slot in found] == [
        (scene.opens_at + number * SLOT, free) for number, free in enumerate([0, 0, 1, 1, 1])
    ]
    assert all(slot.ends_at - slot.starts_at == 2 * SLOT for slot in found)


def test_the_store_opens_later_and_has_a_break(scene: Scene, session: Session) -> None:
    """The roster is from 18:00 to 21:00 in Shanghai; what the break cuts is not offered."""
    open_only(session, scene, (18 * 60 + 30, 19 * 60 + 15), (19 * 60 + 30, 24 * 60))
    assert at(scene, slots(session, scene, scene.doctor_id)) == [1, 3, 4, 5]
    open_only(session, scene)
    assert slots(session, scene, scene.doctor_id) == []


def test_hours_without_a_doctor(scene: Scene, session: Session) -> None:
    assert slots(session, scene, None) == []
    session.get(Store, (session.tenant_id, scene.chain.store.id)).any_per_hour = 2
    open_only(session, scene, (18 * 60 + 30, 21 * 60 + 30))
    services.book(session, scene.wish(slot=2, doctor_id=None), by=scene.fan(), now=clock.now())
    found = slots(session, scene, None)
    assert at(scene, found) == [2, 4]
    assert [(slot.capacity, slot.free) for slot in found] == [(2, 1), (2, 2)]


def second(session: Session, scene: Scene, *, bookable: bool = True) -> Doctor:
    """Give a second doctor, in the first two slots."""
    doctor = clinic.create_doctor(session, name="周敏", title="", position=1, by=OPERATOR, now=clock.now())
    doctor.bookable = bookable
    clinic.add_shift(
        session,
        doctor_id=doctor.id,
        store_id=scene.chain.store.id,
        starts_at=scene.opens_at,
        ends_at=scene.opens_at + 2 * SLOT,
        slot_minutes=30,
        per_slot=2,
    )
    return doctor


def test_openings_of_doctors_and_anybody(scene: Scene, session: Session) -> None:
    now = clock.now()
    other, _hidden = second(session, scene), second(session, scene, bookable=False)
    clinic.create_doctor(session, name="无班", title="", position=3, by=OPERATOR, now=now)
    session.get(Store, (session.tenant_id, scene.chain.store.id)).any_per_hour = 1
    services.book(session, scene.wish(), by=scene.fan(), now=now)
    found = queries.openings(
        session,
        scene.chain.store.id,
        begin=scene.opens_at,
        end=scene.opens_at + 6 * SLOT,
        now=now,
    )
    assert [(one.doctor_id, one.next_at, one.free) for one in found] == [
        (scene.doctor_id, scene.opens_at + SLOT, 5),
        (other.id, scene.opens_at, 4),
        (None, scene.opens_at, 3),
    ]


def test_a_doctor_who_is_full_is_still_named(scene: Scene, session: Session) -> None:
    (found,) = queries.openings(
        session, scene.chain.store.id, begin=scene.opens_at, end=scene.opens_at + SLOT, now=scene.opens_at
    )
    assert (found.doctor_id, found.next_at, found.free) == (scene.doctor_id, None, 0)


def test_the_day_board(scene: Scene, session: Session) -> None:
    now = clock.now()
    other = second(session, scene, bookable=False)
    session.get(Store, (session.tenant_id, scene.chain.store.id)).any_per_hour = 1
    mine = services.book(session, scene.wish(slot=1), by=scene.fan(), now=now)
    theirs = services.book(session, scene.wish(fan=1, doctor_id=None), by=scene.fan(1), now=now)
    day = clock.local(scene.opens_at, ZONE).date()
    board = queries.board(session, day, scene.chain.store.id, now=now)
    assert board.zone == ZONE
    assert [(column.doctor_id, [row.id for row in column.rows]) for column in board.columns] == [
        (scene.doctor_id, [mine.id]),
        (other.id, []),
        (None, [theirs.id]),
    ]
    assert [slot.free for slot in board.columns[0].slots] == [1, 0, 1, 1, 1, 1]


def test_the_board_tells_of_visits_at_other_stores(scene: Scene, session: Session) -> None:
    """Also of a doctor who has a visit here without being on duty; what takes no time there is left out."""
    now = clock.now()
    there = clinic.create_store(
        session,
        slug="pudong",
        name="浦东店",
        short_name="浦东店",
        address="",
        zone=ZONE,
        position=1,
        by=OPERATOR,
        now=now,
    )
    there.shown_before = True
    for begin in (scene.opens_at, scene.opens_at + dt.timedelta(days=1)):
        clinic.add_shift(
            session,
            doctor_id=scene.doctor_id,
            store_id=there.id,
            starts_at=begin + 6 * SLOT,
            ends_at=begin + 9 * SLOT,
            slot_minutes=30,
            per_slot=1,
        )
    wish = scene.wish(store_id=there.id, slot=6)
    made = services.book(session, wish, by=scene.fan(), now=now)
    later = replace(wish, key=uuid.uuid4(), starts_at=wish.starts_at + SLOT)
    services.cancel(session, services.book(session, later, by=DESK, now=now).id, 1, "ill", by=DESK, now=now)
    tomorrow = replace(wish, key=uuid.uuid4(), starts_at=wish.starts_at + dt.timedelta(days=1))
    services.book(session, tomorrow, by=DESK, now=now)
    day = clock.local(scene.opens_at, ZONE).date()
    store_id = scene.chain.store.id

    def away() -> list[tuple[int | None, list[int]]]:
        columns = queries.board(session, day, store_id, now=now).columns
        return [(one.doctor_id, [row.id for row in one.away]) for one in columns]

    assert away() == [(scene.doctor_id, [made.id])]
    assert not queries.board(session, day + dt.timedelta(days=1), store_id, now=now).columns
    services.book(session, scene.wish(fan=1), by=scene.fan(1), now=now)
    clinic.remove_shift(session, scene.shift_id, by=DESK, now=now)
    assert away() == [(scene.doctor_id, [made.id])]


@pytest.mark.parametrize("days", [1, 14])
def test_questions_do_not_grow_with_the_answer(
    scene: Scene, session: Session, count_queries, days: int
) -> None:
    now = clock.now()
    for number in range(days):
        for _ in range(2):
            begin = scene.opens_at + dt.timedelta(days=number, hours=4)
            doctor = clinic.create_doctor(session, name="李", title="", position=9, by=OPERATOR, now=now)
            clinic.add_shift(
                session,
                doctor_id=doctor.id,
                store_id=scene.chain.store.id,
                starts_at=begin,
                ends_at=begin + 4 * SLOT,
                slot_minutes=30,
                per_slot=1,
            )
    for number in range(3):
        services.book(session, scene.wish(slot=number), by=DESK, now=now)
    session.commit()
    asked = {"begin": scene.opens_at, "end": scene.opens_at + dt.timedelta(days=days), "now": now}
    store_id = scene.chain.store.id
    with count_queries() as openings:
        queries.openings(session, store_id, **asked)
    session.commit()
    with count_queries() as one:
        queries.open_slots(session, store_id, scene.doctor_id, **asked)
    session.commit()
    with count_queries() as board:
        queries.board(session, clock.local(scene.opens_at, ZONE).date(), store_id, now=now)
    assert (openings.n, one.n, board.n) == (6, 2, 14)
