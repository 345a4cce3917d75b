"""Booking a visit."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
import sqlalchemy as sa
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR, Actor
from engage.booking import queries, services
from engage.booking.errors import KeyReused, NotOffered, NotOpen, PatientBusy, SlotFull, TooFar, TooManyOpen
from engage.booking.models import Appointment, Hold, Place
from engage.booking.queries import knowing
from engage.booking.rules.terms import Terms
from engage.clinic import services as clinic
from engage.clinic.models import Doctor, Item, ItemCategory, ItemStore, Store, StorePicture
from engage.kernel import clock, due, outbox, settings
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.outbox import OutboxRow
from engage.patients import services as patients
from tests.booking.scenes import SLOT, Scene, make_scene
from tests.conftest import Chain

DESK = Actor("staff", 7)


def item_of(session: Session, minutes: int) -> int:
    """Make an item that takes some minutes."""
    category = ItemCategory(name="洁牙", position=0)
    session.add(category)
    session.flush()
    item = Item(category_id=category.id, name="洁牙", minutes=minutes, position=0, enabled=True)
    session.add(item)
    session.flush()
    return item.id


def test_a_booking_takes_its_places_and_says_so(scene: Scene, session: Session, assert_balanced) -> None:
    now = clock.now()
    made = services.book(session, scene.wish(complaint="牙疼"), by=scene.fan(), now=now)
    assert (made.state, made.version, made.booked_at) == ("confirmed", 1, now)
    assert (made.starts_at, made.ends_at) == (scene.opens_at, scene.opens_at + SLOT)
    assert (made.store_id, made.patient_id) == (scene.chain.store.id, scene.patient_ids[0])
    places = session.scalars(sa.select(Place).order_by(Place.grid_start)).all()
    assert [place.grid_start - scene.opens_at for place in places] == [
        dt.timedelta(minutes=minutes) for minutes in range(0, 30, 5)
    ]
    assert {(place.resource, place.taken, place.capacity) for place in places} == {
        (f"doctor:{scene.doctor_id}", 1, 1)
    }
    rows = session.scalars(sa.select(OutboxRow)).all()
    assert {(row.event, row.payload["appointment_id"]) for row in rows} == {("booking.booked", made.id)}
    assert due.seen(session, outbox.QUEUE, now=now)
    assert_balanced()


def test_who_booked_is_in_the_trail(scene: Scene, session: Session) -> None:
    made = services.book(session, scene.wish(fan_id=None, channel="desk"), by=DESK, now=clock.now())
    trail = sa.select(AuditEntry).where(AuditEntry.action == "appointment.booked")
    entry = session.scalars(trail).one()
    assert (entry.actor_kind, entry.actor_id, entry.subject_id) == ("staff", 7, made.id)


def test_what_it_is_for_is_sealed_at_rest(scene: Scene, session: Session) -> None:
    wish = scene.wish(complaint="牙疼", note="怕痛")
    services.book(session, wish, by=scene.fan(), now=clock.now())
    (stored,) = session.execute(sa.text("select complaint || note from appointment")).scalars()
    assert all(word.encode() not in bytes(stored) for word in ("牙疼", "怕痛"))
    session.expire_all()
    made = session.scalars(sa.select(Appointment)).one()
    assert (made.complaint, made.note) == ("牙疼", "怕痛")


def test_a_repeat_with_the_same_key_is_the_same_booking(scene: Scene, session: Session, recorded) -> None:
    wish = scene.wish()
    made = services.book(session, wish, by=scene.fan(), now=clock.now())
    assert services.book(session, wish, by=scene.fan(), now=clock.now()) is made
    assert recorded() == ["booking.booked"]


def test_a_repeat_is_answered_after_the_time_has_begun(scene: Scene, session: Session) -> None:
    wish = scene.wish()
    made = services.book(session, wish, by=scene.fan(), now=clock.now())
    assert services.book(session, wish, by=scene.fan(), now=scene.opens_at + SLOT) is made


def test_a_repeat_is_answered_after_a_change(scene: Scene, session: Session) -> None:
    wish, now = scene.wish(), clock.now()
    made = services.book(session, wish, by=scene.fan(), now=now)
    there = services.Change(made.id, 1, made.store_id, scene.doctor_id, scene.opens_at + SLOT)
    services.change(session, there, by=scene.fan(), now=now)
    assert services.book(session, wish, by=scene.fan(), now=now) is made


@pytest.mark.parametrize("field", ["patient_id", "fan_id", "doctor_id", "starts_at", "store_id"])
def test_a_key_of_another_wish_is_refused(scene: Scene, session: Session, field: str) -> None:
    wish = scene.wish()
    services.book(session, wish, by=scene.fan(), now=clock.now())
    other = {
        "patient_id": scene.patient_ids[1],
        "fan_id": scene.fan_ids[1],
        "starts_at": scene.opens_at + SLOT,
    }
    with pytest.raises(KeyReused):
        services.book(session, replace(wish, **{field: other.get(field, 0)}), by=scene.fan(), now=clock.now())


@pytest.mark.parametrize("minutes", [-30, 15, 6 * 30])
def test_a_time_off_the_roster_is_refused(scene: Scene, session: Session, recorded, minutes: int) -> None:
    wish = scene.wish(starts_at=scene.opens_at + dt.timedelta(minutes=minutes))
    with pytest.raises(NotOpen):
        services.book(session, wish, by=scene.fan(), now=clock.now())
    assert recorded() == []


def test_a_time_that_has_begun_is_refused(scene: Scene, session: Session) -> None:
    with pytest.raises(NotOpen):
        services.book(session, scene.wish(), by=scene.fan(), now=scene.opens_at)


def test_a_doctor_whom_only_staff_book(scene: Scene, session: Session) -> None:
    session.get(Doctor, (session.tenant_id, scene.doctor_id)).bookable = False
    with pytest.raises(NotOpen):
        services.book(session, scene.wish(), by=scene.fan(), now=clock.now())
    assert services.book(session, scene.wish(channel="desk"), by=DESK, now=clock.now()).id


def test_a_doctor_is_not_booked_at_another_store(scene: Scene, session: Session) -> None:
    other = clinic.create_store(
        session,
        slug="other",
        name="静安店",
        short_name="静安店",
        address="",
        zone="Asia/Shanghai",
        position=1,
        by=OPERATOR,
        now=clock.now(),
    )
    other.shown_before = True
    with pytest.raises(NotOpen):
        services.book(session, scene.wish(store_id=other.id), by=scene.fan(), now=clock.now())


def test_patients_book_at_no_store_that_they_do_not_see(scene: Scene, session: Session) -> None:
    now, store = clock.now(), session.get(Store, (session.tenant_id, scene.chain.store.id))
    store.shown_before = False
    with pytest.raises(NotFound):
        services.book(session, scene.wish(), by=scene.fan(), now=now)
    assert services.book(session, scene.wish(channel="desk"), by=DESK, now=now).id
    store.logo, store.address = "logo", "汉口路1号"
    session.add(StorePicture(store_id=store.id, file="room", width=1, height=1, position=0))
    session.flush()
    assert services.book(session, scene.wish(fan=1, slot=1), by=scene.fan(1), now=now).id


def test_a_fan_books_for_their_own_patients_alone(scene: Scene, session: Session) -> None:
    now, stranger = clock.now(), scene.wish(patient_id=scene.patient_ids[1])
    with pytest.raises(NotFound):
        services.book(session, stranger, by=scene.fan(), now=now)
    with pytest.raises(NotFound):
        services.book(session, scene.wish(fan_id=None), by=scene.fan(), now=now)
    patients.bind(
        session,
        fan_id=scene.fan_ids[0],
        patient_id=scene.patient_ids[1],
        how="desk",
        by=OPERATOR,
        now=now,
    )
    assert services.book(session, stranger, by=scene.fan(), now=now).patient_id == scene.patient_ids[1]


def test_a_full_slot_is_refused_with_the_nearest_free_ones(scene: Scene, session: Session) -> None:
    now = clock.now()
    for taken in (2, 3):
        services.book(session, scene.wish(slot=taken), by=scene.fan(), now=now)
    with session.begin_nested() as savepoint, pytest.raises(SlotFull) as refusal:
        services.book(session, scene.wish(fan=1, slot=2), by=scene.fan(1), now=now)
    if savepoint.is_active:
        savepoint.rollback()
    nearest = refusal.value.data["nearest"]
    assert [slot.starts_at for slot in nearest] == [scene.opens_at + SLOT * number for number in (0, 1, 4)]
    assert session.scalar(sa.select(sa.func.count()).select_from(Appointment)) == 2


def test_patients_are_offered_only_what_the_store_lets_them_book(scene: Scene, session: Session) -> None:
    now, begin = clock.now(), clock.local(scene.opens_at, scene.chain.store.zone)
    services.book(session, scene.wish(slot=2), by=scene.fan(), now=now)
    terms = Terms(earliest=begin.hour * 60 + begin.minute + 2 * int(SLOT.total_seconds() // 60))
    services.set_terms(session, scene.chain.store.id, terms, by=OPERATOR, now=now)
    with pytest.raises(SlotFull) as refusal:
        services.book(session, scene.wish(fan=1, slot=2), by=scene.fan(1), now=now)
    offered = [slot.starts_at for slot in refusal.value.data["nearest"]]
    assert offered == [scene.opens_at + SLOT * number for number in (3, 4, 5)]
    desk, wish = Actor("staff", 1), scene.wish(fan=1, slot=2, fan_id=None, channel="desk")
    with pytest.raises(SlotFull) as refusal:
        services.book(session, wish, by=desk, now=now)
    assert refusal.value.data["nearest"][0].starts_at == scene.opens_at


def test_the_nearest_may_be_days_away(scene: Scene, session: Session) -> None:
    now, later = clock.now(), scene.opens_at + dt.timedelta(days=3)
    clinic.add_shift(
        session,
        doctor_id=scene.doctor_id,
        store_id=scene.chain.store.id,
        starts_at=later,
        ends_at=later + 4 * SLOT,
        slot_minutes=30,
        per_slot=1,
    )
    session.get(Store, (session.tenant_id, scene.chain.store.id))
    for number in range(6):
        wish = scene.wish(slot=number, channel="desk", fan_id=None)
        services.book(session, wish, by=DESK, now=now)
    with pytest.raises(SlotFull) as refusal:
        services.book(session, scene.wish(fan=1, slot=2), by=scene.fan(1), now=now)
    assert [slot.starts_at for slot in refusal.value.data["nearest"]] == [
        later + SLOT * number for number in range(3)
    ]


def test_as_many_are_booked_as_there_are_places(chain: Chain, session: Session) -> None:
    scene, now = make_scene(replace(chain, slug=f"{chain.slug}-b"), per_slot=3, fan_count=4), clock.now()
    for fan in range(3):
        services.book(session, scene.wish(fan=fan), by=scene.fan(fan), now=now)
    with pytest.raises(SlotFull):
        services.book(session, scene.wish(fan=3), by=scene.fan(3), now=now)


@pytest.mark.parametrize(("minutes", "slots"), [(5, 1), (30, 1), (35, 2), (60, 2), (90, 3)])
def test_an_item_takes_as_many_slots_as_it_needs(
    scene: Scene, session: Session, assert_balanced, minutes: int, slots: int
) -> None:
    wish = scene.wish(item_id=item_of(session, minutes))
    made = services.book(session, wish, by=scene.fan(), now=clock.now())
    assert made.ends_at - made.starts_at == slots * SLOT
    assert_balanced()


def test_patients_book_what_the_store_offers(scene: Scene, session: Session) -> None:
    item = session.get(Item, (session.tenant_id, item_of(session, 30)))
    other = clinic.create_store(
        session,
        slug="other",
        name="静安店",
        short_name="静安店",
        address="",
        zone="Asia/Shanghai",
        position=1,
        by=OPERATOR,
        now=clock.now(),
    )
    elsewhere = ItemStore(item_id=item.id, store_id=other.id)
    session.add(elsewhere)
    session.flush()
    with pytest.raises(NotOffered):
        services.book(session, scene.wish(item_id=item.id), by=scene.fan(), now=clock.now())
    session.delete(elsewhere)
    item.enabled = False
    session.flush()
    with pytest.raises(NotOffered):
        services.book(session, scene.wish(item_id=item.id), by=scene.fan(), now=clock.now())
    item.enabled = True
    session.flush()
    assert services.book(session, scene.wish(item_id=item.id), by=scene.fan(), now=clock.now()).item_id


def test_an_item_that_does_not_fit_is_refused(scene: Scene, session: Session) -> None:
    now, item_id = clock.now(), item_of(session, 60)
    with pytest.raises(NotOpen):
        services.book(session, scene.wish(slot=5, item_id=item_id), by=scene.fan(), now=now)
    services.book(session, scene.wish(slot=2), by=scene.fan(), now=now)
    with pytest.raises(SlotFull) as refusal:
        services.book(session, scene.wish(fan=1, slot=1, item_id=item_id), by=scene.fan(1), now=now)
    nearest = refusal.value.data["nearest"]
    assert [(slot.starts_at, slot.ends_at) for slot in nearest] == [
        (scene.opens_at + number * SLOT, scene.opens_at + (number + 2) * SLOT) for number in (0, 3, 4)
    ]


def test_a_patient_is_in_one_place_at_a_time(scene: Scene, session: Session) -> None:
    """The other doctor works at the same time, in slots of another length."""
    now, other = clock.now(), other_doctor(session, scene)
    services.book(session, scene.wish(), by=scene.fan(), now=now)
    crossing = scene.wish(doctor_id=other, starts_at=scene.opens_at + dt.timedelta(minutes=20))
    with pytest.raises(PatientBusy):
        services.book(session, crossing, by=scene.fan(), now=now)
    beside = scene.wish(doctor_id=other, starts_at=scene.opens_at + dt.timedelta(minutes=40))
    assert services.book(session, beside, by=scene.fan(), now=now).id


def other_doctor(session: Session, scene: Scene) -> int:
    """Give a second doctor with slots of twenty minutes at the same time and store."""
    doctor = clinic.create_doctor(
        session, name="周敏", title="医师", position=1, by=OPERATOR, now=clock.now()
    )
    clinic.add_shift(
        session,
        doctor_id=doctor.id,
        store_id=scene.chain.store.id,
        starts_at=scene.opens_at,
        ends_at=scene.opens_at + 6 * SLOT,
        slot_minutes=20,
        per_slot=1,
    )
    return doctor.id


def test_patients_book_as_far_ahead_as_the_chain_allows(scene: Scene, session: Session) -> None:
    settings.put(session, services.HORIZON_DAYS, 0)
    with pytest.raises(TooFar) as refusal:
        services.book(session, scene.wish(), by=scene.fan(), now=clock.now())
    assert refusal.value.data == {"days": 0}
    assert services.book(session, scene.wish(channel="desk"), by=DESK, now=clock.now()).id


def test_a_patient_has_so_many_visits_open(scene: Scene, session: Session) -> None:
    now = clock.now()
    settings.put(session, services.OPEN_PER_PATIENT, 2)
    first = services.book(session, scene.wish(slot=0), by=scene.fan(), now=now)
    services.book(session, scene.wish(slot=1), by=scene.fan(), now=now)
    with pytest.raises(TooManyOpen):
        services.book(session, scene.wish(slot=2), by=scene.fan(), now=now)
    services.cancel(session, first.id, 1, "", by=scene.fan(), now=now)
    services.book(session, scene.wish(slot=2), by=scene.fan(), now=now)
    assert services.book(session, scene.wish(slot=3, channel="desk"), by=DESK, now=now).id


def test_a_fan_has_so_many_visits_open_for_all_their_patients(scene: Scene, session: Session) -> None:
    now = clock.now()
    settings.put(session, services.OPEN_PER_FAN, 1)
    patients.bind(
        session,
        fan_id=scene.fan_ids[0],
        patient_id=scene.patient_ids[1],
        how="desk",
        by=OPERATOR,
        now=now,
    )
    services.book(session, scene.wish(slot=0), by=scene.fan(), now=now)
    wish = scene.wish(slot=1, patient_id=scene.patient_ids[1])
    with pytest.raises(TooManyOpen):
        services.book(session, wish, by=scene.fan(), now=now)


def test_places_without_a_doctor_are_counted_by_the_hour(
    scene: Scene, session: Session, assert_balanced
) -> None:
    now = clock.now()
    session.get(Store, (session.tenant_id, scene.chain.store.id)).any_per_hour = 1
    anybody = scene.wish(doctor_id=None)
    made = services.book(session, anybody, by=scene.fan(), now=now)
    assert (made.doctor_id, made.resource) == (None, f"store:{scene.chain.store.id}:any")
    assert made.ends_at - made.starts_at == dt.timedelta(hours=1)
    with pytest.raises(SlotFull) as refusal:
        services.book(session, scene.wish(fan=1, doctor_id=None), by=scene.fan(1), now=now)
    assert [slot.doctor_id for slot in refusal.value.data["nearest"]] == [None] * 3
    assert services.book(session, scene.wish(fan=1), by=scene.fan(1), now=now).doctor_id == scene.doctor_id
    assert_balanced()


def test_what_staff_book_stands_open_for_no_fan(scene: Scene, session: Session) -> None:
    now = clock.now()
    wish = scene.wish(fan_id=None, channel="desk")
    made = services.book(session, wish, by=DESK, now=now)
    found = queries.known(session, wish, now=now)
    assert (found.made_id, found.of_patient, found.of_fan) == (made.id, 1, 0)


def test_a_store_without_such_places_has_none(scene: Scene, session: Session) -> None:
    with pytest.raises(NotOpen):
        services.book(session, scene.wish(doctor_id=None), by=scene.fan(), now=clock.now())


def test_a_hold_is_taken_over(scene: Scene, session: Session, assert_balanced) -> None:
    now = clock.now()
    held = services.hold(session, scene.slot(slot=1), now=now)
    with pytest.raises(SlotFull):
        services.book(session, scene.wish(fan=1, slot=1), by=scene.fan(1), now=now)
    session.rollback()
    held = services.hold(session, scene.slot(slot=1), now=now)
    wish = scene.wish(slot=1, hold_id=held.id, item_id=item_of(session, 60))
    made = services.book(session, wish, by=scene.fan(), now=now)
    assert made.ends_at - made.starts_at == 2 * SLOT
    assert session.scalar(sa.select(Hold.id)) is None
    assert_balanced()


def test_ones_own_hold_is_not_in_ones_way(scene: Scene, session: Session, assert_balanced) -> None:
    """As when the form of an earlier hold is sent, while a newer one keeps the time."""
    now = clock.now()
    services.hold(session, scene.slot(), now=now)
    services.book(session, scene.wish(), by=scene.fan(), now=now)
    assert queries.hold_of(session, scene.fan_ids[0], now=now) is None
    services.hold(session, scene.slot(slot=3), now=now)
    services.book(session, scene.wish(slot=1), by=scene.fan(), now=now)
    assert queries.hold_of(session, scene.fan_ids[0], now=now) is not None
    assert_balanced()


def test_the_hold_of_another_is_not(scene: Scene, session: Session) -> None:
    now = clock.now()
    held = services.hold(session, scene.slot(), now=now)
    with pytest.raises(SlotFull):
        services.book(session, scene.wish(fan=1, hold_id=held.id), by=scene.fan(1), now=now)


def test_a_hold_that_ran_out_is_in_nobodys_way(scene: Scene, session: Session, assert_balanced) -> None:
    now = clock.now()
    services.hold(session, scene.slot(), now=now)
    later = now + dt.timedelta(minutes=5)
    assert services.book(session, scene.wish(fan=1), by=scene.fan(1), now=later).id
    assert session.scalar(sa.select(Hold.id)) is None
    assert_balanced()


def test_a_booking_asks_little_of_the_database(scene: Scene, session: Session, count_queries) -> None:
    """Every statement counts here: while the last ones run, others wait for the place."""
    now, item_id = clock.now(), item_of(session, 30)
    session.commit()
    with count_queries() as counted:
        services.book(session, scene.wish(item_id=item_id), by=scene.fan(), now=now)
        session.flush()
    assert counted.n == 2


def test_psycopg_remembers_what_decides_about_a_booking() -> None:
    """It reads a statement of more than 4,096 characters anew every time, which takes as long as asking."""
    assert len(str(knowing._KNOWN.compile(dialect=PGDialect_psycopg()))) <= MAX_CACHED_STATEMENT_LENGTH
