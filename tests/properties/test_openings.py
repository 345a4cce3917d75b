"""Open time against a slow plain model that looks at every minute of every local day by itself (BK-1)."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engage.audit.services import OPERATOR
from engage.booking import queries
from engage.booking.models import Appointment, Hold
from engage.booking.rules import resource_of
from engage.clinic import services as clinic
from engage.clinic.holidays import make_up_days, public_days
from engage.clinic.models import Closure, Item, ItemCategory, Shift, Store, StoreDay, StoreHours
from engage.kernel import clock
from engage.kernel.db import Session
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain

MINUTE, DAYS = dt.timedelta(minutes=1), 3
# Days on which clocks change, a make-up Saturday before a holiday, and plain ones.
STARTS = (
    ("Europe/Berlin", dt.date(2026, 3, 28)),
    ("Europe/Berlin", dt.date(2026, 10, 24)),
    ("America/New_York", dt.date(2026, 3, 7)),
    ("America/New_York", dt.date(2026, 10, 31)),
    ("Asia/Shanghai", dt.date(2026, 2, 13)),
    ("Asia/Shanghai", dt.date(2026, 9, 30)),
)
# Times that no clock jumps over or shows twice.
TIMES = st.sampled_from([0, *range(4 * 60, 24 * 60, 45), 540, 720, 810, 1080, 1440])
SPANS = st.tuples(TIMES, TIMES).filter(lambda span: span[0] < span[1])
DAY = st.integers(0, DAYS - 1)
MINE, OTHER, NOBODY = "mine", "other", None


@dataclass(frozen=True)
class Made:
    """What hypothesis made up: times are minutes, days count from the first."""

    start: tuple[str, dt.date]
    hours: list[tuple[int, tuple[int, int]]]
    special: dict[int, list[tuple[int, int]]]
    holidays: tuple[str, str, int]
    shifts: list[tuple[int, tuple[int, int], int, int]]
    once: list[tuple[int, tuple[int, int], str | None, str | None, bool]]
    weekly: list[tuple[int, tuple[int, int], str | None, str | None, bool]]
    visits: list[tuple[bool, int, int, int]]
    holds: list[tuple[bool, int, int, bool]]
    per_hour: int
    minutes: int
    for_item: bool


@st.composite
def worlds(draw: st.DrawFn) -> Made:
    """Make up a clinic of three days."""
    who = st.sampled_from([MINE, OTHER, NOBODY])
    closing = st.tuples(DAY, SPANS, who, who, st.booleans())
    return Made(
        start=draw(st.sampled_from(STARTS)),
        hours=_apart(draw(st.lists(st.tuples(st.integers(0, 6), SPANS), max_size=14))),
        special={
            day: [span for _, span in _apart([(0, span) for span in spans])]
            for day, spans in draw(st.dictionaries(DAY, st.lists(SPANS, max_size=2), max_size=2)).items()
        },
        holidays=draw(
            st.tuples(st.sampled_from(["", "CN"]), st.sampled_from(["closed", "as_usual"]), st.integers(0, 6))
        ),
        shifts=_apart(
            draw(
                st.lists(st.tuples(DAY, SPANS, st.sampled_from([15, 30, 50]), st.integers(1, 3)), max_size=5)
            )
        ),
        once=draw(st.lists(closing, max_size=3)),
        weekly=draw(st.lists(closing, max_size=2)),
        visits=draw(
            st.lists(
                st.tuples(st.booleans(), DAY, st.integers(8, 17), st.integers(1, 3)), min_size=2, max_size=2
            )
        ),
        holds=draw(st.lists(st.tuples(st.booleans(), DAY, st.integers(8, 17), st.booleans()), max_size=2)),
        per_hour=draw(st.integers(0, 2)),
        minutes=draw(st.sampled_from([0, 20, 60])),
        for_item=draw(st.booleans()),
    )


def _apart(spans: list) -> list:
    """Leave out what overlaps an earlier one of the same day."""
    kept: list = []
    for one in spans:
        (begin, end) = one[1]
        if all(one[0] != day or end <= a or b <= begin for day, (a, b), *_ in kept):
            kept.append(one)
    return kept


@dataclass
class World:
    """The clinic as rows, and the model that knows them only as what was made up."""

    made: Made
    scene: Scene
    other_store: int
    other_doctor: int
    item_id: int

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.made.start[0])

    def date(self, day: int) -> dt.date:
        return self.made.start[1] + dt.timedelta(days=day)

    def at(self, day: int, minute: int) -> dt.datetime:
        """Give the moment of a minute that clocks show once."""
        naive = dt.datetime.combine(self.date(day), dt.time()) + dt.timedelta(minutes=minute)
        return naive.replace(tzinfo=self.zone).astimezone(dt.UTC)

    # The rows

    def build(self, session: Session) -> None:
        made, store_id = self.made, self.scene.chain.store.id
        country, on_holidays, make_up = made.holidays
        for model in (Shift, StoreHours):
            session.execute(sa.delete(model))
        session.execute(
            sa.update(Store)
            .where(Store.id == store_id)
            .values(
                zone=made.start[0],
                any_per_hour=made.per_hour,
                holiday_country=country,
                on_holidays=on_holidays,
                make_up_weekday=make_up,
            )
            .execution_options(synchronize_session=False)
        )
        session.expire_all()
        for weekday, (opens, closes) in made.hours:
            session.add(StoreHours(store_id=store_id, weekday=weekday, opens=opens, closes=closes))
        for day, spans in made.special.items():
            stretches = [list(span) for span in sorted(spans)]
            session.add(StoreDay(store_id=store_id, date=self.date(day), name="", stretches=stretches))
        for day, (begin, end), slot, per_slot in made.shifts:
            session.add(
                Shift(
                    doctor_id=self.scene.doctor_id,
                    store_id=store_id,
                    starts_at=self.at(day, begin),
                    ends_at=self.at(day, end),
                    slot_minutes=slot,
                    per_slot=per_slot,
                )
            )
        self._close(session)
        self._take(session)
        session.flush()

    def _close(self, session: Session) -> None:
        stores = {MINE: self.scene.chain.store.id, OTHER: self.other_store, NOBODY: None}
        doctors = {MINE: self.scene.doctor_id, OTHER: self.other_doctor, NOBODY: None}
        common = {"reason": "", "version": 1, "created_at": clock.now()}
        for closing in self.made.once + self.made.weekly:
            day, (begin, end), store, doctor, of_item = closing
            if store is doctor is None and not of_item:
                continue
            subject = {
                "store_id": stores[store],
                "doctor_id": doctors[doctor],
                "item_id": self.item_id if of_item else None,
            }
            if closing in self.made.once:
                when = {"starts_at": self.at(day, begin), "ends_at": self.at(day, end)}
            else:
                date = self.date(day)
                when = {"weekday": date.weekday(), "from_minute": begin, "to_minute": end, "from_date": date}
            session.add(Closure(**subject, **when, **common))

    def _take(self, session: Session) -> None:
        store_id = self.scene.chain.store.id
        for number, (of_doctor, day, hour, half_hours) in enumerate(self.made.visits):
            doctor_id = self.scene.doctor_id if of_doctor else None
            begin = self.at(day, hour * 60)
            session.add(
                Appointment(
                    key=uuid.uuid4(),
                    store_id=store_id,
                    doctor_id=doctor_id,
                    patient_id=self.scene.patient_ids[number],
                    resource=resource_of(store_id, doctor_id),
                    state="cancelled" if half_hours == 3 else "confirmed",
                    cancelled_at=clock.now() if half_hours == 3 else None,
                    version=1,
                    channel="desk",
                    starts_at=begin,
                    ends_at=begin + self._length(doctor_id, half_hours),
                    complaint="",
                    note="",
                    booked_at=clock.now(),
                )
            )
        for number, (of_doctor, day, hour, is_over) in enumerate(self.made.holds):
            doctor_id = self.scene.doctor_id if of_doctor else None
            begin = self.at(day, hour * 60)
            session.add(
                Hold(
                    fan_id=self.scene.fan_ids[number],
                    resource=resource_of(store_id, doctor_id),
                    store_id=store_id,
                    doctor_id=doctor_id,
                    starts_at=begin,
                    ends_at=begin + self._length(doctor_id, 1),
                    expires_at=self.now + (-MINUTE if is_over else MINUTE),
                )
            )

    @staticmethod
    def _length(doctor_id: int | None, half_hours: int) -> dt.timedelta:
        return dt.timedelta(hours=1) if doctor_id is None else half_hours * dt.timedelta(minutes=30)

    # The model

    @property
    def now(self) -> dt.datetime:
        return self.at(0, 0)

    def is_open(self, at: dt.datetime, *, of_doctor: bool) -> bool:
        """Look at one minute: is the store open then, by what its clock shows, and nothing closed."""
        shown = at.astimezone(self.zone)
        date, minute = shown.date(), shown.hour * 60 + shown.minute
        day = (date - self.made.start[1]).days
        if not any(begin <= minute < end for begin, end in self._hours(day, date)):
            return False
        for closing in self.made.once + self.made.weekly:
            of_day, (begin, end), store, doctor, of_item = closing
            stops = store in (MINE, NOBODY) and not (of_item and not self.made.for_item)
            stops = stops and (doctor is NOBODY or (doctor == MINE and of_doctor))
            if store is doctor is None and not of_item:
                continue
            is_day = day == of_day
            if closing not in self.made.once:
                is_day = date.weekday() == self.date(of_day).weekday() and day >= of_day
            if stops and is_day and begin <= minute < end:
                return False
        return True

    def _hours(self, day: int, date: dt.date) -> list[tuple[int, int]]:
        country, on_holidays, make_up = self.made.holidays
        if day in self.made.special:
            return self.made.special[day]
        weekday = date.weekday()
        usual = [span for of_day, span in self.made.hours if of_day == weekday]
        if on_holidays == "closed" and country:
            if date in public_days(country, date.year):
                return []
            if date in make_up_days(country, date.year) and not usual:
                return [span for of_day, span in self.made.hours if of_day == make_up]
        return usual

    def taken(self, at: dt.datetime, *, of_doctor: bool) -> int:
        """Count who takes a minute."""
        spans = [
            (self.at(day, hour * 60), self._length(1 if doctor else None, halves))
            for doctor, day, hour, halves in self.made.visits
            if doctor is of_doctor and halves != 3
        ]
        spans += [
            (self.at(day, hour * 60), self._length(1 if doctor else None, 1))
            for doctor, day, hour, is_over in self.made.holds
            if doctor is of_doctor and not is_over
        ]
        return sum(begin <= at < begin + length for begin, length in spans)

    def places(self, at: dt.datetime, *, of_doctor: bool) -> int:
        """Count how many may be there at once, whatever is closed."""
        if not of_doctor:
            return self.made.per_hour
        return max(
            (
                per_slot
                for day, (begin, end), _, per_slot in self.made.shifts
                if self.at(day, begin) <= at < self.at(day, end)
            ),
            default=0,
        )

    def slots(self, *, of_doctor: bool) -> list[tuple[dt.datetime, dt.datetime, int]]:
        """Give slots as beginning, end, places left."""
        grids = []
        if of_doctor:
            for day, (begin, end), slot, per_slot in self.made.shifts:
                grids.append((self.at(day, begin), self.at(day, end), slot, per_slot))
        elif self.made.per_hour:
            grids.append((self.at(0, 0), self.at(DAYS, 0), 60, self.made.per_hour))
        found = []
        for begin, end, slot, capacity in grids:
            length = max(1, -(-self.made.minutes // slot)) * slot
            starts = begin
            while starts + length * MINUTE <= end:
                minutes = [starts + number * MINUTE for number in range(length)]
                if starts > self.now and all(self.is_open(at, of_doctor=of_doctor) for at in minutes):
                    most = max(self.taken(at, of_doctor=of_doctor) for at in minutes)
                    found.append((starts, starts + length * MINUTE, max(0, capacity - most)))
                starts += slot * MINUTE
        return sorted(found)


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain, fan_count=2)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=worlds())
def test_open_time_and_a_plain_model_agree(scene: Scene, session: Session, made: Made) -> None:
    with session.begin_nested() as savepoint:
        world = World(made, scene, *_others(session))
        world.build(session)
        asked = {"begin": world.at(0, 0), "end": world.at(DAYS, 0), "now": world.now}
        for doctor_id in (scene.doctor_id, None):
            found = queries.open_slots(
                session,
                scene.chain.store.id,
                doctor_id,
                **asked,
                minutes=made.minutes,
                item_id=world.item_id if made.for_item else None,
            )
            expected = world.slots(of_doctor=doctor_id is not None)
            assert [(slot.starts_at, slot.ends_at, slot.free) for slot in found] == expected
            for slot in found[:2]:
                one = queries.slot_at(
                    session,
                    scene.chain.store.id,
                    doctor_id,
                    slot.starts_at,
                    now=world.now,
                    minutes=made.minutes,
                    item_id=world.item_id if made.for_item else None,
                )
                assert one is not None
                assert one.ends_at == slot.ends_at
        _outside_agrees(session, world)
        savepoint.rollback()
    session.expire_all()


def _outside_agrees(session: Session, world: World) -> None:
    """Assert that visits are outside where the model finds a minute of them not open, or nobody there.

    Those in open time are listed where the model finds a minute with more visits than places.
    """
    left = queries.outside(session, begin=world.at(0, 0), end=world.at(DAYS, 0))
    whys = {one.row.id: one.why for one in left}
    visits = session.scalars(sa.select(Appointment).where(Appointment.state == "confirmed")).all()
    for visit in visits:
        of_doctor = visit.doctor_id is not None
        plain = World(
            Made(**{**world.made.__dict__, "for_item": False}),
            world.scene,
            world.other_store,
            world.other_doctor,
            world.item_id,
        )
        minutes = [
            visit.starts_at + number * MINUTE for number in range((visit.ends_at - visit.starts_at) // MINUTE)
        ]
        there = [
            plain.is_open(at, of_doctor=of_doctor)
            and (
                not of_doctor
                or any(
                    plain.at(day, begin) <= at < plain.at(day, end)
                    for day, (begin, end), *_ in world.made.shifts
                )
            )
            for at in minutes
        ]
        beside = [one for one in visits if (one.store_id, one.doctor_id) == (visit.store_id, visit.doctor_id)]
        crowded = any(
            sum(one.starts_at <= at < one.ends_at for one in beside) > world.places(at, of_doctor=of_doctor)
            for at in minutes
        )
        expected = queries.CROWDED if crowded else None
        assert whys.get(visit.id) == (expected if all(there) else queries.OUTSIDE)


def _others(session: Session) -> tuple[int, int, int]:
    """Make another store, another doctor and an item."""
    now = clock.now()
    store = clinic.create_store(
        session,
        slug="other",
        name="浦东店",
        short_name="浦东店",
        address="",
        zone="Asia/Shanghai",
        position=1,
        by=OPERATOR,
        now=now,
    )
    doctor = clinic.create_doctor(session, name="周敏", title="", position=1, by=OPERATOR, now=now)
    category = ItemCategory(name="洁牙", position=0)
    session.add(category)
    session.flush()
    item = Item(category_id=category.id, name="洁牙", minutes=30, position=0)
    session.add(item)
    session.flush()
    return store.id, doctor.id, item.id
