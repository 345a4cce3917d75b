"""The ledger of places against plain models: whatever happens in whatever order, they agree."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engage.audit.services import OPERATOR
from engage.booking import services
from engage.booking.errors import NotOpen, PatientBusy, SlotFull
from engage.booking.models import Appointment, Hold, Place
from engage.booking.rules import Span, moves
from engage.booking.services import Change
from engage.clinic import services as clinic
from engage.clinic.models import Item, ItemCategory, Shift
from engage.kernel import clock
from engage.kernel.db import Session
from tests.booking.scenes import SLOT, Scene, make_scene
from tests.conftest import Chain

SLOTS, PLACES, FANS = 4, 2, 3
REFUSALS = (SlotFull, NotOpen, PatientBusy)
MINUTE = dt.timedelta(minutes=1)
FEW = HealthCheck.function_scoped_fixture


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain, per_slot=PLACES, slots=SLOTS, fan_count=FANS)


def came_of(session: Session, call: Callable[[], object]) -> str:
    """Call, and give what came of it; a refusal leaves nothing."""
    savepoint = session.begin_nested()
    try:
        call()
    except REFUSALS as refusal:
        savepoint.rollback()
        return type(refusal).__name__
    savepoint.commit()
    return "done"


def assert_balanced(session: Session) -> None:
    """Assert I2 for every step: taken = live visits + holds, never more than there is room for."""
    kept: list[Appointment | Hold] = [
        *session.scalars(sa.select(Appointment).where(Appointment.state != "cancelled")),
        *session.scalars(sa.select(Hold)),
    ]
    spans = [Span(one.resource, one.starts_at, one.ends_at) for one in kept]
    real = {(move.resource, move.grid_start): -move.places for move in moves(spans)}
    places = session.execute(sa.select(Place.resource, Place.grid_start, Place.taken, Place.capacity)).all()
    assert {(row.resource, row.grid_start): row.taken for row in places if row.taken} == real
    assert all(0 <= row.taken <= row.capacity for row in places)


@dataclass
class Visits:
    """The first model: who is in which slots, and who holds which until when (minutes)."""

    visits: dict[int, tuple[int, range]] = field(default_factory=dict)  # appointment → fan, slots
    holds: dict[int, tuple[int, int]] = field(default_factory=dict)  # fan → slot, until
    minute: int = 0

    def room(self, fan: int, slots: range, *, but: int | None = None, mine: bool = False) -> str:
        """Say what comes of a wish for some slots, by a fan, maybe for the place of their own hold."""
        if slots.stop > SLOTS:
            return "NotOpen"
        for slot in slots:
            taken = sum(slot in held for visit, (_, held) in self.visits.items() if visit != but)
            taken += sum(
                slot == held
                for holder, (held, until) in self.holds.items()
                if until > self.minute and not (mine and holder == fan)
            )
            if taken >= PLACES:
                return "SlotFull"
        return "done"

    def busy(self, fan: int, slots: range, *, but: int | None = None) -> bool:
        """Whether the fan's patient has another visit in some slots."""
        return any(
            set(slots) & set(held)
            for visit, (whose, held) in self.visits.items()
            if whose == fan and visit != but
        )


FAN, SLOT_NUMBER, WHICH = st.integers(0, FANS - 1), st.integers(0, SLOTS - 1), st.integers(0, 9)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("book"), FAN, SLOT_NUMBER, st.integers(1, 2)),
        st.tuples(st.just("book"), FAN, SLOT_NUMBER, st.just(1)),
        st.tuples(st.just("hold"), FAN, SLOT_NUMBER),
        st.tuples(st.just("confirm"), FAN, st.integers(1, 2)),
        st.tuples(st.just("change"), WHICH, SLOT_NUMBER),
        st.tuples(st.just("cancel"), WHICH),
        st.tuples(st.just("sweep")),
        st.tuples(st.just("wait"), st.integers(1, 6)),
    ),
    max_size=24,
)


@settings(deadline=None, max_examples=40, suppress_health_check=[FEW])
@given(steps=STEPS)
@example(steps=[("hold", 0, 0), ("hold", 1, 0), ("wait", 5), ("book", 2, 0, 1), ("confirm", 0, 1)])
@example(steps=[("hold", 0, 0), ("hold", 1, 0), ("wait", 5), ("hold", 2, 0), ("sweep",), ("confirm", 2, 2)])
def test_the_ledger_and_a_model_agree(scene: Scene, session: Session, steps: list[tuple[str, ...]]) -> None:
    begun = clock.now()
    with session.begin_nested() as savepoint:
        history = History(session, scene, Visits(), begun, _an_hour(session))
        for name, *arguments in steps:
            getattr(history, name)(*arguments)
            assert_balanced(session)
        savepoint.rollback()
    session.expunge_all()


