"""Changing and cancelling a visit."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR, Actor
from engage.booking import queries, services
from engage.booking.errors import (
    NotOffered,
    NotOpen,
    NotPossible,
    PatientBusy,
    ReasonNeeded,
    SlotFull,
    Stale,
    TooFar,
    TooLate,
)
from engage.booking.models import Appointment, Place
from engage.booking.services import Change
from engage.clinic import services as clinic
from engage.clinic.models import Doctor, Store
from engage.kernel import clock, settings
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.notifications import services as notifications
from engage.notifications.models import Delivery
from tests.booking.scenes import SLOT, Scene, make_scene
from tests.conftest import Chain

DESK = Actor("staff", 7)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def made(scene: Scene, session: Session) -> Appointment:
    """The first fan's visit in the first slot."""
    return services.book(session, scene.wish(), by=scene.fan(), now=clock.now())


def to(made: Appointment, slot: int, **changes: object) -> Change:
    """Move the visit some slots on."""
    wish = Change(made.id, made.version, made.store_id, made.doctor_id, made.starts_at + slot * SLOT)
    return replace(wish, **changes)


def message(session: Session, scene: Scene, made: Appointment, kind: str) -> None:
    """Write a message about a visit, to be sent."""
    about = notifications.Message(
        kind=kind,
        channel="template",
        subject_id=made.id,
        subject_version=made.version,
        account_id=scene.account_id,
        fan_id=scene.fan_ids[0],
        template_id="template",
        fields={},
        page="",
    )
    notifications.write(session, about, now=clock.now())


def states(session: Session) -> dict[str, str]:
    session.expire_all()
    return dict(map(tuple, session.execute(sa.select(Delivery.kind, Delivery.state))))


def test_a_change_moves_the_places(
    scene: Scene, session: Session, made: Appointment, recorded, assert_balanced
) -> None:
    services.act(session, made.id, "attend", by=scene.fan(), now=clock.now())
    changed = services.change(session, to(made, 2), by=scene.fan(), now=clock.now())
    assert changed is made
    assert (made.starts_at, made.ends_at) == (scene.opens_at + 2 * SLOT, scene.opens_at + 3 * SLOT)
    assert (made.version, made.attendance_confirmed_at) == (2, None)
    assert recorded() == ["booking.booked", "booking.attendance_confirmed", "booking.changed"]
    assert session.scalar(sa.select(sa.func.sum(Place.taken))) == 6
    assert_balanced()


def test_a_repeat_changes_nothing(scene: Scene, session: Session, made: Appointment, recorded) -> None:
    wish = to(made, 2)
    for _ in range(2):
        services.change(session, wish, by=scene.fan(), now=clock.now())
    services.change(session, to(made, 0), by=scene.fan(), now=clock.now())
    assert made.version == 2
    assert recorded() == ["booking.booked", "booking.changed"]


def test_two_windows(scene: Scene, session: Session, made: Appointment) -> None:
    first, second = to(made, 1), to(made, 2)
    services.change(session, first, by=scene.fan(), now=clock.now())
    with pytest.raises(Stale):
        services.change(session, second, by=DESK, now=clock.now())
    with pytest.raises(Stale):
        services.cancel(session, made.id, 1, "ill", by=DESK, now=clock.now())
    assert made.starts_at == first.starts_at


def test_a_change_to_a_crossing_time_of_ones_own(chain: Chain, session: Session) -> None:
    """Slots of a quarter of an hour since: the steps in both are not moved, so that one place is enough."""
    scene, now = make_scene(replace(chain, slug=f"{chain.slug}-b"), per_slot=1), clock.now()
    made = services.book(session, scene.wish(), by=scene.fan(), now=now)
    session.execute(sa.text("update shift set slot_minutes = 15"))
    session.expire_all()
    half = replace(to(made, 0), starts_at=made.starts_at + dt.timedelta(minutes=15))
    services.change(session, half, by=scene.fan(), now=now)
    assert made.ends_at - made.starts_at == dt.timedelta(minutes=15)
    taken = session.execute(sa.select(Place.grid_start, Place.taken).order_by(Place.grid_start)).all()
    assert [row.taken for row in taken] == [0, 0, 0, 1, 1, 1]


