"""The last place goes to one, however many reach for it; without the guards it does not."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.dialects.postgresql import insert

from engage.audit.services import OPERATOR
from engage.booking import queries, services
from engage.booking.errors import KeyReused, PatientBusy, SlotFull, Stale
from engage.booking.models import Appointment, Hold, Place
from engage.booking.rules import Move, Span, moves
from engage.booking.services import Book, Change, ledger
from engage.clinic import services as clinic
from engage.clinic.models import Store
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.outbox import OutboxRow
from tests.booking.scenes import SLOT, Scene, make_scene
from tests.concurrency.race import WAIT, race
from tests.concurrency.unguarded import take_places_by
from tests.conftest import Chain

STEPS = 6  # of five minutes, in a slot
DESK = OPERATOR


def booking(wish: Book) -> Callable[[Session], int]:
    """Make the call of one client."""
    now = clock.now()
    return lambda session: services.book(session, wish, by=DESK, now=now).id


def changing(wish: Change) -> Callable[[Session], int]:
    """Make the call that moves a visit."""
    now = clock.now()
    return lambda session: services.change(session, wish, by=DESK, now=now).id


def outcomes(results: Sequence[object]) -> dict[str, int]:
    """Count what came of the calls, by the refusal's name."""
    return Counter("done" if isinstance(one, int) else type(one).__name__ for one in results)


def counted(scene: Scene) -> tuple[int, int]:
    """Give how many appointments there are, and events of them."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        events = sa.select(sa.func.count(OutboxRow.event_id.distinct()))
        return (
            session.scalar(sa.select(sa.func.count()).select_from(Appointment)),
            session.scalar(events.where(OutboxRow.event == "booking.booked")),
        )


def imbalance(scene: Scene) -> dict[tuple[str, dt.datetime], tuple[int, int]]:
    """Give the steps of which the ledger says something else than visits and holds do (I2)."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        kept: list[Appointment | Hold] = [
            *session.scalars(sa.select(Appointment).where(Appointment.state != "cancelled")),
            *session.scalars(sa.select(Hold)),
        ]
        spans = [Span(one.resource, one.starts_at, one.ends_at) for one in kept]
        real = {(move.resource, move.grid_start): -move.places for move in moves(spans)}
        places = session.execute(sa.select(Place.resource, Place.grid_start, Place.taken))
        told = {(row.resource, row.grid_start): row.taken for row in places if row.taken}
    return {
        key: (told.get(key, 0), real.get(key, 0))
        for key in told.keys() | real.keys()
        if told.get(key) != real.get(key)
    }


@pytest.mark.parametrize(("clients", "places"), [(64, 1), (48, 10)])
def test_the_last_places_go_to_as_many_as_there_are(
    app: Flask, chain: Chain, clients: int, places: int
) -> None:
    scene = make_scene(chain, per_slot=places, fan_count=clients)
    results = race(app, chain.id, [booking(scene.wish(fan=fan)) for fan in range(clients)])
    assert outcomes(results) == {"done": places, "SlotFull": clients - places}
    alternatives = [
        [slot.starts_at for slot in one.data["nearest"]] for one in results if isinstance(one, SlotFull)
    ]
    assert alternatives == [[scene.opens_at + SLOT * number for number in (1, 2, 3)]] * (clients - places)
    assert counted(scene) == (places, places)
    assert imbalance(scene) == {}


class ReadThenWrite:
    """The control: `ledger.move` without its guard, held until all have read before any writes."""

    def __init__(self, callers: int) -> None:
        self.all_have_read = threading.Barrier(callers)

    def __call__(self, session: Session, wanted: Sequence[Move]) -> bool:
        for move in wanted:
            found = sa.select(Place.taken).where(
                Place.resource == move.resource, Place.grid_start == move.grid_start
            )
            taken = session.scalar(found) or 0
            if taken >= move.capacity:
                return False
        self.all_have_read.wait(WAIT)
        for move in wanted:
            session.execute(
                insert(Place)
                .values(
                    resource=move.resource,
                    grid_start=move.grid_start,
                    capacity=move.capacity,
                    taken=taken + 1,
                )
                .on_conflict_do_update(
                    index_elements=["tenant_id", "resource", "grid_start"], set_={"taken": taken + 1}
                )
            )
        return True


