"""Many at once for few places (R13), crossing times (R14), and everything at random (R15)."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR
from engage.booking import services
from engage.booking.errors import NotOpen, NotPossible, PatientBusy, SlotFull, Stale
from engage.booking.models import Appointment, Hold, Place
from engage.booking.rules import LIVE, Span, moves
from engage.booking.services import Book, Change
from engage.clinic import services as clinic
from engage.kernel import clock
from engage.kernel.db import Session, db, tenant_scope, unit_of_work
from engage.kernel.errors import NotFound
from tests.booking.scenes import SLOT, Scene, make_scene
from tests.concurrency.unguarded import take_places_by
from tests.conftest import Chain

LARGE = [pytest.mark.large, pytest.mark.timeout(1200)]
REFUSED = (SlotFull, PatientBusy, NotOpen, NotPossible, Stale, NotFound)
MINUTE = dt.timedelta(minutes=1)
T = TypeVar("T")

Transact = Callable[[Callable[[Session], T]], T]


@contextlib.contextmanager
def clients(app: Flask, tenant_id: int, count: int) -> Iterator[Transact[int]]:
    """Give what runs a call as a transaction of its own, for so many threads at once."""
    with app.app_context():
        engine = sa.create_engine(db.engine.url, pool_size=count, max_overflow=0)

    def transact(call: Callable[[Session], T]) -> T:
        with app.app_context(), tenant_scope(tenant_id), engine.connect() as connection:
            session = Session(db, bind=connection, expire_on_commit=False)
            session.info["tenant_id"] = tenant_id
            with session.begin():
                return call(session)

    try:
        yield transact
    finally:
        engine.dispose()


def came_of(transact: Transact[int], call: Callable[[Session], int]) -> int | str:
    """Give what a call returned, or the name of its refusal."""
    try:
        return transact(call)
    except REFUSED as refusal:
        return type(refusal).__name__


def imbalance(session: Session) -> dict[object, tuple[int, int]]:
    """Give the steps of which the ledger says something else than visits and holds do, in one moment (I2)."""
    kept = [
        *session.execute(
            sa.select(Appointment.resource, Appointment.starts_at, Appointment.ends_at).where(
                Appointment.state != "cancelled"
            )
        ),
        *session.execute(sa.select(Hold.resource, Hold.starts_at, Hold.ends_at)),
    ]
    real = {(one.resource, one.grid_start): -one.places for one in moves(Span(*row) for row in kept)}
    rows = session.execute(sa.select(Place.resource, Place.grid_start, Place.taken, Place.capacity)).all()
    assert all(0 <= row.taken <= row.capacity for row in rows)
    told = {(row.resource, row.grid_start): row.taken for row in rows if row.taken}
    return {
        key: (told.get(key, 0), real.get(key, 0))
        for key in told.keys() | real.keys()
        if told.get(key) != real.get(key)
    }


def looked_at(app: Flask, chain: Chain) -> dict[object, tuple[int, int]]:
    """Compare the ledger with what is kept, as they are at one moment."""
    with app.app_context(), tenant_scope(chain.id), unit_of_work() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return imbalance(session)


def stampede(app: Flask, scene: Scene, *, tries: int, workers: int) -> list[int | str]:
    """Let fans ask for one slot, every wish twice with its key; gives what came of all."""
    now, fans = clock.now(), len(scene.fan_ids)
    wishes = [scene.wish(fan=number % fans, key=uuid.uuid4()) for number in range(tries // 2)]
    order = wishes * 2
    random.Random(13).shuffle(order)
    with clients(app, scene.chain.id, workers) as transact, ThreadPoolExecutor(workers) as pool:

        def ask(wish: Book) -> tuple[uuid.UUID, int | str]:
            book = lambda session: services.book(session, wish, by=OPERATOR, now=now).id  # noqa: E731
            return wish.key, came_of(transact, book)

        answers = list(pool.map(ask, order))
    by_key: dict[uuid.UUID, set[int | str]] = {}
    for key, came in answers:
        by_key.setdefault(key, set()).add(came)
    # A key that booked gives its booking to the repeat; one that was refused is refused again.
    assert all(len({type(one) for one in came}) == 1 for came in by_key.values())
    assert all(len(came) == 1 for came in by_key.values() if isinstance(next(iter(came)), int))
    return [next(iter(came)) for came in by_key.values()]


@pytest.mark.parametrize(
    ("places", "tries", "workers"),
    [
        (1, 120, 8),
        (20, 120, 8),
        pytest.param(1, 10_000, 50, marks=LARGE),
        pytest.param(100, 10_000, 50, marks=LARGE),
    ],
)
def test_a_stampede_sells_what_there_is(
    app: Flask, chain: Chain, places: int, tries: int, workers: int
) -> None:
    """R13: sold = capacity, and a repeated key gets the booking that it made."""
    scene = make_scene(chain, per_slot=places, fan_count=min(tries // 2, 5 * places + 50))
    came = stampede(app, scene, tries=tries, workers=workers)
    assert sum(isinstance(one, int) for one in came) == places
    assert {one for one in came if isinstance(one, str)} <= {"SlotFull", "PatientBusy"}
    assert looked_at(app, chain) == {}


def test_without_the_guard_a_stampede_oversells(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of R13: places are taken whatever is left, and the last look is at what is sold."""
    scene = make_scene(chain, per_slot=1, fan_count=60)
    take_places_by(monkeypatch)
    came = stampede(app, scene, tries=40, workers=8)
    assert sum(isinstance(one, int) for one in came) > 1
    assert looked_at(app, chain) != {}


