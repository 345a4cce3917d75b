"""Closures and special days in open time, and the visits that they leave outside."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR, Actor
from engage.booking import queries, services
from engage.booking.errors import NotOpen
from engage.clinic import services as clinic
from engage.clinic.models import Doctor, Shift, Store
from engage.clinic.rules import Special
from engage.clinic.services import ClosureDetails
from engage.kernel import clock
from engage.kernel.db import Session
from tests.booking.scenes import SLOT, Scene

DESK = Actor("staff", 7)
ZONE = "Asia/Shanghai"


def close(session: Session, scene: Scene, first: float, last: float, **subject: int | None) -> int:
    """Close some slots of the scene, at its store if nothing else is named."""
    details = ClosureDetails(
        **(subject or {"store_id": scene.chain.store.id}),
        starts_at=scene.opens_at + first * SLOT,
        ends_at=scene.opens_at + last * SLOT,
        reason="停电",
    )
    return clinic.add_closure(session, details, by=OPERATOR, now=clock.now()).id


def slots(session: Session, scene: Scene, doctor_id: int | None, item_id: int | None = None) -> list[float]:
    """Give the slots of the scene that are open, by number."""
    found = queries.open_slots(
        session,
        scene.chain.store.id,
        doctor_id,
        begin=scene.opens_at,
        end=scene.opens_at + 6 * SLOT,
        now=clock.now(),
        item_id=item_id,
    )
    return [(slot.starts_at - scene.opens_at) / SLOT for slot in found]


def outside(session: Session, scene: Scene, **narrowed: object) -> list[int]:
    """Give the visits outside open time of the month to come."""
    now = clock.now()
    left = queries.outside(session, begin=now, end=now + dt.timedelta(days=30), **narrowed)
    return [one.row.id for one in left]


def crowded(session: Session) -> list[int]:
    """Give the visits of the month to come of which there are more than places."""
    now = clock.now()
    left = queries.outside(session, begin=now, end=now + dt.timedelta(days=30))
    return [one.row.id for one in left if one.why == queries.CROWDED]


def let_come(session: Session, scene: Scene, per_slot: int) -> None:
    """Let so many come at once to the scene's doctor."""
    session.execute(sa.update(Shift).where(Shift.id == scene.shift_id).values(per_slot=per_slot))


@pytest.fixture
def item_id(session: Session) -> int:
    now = clock.now()
    category = clinic.create_category(session, name="洁牙", position=0, by=OPERATOR, now=now)
    details = clinic.ItemDetails(category.id, "超声波洁牙", 30)
    return clinic.create_item(session, details, position=0, by=OPERATOR, now=now).id


def test_a_closure_cuts_its_slots_out(scene: Scene, session: Session) -> None:
    close(session, scene, 1.5, 2.5)
    assert slots(session, scene, scene.doctor_id) == [0, 3, 4, 5]
    with pytest.raises(NotOpen):
        services.book(session, scene.wish(slot=2), by=DESK, now=clock.now())
    services.book(session, scene.wish(slot=3), by=scene.fan(), now=clock.now())


def test_a_closure_of_another_stops_nobody(scene: Scene, session: Session) -> None:
    doctor = Doctor(name="赵", title="", position=1)
    session.add(doctor)
    session.flush()
    close(session, scene, 0, 6, doctor_id=doctor.id)
    assert slots(session, scene, scene.doctor_id) == [0, 1, 2, 3, 4, 5]


def test_a_closed_item_stops_that_item_alone(scene: Scene, session: Session, item_id: int) -> None:
    close(session, scene, 0, 3, item_id=item_id)
    assert slots(session, scene, scene.doctor_id) == [0, 1, 2, 3, 4, 5]
    assert slots(session, scene, scene.doctor_id, item_id) == [3, 4, 5]
    with pytest.raises(NotOpen):
        services.book(session, scene.wish(slot=1, item_id=item_id), by=DESK, now=clock.now())
    services.book(session, scene.wish(slot=1), by=scene.fan(), now=clock.now())


def test_a_weekly_closure_holds_every_week(scene: Scene, session: Session) -> None:
    local = clock.local(scene.opens_at, ZONE)
    minute = local.hour * 60 + local.minute
    weekly = ClosureDetails(
        doctor_id=scene.doctor_id,
        weekday=local.weekday(),
        from_minute=minute,
        to_minute=minute + 60,
        from_date=local.date() - dt.timedelta(days=70),
    )
    clinic.add_closure(session, weekly, by=OPERATOR, now=clock.now())
    assert slots(session, scene, scene.doctor_id) == [2, 3, 4, 5]


def test_a_special_day_overrules_the_week(scene: Scene, session: Session) -> None:
    local = clock.local(scene.opens_at, ZONE)
    minute = local.hour * 60 + local.minute
    special = Special("年会", ((minute + 60, minute + 120),))
    clinic.set_special_day(session, scene.chain.store.id, local.date(), special, by=OPERATOR, now=clock.now())
    assert slots(session, scene, scene.doctor_id) == [2, 3]


def test_places_without_a_doctor_keep_to_their_hours(scene: Scene, session: Session) -> None:
    store = session.get(Store, (session.tenant_id, scene.chain.store.id))
    assert store is not None
    store.any_per_hour = 2
    session.flush()
    assert slots(session, scene, None) == [0, 2, 4]
    close(session, scene, 1, 2)
    close(session, scene, 4, 5, doctor_id=scene.doctor_id, store_id=scene.chain.store.id)
    assert slots(session, scene, None) == [2, 4]