def test_control_without_the_guard_it_overbooks(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene(chain, per_slot=1)
    take_places_by(monkeypatch, ReadThenWrite(callers=2))
    results = race(app, chain.id, [booking(scene.wish(fan=fan)) for fan in (0, 1)])
    assert outcomes(results) == {"done": 2}
    assert counted(scene) == (2, 2)
    assert set(imbalance(scene).values()) == {(1, 2)}


def test_the_places_of_an_hour_without_a_doctor(app: Flask, chain: Chain) -> None:
    scene = make_scene(chain, fan_count=24)
    with tenant_scope(chain.id), unit_of_work() as session:
        session.get(Store, (chain.id, chain.store.id)).any_per_hour = 5
    wishes = [scene.wish(fan=fan, doctor_id=None) for fan in range(24)]
    results = race(app, chain.id, [booking(wish) for wish in wishes])
    assert outcomes(results) == {"done": 5, "SlotFull": 19}
    assert counted(scene) == (5, 5)
    assert imbalance(scene) == {}


def assigning(scene: Scene) -> list[Callable[[Session], int]]:
    """Make the calls of a desk that gives visits without a doctor to one, whom others book just then."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        session.get(Store, (scene.chain.id, scene.chain.store.id)).any_per_hour = 5
    visits = booked(scene, *(scene.wish(fan=fan, doctor_id=None) for fan in (0, 1, 2)))
    assigns = [changing(to(scene, visit, 0)) for visit in visits]
    return [*assigns, *(booking(scene.wish(fan=fan)) for fan in (3, 4, 5))]


def test_visits_without_a_doctor_are_given_to_one_who_is_booked(app: Flask, chain: Chain) -> None:
    scene = make_scene(chain, per_slot=1, fan_count=6)
    results = race(app, chain.id, assigning(scene))
    assert outcomes(results) == {"done": 1, SlotFull.__name__: 5}
    assert with_the_doctor(scene) == 1
    assert imbalance(scene) == {}


def test_control_without_the_guard_the_doctor_has_them_all(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene(chain, per_slot=1, fan_count=6)
    calls = assigning(scene)
    take_places_by(monkeypatch)
    assert outcomes(race(app, chain.id, calls)) == {"done": 6}
    assert with_the_doctor(scene) == 6
    assert imbalance(scene) != {}


def with_the_doctor(scene: Scene) -> int:
    """Count the visits in the doctor's first slot."""
    here = (Appointment.doctor_id == scene.doctor_id) & (Appointment.starts_at == scene.opens_at)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Appointment).where(here))


def test_one_key_at_once_makes_one_appointment(app: Flask, chain: Chain) -> None:
    """A double tap, and a network that repeats."""
    scene = make_scene(chain, per_slot=20)
    wish = scene.wish()
    results = race(app, chain.id, [booking(wish)] * 16)
    assert len(set(results)) == 1
    assert outcomes(results) == {"done": 16}
    assert counted(scene) == (1, 1)
    assert imbalance(scene) == {}


def test_one_key_for_two_wishes_at_once_makes_one_appointment(app: Flask, chain: Chain) -> None:
    scene, key = make_scene(chain, per_slot=20), uuid.uuid4()
    results = race(app, chain.id, [booking(scene.wish(key=key, slot=slot)) for slot in (0, 1)])
    assert outcomes(results) == {"done": 1, KeyReused.__name__: 1}
    assert counted(scene) == (1, 1)