@dataclass(frozen=True)
class Try:
    """One of the tries of R14: who, with which doctor, and when."""

    patient: int
    doctor: int
    minutes: range
    came: int | str = ""

    def crosses(self, other: Try) -> bool:
        """Whether both cannot be."""
        shares = self.patient == other.patient or self.doctor == other.doctor
        return shares and bool(set(self.minutes) & set(other.minutes))


@pytest.mark.parametrize(("tries", "workers"), [(160, 8), pytest.param(10_000, 50, marks=LARGE)])
def test_crossing_times_are_as_an_oracle_says(app: Flask, chain: Chain, tries: int, workers: int) -> None:
    """R14: what stands does not cross, and whatever was refused crosses something that stands."""
    scene = make_scene(chain, fan_count=12 if tries < 1000 else 60)
    doctors = _doctors(scene, lengths=(10, 15, 20, 30))
    chance, now = random.Random(14), clock.now()
    wished = []
    for _ in range(tries):
        doctor = chance.randrange(len(doctors))
        length = doctors[doctor][1]
        begin = chance.randrange(0, 480, length)
        patient = chance.randrange(len(scene.patient_ids))
        wished.append(Try(patient, doctor, range(begin, begin + length)))

    with clients(app, chain.id, workers) as transact, ThreadPoolExecutor(workers) as pool:

        def ask(one: Try) -> Try:
            starts_at = scene.opens_at + one.minutes.start * MINUTE
            wish = scene.wish(fan=one.patient, doctor_id=doctors[one.doctor][0], starts_at=starts_at)
            book = lambda session: services.book(session, wish, by=OPERATOR, now=now).id  # noqa: E731
            return Try(one.patient, one.doctor, one.minutes, came_of(transact, book))

        answered = list(pool.map(ask, wished))
    stands = [one for one in answered if isinstance(one.came, int)]
    refused = [one for one in answered if not isinstance(one.came, int)]
    assert not any(one.crosses(other) for one in stands for other in stands if one is not other)
    assert all(any(one.crosses(other) for other in stands) for one in refused)
    assert {one.came for one in refused} <= {"SlotFull", "PatientBusy"}
    assert looked_at(app, chain) == {}