def test_visits_left_outside_are_listed_and_stay(scene: Scene, session: Session, item_id: int) -> None:
    now = clock.now()
    first = services.book(session, scene.wish(slot=0), by=scene.fan(), now=now)
    second = services.book(session, scene.wish(fan=1, slot=3, item_id=item_id), by=scene.fan(1), now=now)
    assert outside(session, scene) == []
    closed = close(session, scene, 0, 1)
    of_item = close(session, scene, 3, 3.5, item_id=item_id)
    assert outside(session, scene) == [first.id, second.id]
    assert outside(session, scene, doctor_id=scene.doctor_id + 1) == []
    assert outside(session, scene, store_ids={scene.chain.store.id + 1}) == []
    assert (first.state, second.state) == ("confirmed", "confirmed")
    clinic.remove_closure(session, of_item, by=OPERATOR, now=now)
    assert outside(session, scene) == [first.id]
    services.cancel(session, first.id, 1, "停电", by=DESK, now=now)
    assert outside(session, scene) == []
    clinic.remove_closure(session, closed, by=OPERATOR, now=now)
    clinic.remove_shift(session, scene.shift_id, by=OPERATOR, now=now)
    assert outside(session, scene) == [second.id]


def test_a_shift_that_was_parted_still_covers(scene: Scene, session: Session) -> None:
    """The visit lies across two shifts that meet: the doctor is there all the time."""
    made = services.book(session, scene.wish(slot=1), by=scene.fan(), now=clock.now())
    clinic.remove_shift(session, scene.shift_id, by=OPERATOR, now=clock.now())
    assert outside(session, scene) == [made.id]
    for begin, end in ((0, 1.5), (1.5, 6)):
        clinic.add_shift(
            session,
            doctor_id=scene.doctor_id,
            store_id=scene.chain.store.id,
            starts_at=scene.opens_at + begin * SLOT,
            ends_at=scene.opens_at + end * SLOT,
            slot_minutes=15,
            per_slot=1,
        )
    assert outside(session, scene) == []


def test_a_visit_without_a_doctor_is_outside_where_the_store_is_closed(
    scene: Scene, session: Session
) -> None:
    store = session.get(Store, (session.tenant_id, scene.chain.store.id))
    assert store is not None
    store.any_per_hour = 1
    session.flush()
    made = services.book(session, scene.wish(slot=0, doctor_id=None), by=scene.fan(), now=clock.now())
    assert outside(session, scene) == []
    close(session, scene, 1, 2)
    assert outside(session, scene) == [made.id]


def test_where_fewer_may_come_than_are_booked_all_of_that_time_are_listed(
    scene: Scene, session: Session
) -> None:
    now = clock.now()
    let_come(session, scene, 2)
    both = [services.book(session, scene.wish(fan=fan), by=scene.fan(fan), now=now).id for fan in (0, 1)]
    services.book(session, scene.wish(slot=1), by=scene.fan(), now=now)
    assert outside(session, scene) == []
    let_come(session, scene, 1)
    assert (outside(session, scene), crowded(session)) == (both, both)
    assert set(queries.outside_ids(session, begin=now, end=scene.opens_at + SLOT)) == set(both)
    services.cancel(session, both[0], 1, "停电", by=DESK, now=now)
    assert outside(session, scene) == []


def test_who_is_there_already_takes_a_place_and_is_not_listed(scene: Scene, session: Session) -> None:
    let_come(session, scene, 2)
    now = clock.now()
    made = [services.book(session, scene.wish(fan=fan), by=scene.fan(fan), now=now) for fan in (0, 1)]
    services.act(session, made[0].id, "check_in", by=DESK, now=made[0].starts_at - SLOT)
    let_come(session, scene, 1)
    assert crowded(session) == [made[1].id]


@pytest.mark.parametrize(("places", "listed"), [(2, False), (1, True), (0, True)])
def test_hours_without_a_doctor_have_fewer_places_than_visits(
    scene: Scene, session: Session, count_queries, places: int, listed: bool
) -> None:
    store = session.get(Store, (session.tenant_id, scene.chain.store.id))
    assert store is not None
    store.any_per_hour = 2
    session.flush()
    now = clock.now()
    both = [
        services.book(session, scene.wish(fan=fan, doctor_id=None), by=scene.fan(fan), now=now).id
        for fan in (0, 1)
    ]
    store.any_per_hour = places
    session.commit()
    assert crowded(session) == (both if listed else [])
    with count_queries() as counted:
        queries.outside_ids(session, begin=now, end=now + dt.timedelta(days=30))
    assert counted.n == 4


def test_many_visits_ask_no_more_queries_than_one(scene: Scene, session: Session, count_queries) -> None:
    now = clock.now()
    asked = []
    for number in (0, 1):
        services.book(session, scene.wish(fan=number, slot=number), by=scene.fan(number), now=now)
        session.commit()
        with count_queries() as counted:
            queries.outside_ids(session, begin=now, end=now + dt.timedelta(days=30))
        asked.append(counted.n)
    assert asked == [4, 4]