def test_control_without_the_held_key_a_repeat_breaks(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both look for the key before either has written; the second is then taken for somebody else."""
    scene = make_scene(chain, per_slot=20)
    wish, both_have_looked = scene.wish(), threading.Barrier(2)
    find = queries.known

    def look(session: Session, wish: Book, *, now: dt.datetime) -> queries.Known:
        found = find(session, wish, now=now)
        both_have_looked.wait(WAIT)
        return found

    monkeypatch.setattr(ledger, "lock", lambda _session, *_names: None)
    monkeypatch.setattr(queries, "known", look)
    results = race(app, chain.id, [booking(wish)] * 2)
    assert outcomes(results) == {"done": 1, PatientBusy.__name__: 1}


def test_a_refused_client_leaves_nothing(app: Flask, chain: Chain) -> None:
    scene = make_scene(chain, per_slot=1)
    race(app, chain.id, [booking(scene.wish())])
    (refusal,) = race(app, chain.id, [booking(scene.wish(fan=1))])
    assert isinstance(refusal, SlotFull)
    assert counted(scene) == (1, 1)
    assert imbalance(scene) == {}


def second_doctor(scene: Scene, *, slot_minutes: int = 20, per_slot: int = 1) -> tuple[int, int]:
    """Give a doctor at a second store, with slots of another length at the same time: store, doctor."""
    now = clock.now()
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        store = clinic.create_store(
            session,
            slug="other",
            name="静安店",
            short_name="静安店",
            address="",
            zone="Asia/Shanghai",
            position=1,
            by=OPERATOR,
            now=now,
        )
        doctor = clinic.create_doctor(session, name="周敏", title="", position=1, by=OPERATOR, now=now)
        clinic.add_shift(
            session,
            doctor_id=doctor.id,
            store_id=store.id,
            starts_at=scene.opens_at,
            ends_at=scene.opens_at + 6 * SLOT,
            slot_minutes=slot_minutes,
            per_slot=per_slot,
        )
    return store.id, doctor.id


def test_one_patient_at_two_stores_at_once(app: Flask, chain: Chain) -> None:
    scene = make_scene(chain, per_slot=20)
    store_id, doctor_id = second_doctor(scene, per_slot=20)
    twenty_past = scene.opens_at + dt.timedelta(minutes=20)
    calls = [booking(scene.wish()) for _ in range(8)]
    calls += [
        booking(scene.wish(store_id=store_id, doctor_id=doctor_id, starts_at=twenty_past)) for _ in range(8)
    ]
    results = race(app, chain.id, calls)
    assert outcomes(results) == {"done": 1, PatientBusy.__name__: 15}
    assert counted(scene) == (1, 1)
    assert imbalance(scene) == {}


def booked(scene: Scene, *wishes: Book) -> list[int]:
    """Book, committed; gives the appointments."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return [services.book(session, wish, by=DESK, now=clock.now()).id for wish in wishes]


def to(scene: Scene, appointment_id: int, slot: int, doctor_id: int | None = None) -> Change:
    """Make the wish to move a visit that nobody has changed yet."""
    store_id, starts_at = scene.chain.store.id, scene.opens_at + slot * SLOT
    return Change(appointment_id, 1, store_id, doctor_id or scene.doctor_id, starts_at)


def test_two_visits_of_one_patient_move_into_one_time(app: Flask, chain: Chain) -> None:
    scene = make_scene(chain, per_slot=2)
    first, second = booked(scene, scene.wish(slot=0), scene.wish(slot=1))
    calls = [changing(to(scene, appointment_id, 3)) for appointment_id in (first, second)]
    assert outcomes(race(app, chain.id, calls)) == {"done": 1, PatientBusy.__name__: 1}
    assert imbalance(scene) == {}


def test_two_visits_of_one_patient_move_to_two_doctors_at_one_time(app: Flask, chain: Chain) -> None:
    """Nothing but the lock of the patient's times lets one of them wait: their places are others."""
    scene = make_scene(chain, per_slot=2)
    store_id, doctor_id = second_doctor(scene)
    first, second = booked(scene, scene.wish(slot=0), scene.wish(slot=1))
    elsewhere = Change(second, 1, store_id, doctor_id, scene.opens_at + dt.timedelta(minutes=80))
    calls = [changing(to(scene, first, 3)), changing(elsewhere)]
    assert outcomes(race(app, chain.id, calls)) == {"done": 1, PatientBusy.__name__: 1}
    assert imbalance(scene) == {}


def test_control_without_the_lock_only_the_constraint_is_left(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both look before either has moved; the database then ends one of them, without a word for people."""
    scene = make_scene(chain, per_slot=2)
    first, second = booked(scene, scene.wish(slot=0), scene.wish(slot=1))
    both_have_looked, look = threading.Barrier(2), queries.is_busy

    def is_busy(session: Session, patient_id: int, span: Span, *, but: int) -> bool:
        found = look(session, patient_id, span, but=but)
        both_have_looked.wait(WAIT)
        return found

    monkeypatch.setattr(ledger, "lock", lambda _session, *_names: None)
    monkeypatch.setattr(ledger, "move", lambda _session, _moves: True)
    monkeypatch.setattr(queries, "is_busy", is_busy)
    results = race(app, chain.id, [changing(to(scene, visit, 3)) for visit in (first, second)])
    failed = [one for one in results if isinstance(one, sa.exc.DBAPIError)]
    assert len(failed) == 1
    assert sum(isinstance(one, int) for one in results) == 1


def test_changing_against_cancelling(app: Flask, chain: Chain) -> None:
    scene, now = make_scene(chain, per_slot=1), clock.now()
    (visit,) = booked(scene, scene.wish())
    calls = [
        changing(to(scene, visit, 1)),
        lambda session: services.cancel(session, visit, 1, "ill", by=DESK, now=now).id,
    ] * 4
    results = outcomes(race(app, chain.id, calls))
    with tenant_scope(chain.id), unit_of_work() as session:
        left = queries.appointment(session, visit)
    if left.state == "cancelled":
        assert results == {"done": 4, "NotPossible": 4} or results == {"done": 4, "Stale": 4}
    else:
        assert (left.starts_at, left.version) == (scene.opens_at + SLOT, 2)
        assert results == {"done": 4, Stale.__name__: 4}
    assert imbalance(scene) == {}


@pytest.mark.parametrize("expired", [False, True])
def test_a_hold_runs_out_while_its_fan_confirms(app: Flask, chain: Chain, *, expired: bool) -> None:
    """The sweeper, the fan and somebody else reach for the same place."""
    scene, now = make_scene(chain, per_slot=1, fan_count=6), clock.now()
    with tenant_scope(chain.id), unit_of_work() as session:
        held = services.hold(session, scene.slot(), now=now).id
    later = now + dt.timedelta(minutes=5 if expired else 4)
    mine = scene.wish(hold_id=held)
    calls = [lambda session: services.book(session, mine, by=DESK, now=later).id]
    calls += [
        lambda session, fan=fan: services.book(session, scene.wish(fan=fan), by=DESK, now=later).id
        for fan in range(1, 6)
    ]
    sweeps = [lambda session: services.sweep(session, now=later, batch=10)] * 2
    results = race(app, chain.id, [*calls, *sweeps])
    assert outcomes(results[: len(calls)]) == {"done": 1, SlotFull.__name__: 5}
    assert all(isinstance(swept, int) for swept in results[len(calls) :])
    if not expired:
        assert isinstance(results[0], int)
    assert counted(scene) == (1, 1)
    assert imbalance(scene) == {}


def test_a_fan_taps_many_slots_at_once(app: Flask, chain: Chain) -> None:
    scene, now = make_scene(chain, per_slot=1), clock.now()
    calls = [
        lambda session, slot=slot: services.hold(session, scene.slot(slot=slot), now=now).id
        for slot in (0, 1, 2, 3, 3, 2, 1, 0)
    ]
    assert outcomes(race(app, chain.id, calls)) == {"done": 8}
    with tenant_scope(chain.id), unit_of_work() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Hold)) == 1
        assert session.scalar(sa.select(sa.func.sum(Place.taken))) == STEPS
    assert imbalance(scene) == {}


@pytest.mark.parametrize(("places", "moved"), [(1, 0), (8, 8)])
def test_moves_that_cross_do_not_stop_each_other(app: Flask, chain: Chain, places: int, moved: int) -> None:
    """Half go from the first slot to the second, half the other way; also with longer and later slots."""
    scene = make_scene(chain, per_slot=places, fan_count=8)
    count = min(places, 4)
    early = booked(scene, *(scene.wish(fan=fan, slot=0) for fan in range(count)))
    late = booked(scene, *(scene.wish(fan=fan + 4, slot=1) for fan in range(count)))
    calls = [changing(to(scene, visit, 1)) for visit in early]
    calls += [changing(to(scene, visit, 0)) for visit in late]
    results = race(app, chain.id, calls)
    expected = {"done": moved} if moved else {SlotFull.__name__: 2}
    assert outcomes(results) == expected
    assert imbalance(scene) == {}


def test_control_places_moved_one_after_the_other_deadlock(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it would be if a change gave back first and then took: each has what the other wants."""
    scene = make_scene(chain, per_slot=8, fan_count=2)
    (early,) = booked(scene, scene.wish(fan=0, slot=0))
    (late,) = booked(scene, scene.wish(fan=1, slot=1))
    both_have_given, move = threading.Barrier(2), ledger.move

    def one_by_one(session: Session, wanted: Sequence[Move]) -> bool:
        given = move(session, [one for one in wanted if one.places < 0])
        both_have_given.wait(WAIT)
        return given and move(session, [one for one in wanted if one.places > 0])

    monkeypatch.setattr(ledger, "move", one_by_one)
    results = race(app, chain.id, [changing(to(scene, early, 1)), changing(to(scene, late, 0))])
    (failed,) = [one for one in results if isinstance(one, sa.exc.OperationalError)]
    assert "deadlock" in str(failed)


def test_booking_what_the_same_patient_cancels(app: Flask, chain: Chain) -> None:
    """The booking waits for the visit's row while it holds places; cancelling gives places back first."""
    scene, now = make_scene(chain, per_slot=8), clock.now()
    for _ in range(5):
        (visit,) = booked(scene, scene.wish())
        results = race(
            app,
            chain.id,
            [
                lambda session, visit=visit: services.cancel(session, visit, 1, "ill", by=DESK, now=now).id,
                booking(scene.wish()),
            ],
        )
        assert outcomes(results) in ({"done": 2}, {"done": 1, PatientBusy.__name__: 1})
        assert imbalance(scene) == {}
        with tenant_scope(chain.id), unit_of_work() as session:
            for left in session.scalars(sa.select(Appointment).where(Appointment.state == "confirmed")).all():
                services.cancel(session, left.id, left.version, "ill", by=DESK, now=now)


def test_a_patients_limit_holds_at_once(app: Flask, chain: Chain) -> None:
    scene, now = make_scene(chain, per_slot=20), clock.now()
    calls = [
        lambda session, slot=slot: services.book(session, scene.wish(slot=slot), by=scene.fan(), now=now).id
        for slot in range(6)
    ]
    assert outcomes(race(app, chain.id, calls)) == {"done": 3, "TooManyOpen": 3}
    assert imbalance(scene) == {}