def _doctors(scene: Scene, *, lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Give doctors who see one patient at a time for eight hours, each for so many minutes."""
    now, found = clock.now(), []
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        for number, length in enumerate(lengths):
            doctor = clinic.create_doctor(session, name="周", title="", position=number, by=OPERATOR, now=now)
            clinic.add_shift(
                session,
                doctor_id=doctor.id,
                store_id=scene.chain.store.id,
                starts_at=scene.opens_at,
                ends_at=scene.opens_at + 480 * MINUTE,
                slot_minutes=length,
                per_slot=1,
            )
            found.append((doctor.id, length))
    return found


@dataclass
class Crowd:
    """Workers who book, hold, confirm, change, cancel and sweep at random, in a time that runs ahead."""

    scene: Scene
    transact: Transact[int]
    begun: dt.datetime
    steps: int = 0
    came: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def step(self, chance: random.Random) -> None:
        """Do one thing at random. Half a minute passes now and then, so that holds run out."""
        with self.lock:
            self.steps += 1
            now = self.begun + dt.timedelta(seconds=self.steps // 4)
        name = chance.choice(("book", "book", "hold", "hold", "confirm", "change", "cancel", "sweep"))
        call = getattr(self, f"_{name}")(chance, now)
        came = came_of(self.transact, call)
        with self.lock:
            self.came[f"{name} {'done' if isinstance(came, int) else came}"] += 1

    def _fan(self, chance: random.Random) -> int:
        return chance.randrange(len(self.scene.fan_ids))

    def _book(self, chance: random.Random, now: dt.datetime) -> Callable[[Session], int]:
        wish = self.scene.wish(fan=self._fan(chance), slot=chance.randrange(6))
        return lambda session: services.book(session, wish, by=OPERATOR, now=now).id

    def _hold(self, chance: random.Random, now: dt.datetime) -> Callable[[Session], int]:
        wish = self.scene.slot(fan=self._fan(chance), slot=chance.randrange(6))
        return lambda session: services.hold(session, wish, now=now).id

    def _confirm(self, chance: random.Random, now: dt.datetime) -> Callable[[Session], int]:
        fan = self._fan(chance)

        def confirm(session: Session) -> int:
            held = session.scalar(sa.select(Hold).where(Hold.fan_id == self.scene.fan_ids[fan]))
            if held is None:
                raise NotFound
            slot = (held.starts_at - self.scene.opens_at) // SLOT
            wish = self.scene.wish(fan=fan, slot=slot, hold_id=held.id)
            return services.book(session, wish, by=OPERATOR, now=now).id

        return confirm

    def _change(self, chance: random.Random, now: dt.datetime) -> Callable[[Session], int]:
        slot = chance.randrange(6)

        def change(session: Session) -> int:
            visit = self._some(session, chance)
            starts_at = self.scene.opens_at + slot * SLOT
            wish = Change(visit.id, visit.version, visit.store_id, self.scene.doctor_id, starts_at)
            return services.change(session, wish, by=OPERATOR, now=now).id

        return change

    def _cancel(self, chance: random.Random, now: dt.datetime) -> Callable[[Session], int]:
        def cancel(session: Session) -> int:
            visit = self._some(session, chance)
            return services.cancel(session, visit.id, visit.version, "ill", by=OPERATOR, now=now).id

        return cancel

    def _sweep(self, _chance: random.Random, now: dt.datetime) -> Callable[[Session], int]:
        return lambda session: services.sweep(session, now=now, batch=10)

    def _some(self, session: Session, chance: random.Random) -> sa.Row[int, int, int]:
        rows = session.execute(
            sa.select(Appointment.id, Appointment.version, Appointment.store_id).where(
                Appointment.state.in_(LIVE)
            )
        ).all()
        if not rows:
            raise NotFound
        return chance.choice(rows)


@pytest.mark.parametrize(
    ("workers", "steps", "samples"), [(8, 240, 6), pytest.param(50, 20_000, 100, marks=LARGE)]
)
def test_everything_at_random_keeps_the_ledger(
    app: Flask, chain: Chain, workers: int, steps: int, samples: int
) -> None:
    """R15: at each of many moments the ledger says what visits and holds take, never more than there is."""
    scene = make_scene(chain, per_slot=3, fan_count=10)
    with clients(app, chain.id, workers) as transact, ThreadPoolExecutor(workers + 1) as pool:
        crowd = Crowd(scene, transact, clock.now())

        def work(seed: int) -> None:
            chance = random.Random(seed)
            while crowd.steps < steps:
                crowd.step(chance)

        def sample() -> list[dict[object, tuple[int, int]]]:
            seen = []
            for number in range(samples):
                _wait_for_step(crowd, steps * number // samples)
                seen.append(looked_at(app, chain))
            return seen

        looks = pool.submit(sample)
        try:
            for done in [pool.submit(work, seed) for seed in range(workers)]:
                done.result()
        finally:
            crowd.steps = max(crowd.steps, steps)  # nobody waits for steps that do not come any more
        assert looks.result() == [{}] * samples
    assert looked_at(app, chain) == {}
    assert {name for name, count in crowd.came.items() if name.endswith("done") and count} == {
        f"{name} done" for name in ("book", "hold", "confirm", "change", "cancel", "sweep")
    }


def _wait_for_step(crowd: Crowd, step: int) -> None:
    while crowd.steps < step:
        threading.Event().wait(0.01)