def test_a_change_to_another_doctor_and_to_anybody(
    scene: Scene, session: Session, made: Appointment, assert_balanced
) -> None:
    now = clock.now()
    other = clinic.create_doctor(session, name="周敏", title="", position=1, by=OPERATOR, now=now)
    clinic.add_shift(
        session,
        doctor_id=other.id,
        store_id=made.store_id,
        starts_at=scene.opens_at,
        ends_at=scene.opens_at + SLOT,
        slot_minutes=30,
        per_slot=1,
    )
    services.change(session, to(made, 0, doctor_id=other.id), by=DESK, now=now)
    assert (made.doctor_id, made.resource) == (other.id, f"doctor:{other.id}")
    session.get(Store, (session.tenant_id, made.store_id)).any_per_hour = 1
    services.change(session, to(made, 0, doctor_id=None), by=DESK, now=now)
    assert (made.doctor_id, made.ends_at - made.starts_at) == (None, HOUR)
    assert_balanced()


def test_a_full_slot_leaves_the_visit_where_it_is(
    scene: Scene, session: Session, made: Appointment, assert_balanced
) -> None:
    services.book(session, scene.wish(fan=1, slot=2), by=scene.fan(1), now=clock.now())
    before = session.begin_nested()
    with pytest.raises(SlotFull) as refusal:
        services.change(session, to(made, 2), by=scene.fan(), now=clock.now())
    before.rollback()
    assert [(slot.starts_at - scene.opens_at) // SLOT for slot in refusal.value.data["nearest"]] == [1, 3, 4]
    assert made.version == 1
    assert_balanced()


def test_a_fan_moves_a_visit_into_what_they_hold(
    scene: Scene, session: Session, made: Appointment, assert_balanced
) -> None:
    now = clock.now()
    services.hold(session, scene.slot(slot=2), now=now)
    wish = Change(made.id, 1, made.store_id, made.doctor_id, scene.opens_at + 2 * SLOT)
    with pytest.raises(SlotFull), session.begin_nested():
        services.change(session, wish, by=DESK, now=now)
    assert services.change(session, wish, by=scene.fan(), now=now).starts_at == wish.starts_at
    assert_balanced()


def test_a_patient_moves_to_no_store_that_does_not_do_it(
    scene: Scene, session: Session, made: Appointment
) -> None:
    now = clock.now()
    told = {"by": OPERATOR, "now": now}
    other = clinic.create_store(
        session,
        slug="other",
        name="静安店",
        short_name="静安店",
        address="",
        zone="Asia/Shanghai",
        position=1,
        any_per_hour=5,
        **told,
    )
    other.shown_before = True
    category = clinic.create_category(session, name="检查", position=0, **told)
    here = frozenset({made.store_id})
    item = clinic.create_item(
        session, clinic.ItemDetails(category.id, "洗牙", 30, store_ids=here), position=0, **told
    )
    made.item_id = item.id
    wish = Change(made.id, 1, other.id, None, scene.opens_at)
    with pytest.raises(NotOffered):
        services.change(session, wish, by=scene.fan(), now=now)
    other.shown_before, made.item_id = False, None
    with pytest.raises(NotFound):  # patients do not see it
        services.change(session, wish, by=scene.fan(), now=now)
    assert services.change(session, wish, by=DESK, now=now).store_id == other.id
    # There it may move on, although it would not be found any more.
    on = Change(made.id, 2, other.id, None, scene.opens_at + dt.timedelta(hours=1))
    assert services.change(session, on, by=scene.fan(), now=now).version == 3


def test_to_a_doctor_whom_only_staff_book_staff_alone_move(
    scene: Scene, session: Session, made: Appointment
) -> None:
    session.get(Doctor, (session.tenant_id, scene.doctor_id)).bookable = False
    with pytest.raises(NotOpen):
        services.change(session, to(made, 2), by=scene.fan(), now=clock.now())
    assert services.change(session, to(made, 2), by=DESK, now=clock.now()).version == 2


def test_what_a_change_refuses(scene: Scene, session: Session, made: Appointment) -> None:
    now = clock.now()
    with pytest.raises(NotFound):
        services.change(session, to(made, 1), by=scene.fan(1), now=now)
    with pytest.raises(NotFound):
        services.change(session, to(made, 1, appointment_id=made.id + 1), by=DESK, now=now)
    with pytest.raises(NotOpen):
        services.change(session, to(made, 6), by=scene.fan(), now=now)
    settings.put(session, services.HORIZON_DAYS, 0)
    with pytest.raises(TooFar):
        services.change(session, to(made, 1), by=scene.fan(), now=now)
    assert services.change(session, to(made, 1), by=DESK, now=now).version == 2


def test_a_patients_other_visit_stands_in_the_way(scene: Scene, session: Session, made: Appointment) -> None:
    now = clock.now()
    other = clinic.create_doctor(session, name="周敏", title="", position=1, by=OPERATOR, now=now)
    clinic.add_shift(
        session,
        doctor_id=other.id,
        store_id=made.store_id,
        starts_at=scene.opens_at + SLOT,
        ends_at=scene.opens_at + 3 * SLOT,
        slot_minutes=60,
        per_slot=1,
    )
    services.book(session, scene.wish(slot=1, doctor_id=other.id), by=scene.fan(), now=now)
    with pytest.raises(PatientBusy):
        services.change(session, to(made, 2), by=scene.fan(), now=now)


@pytest.mark.parametrize(("before", "allowed"), [(121, True), (120, True), (119, False)])
def test_patients_change_until_two_hours_before(
    scene: Scene, session: Session, made: Appointment, before: int, *, allowed: bool
) -> None:
    now = made.starts_at - dt.timedelta(minutes=before)
    if allowed:
        assert services.change(session, to(made, 1), by=scene.fan(), now=now).version == 2
        return
    with pytest.raises(TooLate) as refusal:
        services.change(session, to(made, 1), by=scene.fan(), now=now)
    assert refusal.value.data == {"minutes": 120}
    assert services.change(session, to(made, 1), by=DESK, now=now).version == 2


def test_messages_that_wait_are_withdrawn(scene: Scene, session: Session, made: Appointment) -> None:
    message(session, scene, made, "appointment_created")
    services.change(session, to(made, 1), by=scene.fan(), now=clock.now())
    assert states(session) == {"appointment_created": "skipped"}
    message(session, scene, made, "appointment_changed")
    services.cancel(session, made.id, 2, "", by=scene.fan(), now=clock.now())
    assert states(session) == {"appointment_created": "skipped", "appointment_changed": "skipped"}


def test_cancelling_gives_the_places_back(
    scene: Scene, session: Session, made: Appointment, recorded, assert_balanced
) -> None:
    now = clock.now()
    for _ in range(2):
        assert services.cancel(session, made.id, 1, "出差", by=scene.fan(), now=now) is made
    assert (made.state, made.version, made.cancelled_at) == ("cancelled", 2, now)
    assert (made.cancelled_by, made.cancel_reason, made.late) == ("patient", "出差", False)
    assert recorded() == ["booking.booked", "booking.cancelled"]
    assert session.scalar(sa.select(sa.func.sum(Place.taken))) == 0
    assert_balanced()
    assert services.book(session, scene.wish(fan=1), by=scene.fan(1), now=now).id


def test_staff_say_why(scene: Scene, session: Session, made: Appointment) -> None:
    with pytest.raises(ReasonNeeded):
        services.cancel(session, made.id, 1, "", by=DESK, now=clock.now())
    assert (
        services.cancel(session, made.id, 1, "doctor ill", by=DESK, now=clock.now()).cancelled_by == "staff"
    )
    (stored,) = session.execute(sa.text("select cancel_reason from appointment")).scalars()
    assert b"doctor ill" not in bytes(stored)


@pytest.mark.parametrize(("before", "late"), [(121, False), (120, False), (119, True)])
def test_late_is_after_the_time_for_changes(
    scene: Scene, session: Session, made: Appointment, before: int, *, late: bool
) -> None:
    now = made.starts_at - dt.timedelta(minutes=before)
    assert services.cancel(session, made.id, 1, "", by=scene.fan(), now=now).late is late


def test_a_visit_that_has_begun_is_cancelled_by_staff_alone(
    scene: Scene, session: Session, made: Appointment
) -> None:
    with pytest.raises(NotPossible):
        services.cancel(session, made.id, 1, "", by=scene.fan(), now=made.starts_at)
    version = services.act(session, made.id, "check_in", by=DESK, now=made.starts_at).version
    with pytest.raises(NotPossible):
        services.cancel(session, made.id, version, "left", by=DESK, now=made.starts_at)
    with pytest.raises(NotPossible):
        services.change(session, to(made, 1), by=DESK, now=made.starts_at)


def test_a_cancelled_visit_is_not_changed(scene: Scene, session: Session, made: Appointment) -> None:
    services.cancel(session, made.id, 1, "", by=scene.fan(), now=clock.now())
    with pytest.raises(NotPossible):
        services.change(session, to(made, 1), by=scene.fan(), now=clock.now())
    with pytest.raises(NotPossible):
        services.change(session, to(made, 0), by=scene.fan(), now=clock.now())
    assert queries.appointment(session, made.id).state == "cancelled"