def _an_hour(session: Session) -> int:
    category = ItemCategory(name="洁牙", position=0)
    session.add(category)
    session.flush()
    item = Item(category_id=category.id, name="洁牙", minutes=60, position=0, enabled=True)
    session.add(item)
    session.flush()
    return item.id


@dataclass
class History:
    """Does the same to the system and to the model, and compares what came of it."""

    session: Session
    scene: Scene
    model: Visits
    begun: dt.datetime
    hour_id: int
    held: dict[int, int] = field(default_factory=dict)  # fan → hold

    @property
    def now(self) -> dt.datetime:
        """The time of the model."""
        return self.begun + self.model.minute * MINUTE

    def book(self, fan: int, slot: int, length: int, *, mine: bool = False) -> None:
        """Somebody books for a fan, whose own hold is in nobody's way but goes with the place."""
        slots = range(slot, slot + length)
        expected = self.model.room(fan, slots, mine=True)
        if expected == "done" and self.model.busy(fan, slots):
            expected = "PatientBusy"
        made: list[int] = []
        wish = self.scene.wish(
            fan=fan,
            slot=slot,
            item_id=self.hour_id if length == 2 else None,
            hold_id=self.held.get(fan) if mine else None,
        )

        def call() -> None:
            made.append(services.book(self.session, wish, by=OPERATOR, now=self.now).id)

        assert came_of(self.session, call) == expected
        if expected == "done":
            self.model.visits[made[0]] = (fan, slots)
            self.model.holds = {
                holder: kept
                for holder, kept in self.model.holds.items()
                if holder != fan or not (mine or kept[0] in slots)
            }

    def confirm(self, fan: int, length: int) -> None:
        """A fan books what they hold, or held."""
        if fan in self.model.holds:
            self.book(fan, self.model.holds[fan][0], length, mine=True)

    def hold(self, fan: int, slot: int) -> None:
        """A fan taps a slot."""
        expected = self.model.room(fan, range(slot, slot + 1), mine=True)
        made: list[int] = []

        def call() -> None:
            wish = self.scene.slot(fan=fan, slot=slot)
            made.append(services.hold(self.session, wish, now=self.now).id)

        assert came_of(self.session, call) == expected
        if expected == "done":
            self.model.holds[fan] = (slot, self.model.minute + 5)
            self.held[fan] = made[0]

    def change(self, which: int, slot: int) -> None:
        """Staff move a visit."""
        if not self.model.visits:
            return
        visit = list(self.model.visits)[which % len(self.model.visits)]
        fan, old = self.model.visits[visit]
        slots = range(slot, slot + len(old))
        expected = self.model.room(fan, slots, but=visit)
        if expected == "done" and self.model.busy(fan, slots, but=visit):
            expected = "PatientBusy"
        if slots == old:
            expected = "done"
        version = self.session.get(Appointment, (self.session.tenant_id, visit)).version
        starts_at = self.scene.opens_at + slot * SLOT
        wish = Change(visit, version, self.scene.chain.store.id, self.scene.doctor_id, starts_at)
        came = came_of(self.session, lambda: services.change(self.session, wish, by=OPERATOR, now=self.now))
        assert came == expected
        if expected == "done":
            self.model.visits[visit] = (fan, slots)

    def cancel(self, which: int) -> None:
        """Staff cancel a visit."""
        if self.model.visits:
            visit = list(self.model.visits)[which % len(self.model.visits)]
            version = self.session.get(Appointment, (self.session.tenant_id, visit)).version
            services.cancel(self.session, visit, version, "ill", by=OPERATOR, now=self.now)
            del self.model.visits[visit]

    def sweep(self) -> None:
        """What ran out is given back."""
        services.sweep(self.session, now=self.now, batch=10)
        self.model.holds = {
            fan: kept for fan, kept in self.model.holds.items() if kept[1] > self.model.minute
        }

    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.model.minute += minutes


TRIES = st.lists(
    st.one_of(
        # patient, doctor, minutes after the opening
        st.tuples(
            st.just("book"), st.integers(0, 2), st.integers(0, 1), st.integers(0, 23).map(lambda n: n * 5)
        ),
        st.tuples(st.just("change"), WHICH, st.integers(0, 1), st.integers(0, 23).map(lambda n: n * 5)),
        st.tuples(st.just("cancel"), WHICH),
        st.tuples(st.just("roster"), st.integers(0, 1), st.sampled_from([10, 15, 20, 25, 30, 45])),
    ),
    max_size=30,
)


@settings(deadline=None, max_examples=40, suppress_health_check=[FEW])
@given(tries=TRIES)
def test_crossing_times_and_an_oracle_agree(
    scene: Scene, session: Session, tries: list[tuple[str, ...]]
) -> None:
    """R14, small: two doctors, three patients, slots whose length changes; the oracle counts minutes."""
    with session.begin_nested() as savepoint:
        doctors = _two_doctors(session, scene)
        oracle = Oracle(session, scene, doctors)
        for name, *arguments in tries:
            getattr(oracle, name)(*arguments)
            assert_balanced(session)
        savepoint.rollback()
    session.expunge_all()


def _two_doctors(session: Session, scene: Scene) -> list[int]:
    now, found = clock.now(), []
    for number in range(2):
        doctor = clinic.create_doctor(session, name="周", title="", position=number, by=OPERATOR, now=now)
        clinic.add_shift(
            session,
            doctor_id=doctor.id,
            store_id=scene.chain.store.id,
            starts_at=scene.opens_at,
            ends_at=scene.opens_at + 120 * MINUTE,
            slot_minutes=30,
            per_slot=1,
        )
        found.append(doctor.id)
    return found


@dataclass
class Oracle:
    """The second model: minutes, by brute force."""

    session: Session
    scene: Scene
    doctors: list[int]
    slot: list[int] = field(default_factory=lambda: [30, 30])
    visits: dict[int, tuple[int, int, range]] = field(default_factory=dict)  # patient, doctor, minutes

    def roster(self, doctor: int, minutes: int) -> None:
        """A doctor's slots get another length; visits stay as they were booked."""
        self.session.execute(
            sa.update(Shift).where(Shift.doctor_id == self.doctors[doctor]).values(slot_minutes=minutes)
        )
        self.session.expire_all()
        self.slot[doctor] = minutes

    def expected(self, patient: int, doctor: int, begin: int, but: int | None = None) -> tuple[str, range]:
        """Say what comes of a wish."""
        minutes = range(begin, begin + self.slot[doctor])
        if begin % self.slot[doctor] or minutes.stop > 120:
            return "NotOpen", minutes
        others = [kept for visit, kept in self.visits.items() if visit != but]
        for refusal, whose, mine in (("SlotFull", doctor, 1), ("PatientBusy", patient, 0)):
            if any(set(minutes) & set(kept[2]) for kept in others if kept[mine] == whose):
                return refusal, minutes
        return "done", minutes

    def book(self, patient: int, doctor: int, begin: int) -> None:
        """Book at any five minutes."""
        expected, minutes = self.expected(patient, doctor, begin)
        starts_at = self.scene.opens_at + begin * MINUTE
        wish = self.scene.wish(fan=patient, doctor_id=self.doctors[doctor], starts_at=starts_at)
        made: list[int] = []

        def call() -> None:
            made.append(services.book(self.session, wish, by=OPERATOR, now=clock.now()).id)

        assert came_of(self.session, call) == expected
        if expected == "done":
            self.visits[made[0]] = (patient, doctor, minutes)

    def change(self, which: int, doctor: int, begin: int) -> None:
        """Move one of the visits to any five minutes."""
        if not self.visits:
            return
        visit = list(self.visits)[which % len(self.visits)]
        patient, now_at, kept = self.visits[visit]
        expected, minutes = self.expected(patient, doctor, begin, but=visit)
        if (now_at, kept.start) == (doctor, begin):
            expected, minutes = "done", kept
        version = self.session.get(Appointment, (self.session.tenant_id, visit)).version
        starts_at = self.scene.opens_at + begin * MINUTE
        wish = Change(visit, version, self.scene.chain.store.id, self.doctors[doctor], starts_at)
        came = came_of(
            self.session, lambda: services.change(self.session, wish, by=OPERATOR, now=clock.now())
        )
        assert came == expected
        if expected == "done":
            self.visits[visit] = (patient, doctor, minutes)

    def cancel(self, which: int) -> None:
        """Cancel one of the visits."""
        if self.visits:
            visit = list(self.visits)[which % len(self.visits)]
            version = self.session.get(Appointment, (self.session.tenant_id, visit)).version
            services.cancel(self.session, visit, version, "ill", by=OPERATOR, now=clock.now())
            del self.visits[visit]
