"""Coming to a store: by its code, without an appointment, whose turn it is, how long people wait."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, replace

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR, Actor
from engage.booking import services
from engage.booking.errors import KeyReused, NotPossible, OtherStore, Stale, TooEarly, VisitOver
from engage.booking.models import Appointment
from engage.booking.queries import arrivals
from engage.booking.rules.arrivals import (
    WALK_IN_ACTIONS,
    Busy,
    Wanted,
    about,
    begins,
    in_turn,
    place_in_line,
)
from engage.booking.services import WalkInWish
from engage.clinic import services as clinic
from engage.kernel import clock
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.tenancy.rules import PERMISSIONS
from tests.booking.scenes import Scene

DESK = Actor("staff", 7)
TEN = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
LI, ZHOU = 7, 8


@dataclass(frozen=True, slots=True)
class One:
    """Somebody who waits: times are minutes after ten."""

    name: str
    booked: int | None
    came: int = 0
    doctor_id: int | None = LI

    @property
    def starts_at(self) -> dt.datetime | None:
        return None if self.booked is None else TEN + self.booked * MINUTE

    @property
    def arrived_at(self) -> dt.datetime:
        return TEN + self.came * MINUTE


@pytest.mark.parametrize(
    ("waiting", "order"),
    [
        ([One("walk-in", None, came=0), One("booked", 0, came=5)], "booked walk-in"),
        ([One("walk-in", None, came=0), One("much later", 180, came=5)], "much later walk-in"),
        ([One("second", 30, came=0), One("first", 0, came=20)], "first second"),
        ([One("second", 0, came=9), One("first", 0, came=8)], "first second"),
        ([One("second", None, came=9), One("first", None, came=8)], "first second"),
        ([], ""),
    ],
)
def test_whose_turn_it_is(waiting: list[One], order: str) -> None:
    assert " ".join(one.name for one in in_turn(waiting)) == order


@pytest.mark.parametrize(
    ("doctors", "places"),
    [
        ([LI, LI, LI], [1, 2, 3]),
        ([LI, ZHOU, LI], [1, 1, 2]),
        ([LI, None, ZHOU], [1, 2, 2]),
        ([LI, ZHOU, None], [1, 1, 3]),
    ],
)
def test_who_is_ahead_in_the_line(doctors: list[int | None], places: list[int]) -> None:
    line = [One("", 0, doctor_id=doctor_id) for doctor_id in doctors]
    assert [place_in_line(line, position) for position in range(len(line))] == places


def wanted(doctor_id: int | None, *, after: int = 0, minutes: int = 30) -> Wanted:
    return Wanted(doctor_id, TEN + after * MINUTE, minutes * MINUTE)


def busy(begin: int, end: int) -> Busy:
    return TEN + begin * MINUTE, TEN + end * MINUTE


@pytest.mark.parametrize(
    ("people", "chairs", "waits"),
    [
        ([wanted(LI)], {LI: []}, [0]),
        ([wanted(LI), wanted(LI)], {LI: []}, [0, 30]),
        ([wanted(LI)], {LI: [busy(-10, 20)]}, [20]),
        ([wanted(LI, after=15)], {LI: [busy(-10, 10)]}, [15]),
        # A walk-in goes into the gap before the next appointment if it is long enough.
        ([wanted(LI, after=30), wanted(LI)], {LI: []}, [30, 0]),
        ([wanted(LI, after=20), wanted(LI)], {LI: []}, [20, 50]),
        # Whoever is free soonest sees those who want nobody in particular.
        ([wanted(None), wanted(None), wanted(None)], {LI: [busy(-10, 20)], ZHOU: []}, [0, 20, 30]),
        # Nobody is on duty, or the doctor is not.
        ([wanted(None), wanted(None)], {}, [0, 30]),
        ([wanted(ZHOU), wanted(LI)], {LI: []}, [0, 0]),
        # Not before the shift.
        ([wanted(LI)], {LI: [busy(-600, 60)]}, [60]),
    ],
)
def test_when_each_is_seen(
    people: list[Wanted], chairs: dict[int | None, list[Busy]], waits: list[int]
) -> None:
    assert [(at - TEN) // MINUTE for at in begins(people, chairs, now=TEN)] == waits


@pytest.mark.parametrize(("minutes", "told"), [(-3, 0), (0, 0), (1, 5), (5, 5), (6, 10), (58, 60)])
def test_a_wait_is_told_in_steps_of_five(minutes: int, told: int) -> None:
    assert about(minutes * MINUTE) == told


def test_walk_ins_ask_for_permissions_that_exist() -> None:
    assert {action.permission for action in WALK_IN_ACTIONS.values()} <= PERMISSIONS.keys()


@pytest.fixture
def made(scene: Scene, session: Session) -> Appointment:
    return services.book(session, scene.wish(), by=scene.fan(), now=clock.now())


@pytest.fixture
def token(scene: Scene, session: Session) -> str:
    return services.arrival_code(session, scene.chain.store.id, now=clock.now())


def test_a_store_has_one_code_until_it_is_renewed(scene: Scene, session: Session, token: str) -> None:
    store_id, now = scene.chain.store.id, clock.now()
    assert services.arrival_code(session, store_id, now=now) == token
    assert arrivals.store_of(session, token) == store_id
    renewed = services.renew_arrival_code(session, store_id, by=DESK, now=now)
    assert services.arrival_code(session, store_id, now=now) == renewed != token
    with pytest.raises(NotFound):
        arrivals.store_of(session, token)
    assert session.scalars(sa.select(AuditEntry.action).where(AuditEntry.actor_kind == "staff")).all() == [
        "arrival_code.renewed"
    ]


@pytest.mark.parametrize(
    ("minutes", "refusal"), [(-121, TooEarly), (-120, None), (29, None), (30, VisitOver)]
)
def test_a_patient_checks_in_by_the_code_when_the_visit_is_near(
    scene: Scene,
    session: Session,
    made: Appointment,
    token: str,
    minutes: int,
    refusal: type[Exception] | None,
) -> None:
    now = made.starts_at + minutes * MINUTE
    if refusal is not None:
        with pytest.raises(refusal):
            services.arrive(session, made.id, token, by=scene.fan(), now=now)
        return
    for _ in range(2):
        services.arrive(session, made.id, token, by=scene.fan(), now=now)
    assert (made.state, made.checked_in_at, made.version) == ("checked_in", now, 2)


def test_another_stores_code_checks_nobody_in(
    scene: Scene, session: Session, made: Appointment, token: str
) -> None:
    now = made.starts_at
    other = clinic.create_store(
        session,
        slug="other",
        name="Other",
        short_name="Other",
        address="2 Road",
        zone="Asia/Shanghai",
        position=2,
        by=OPERATOR,
        now=now,
    )
    theirs = services.arrival_code(session, other.id, now=now)
    with pytest.raises(OtherStore):
        services.arrive(session, made.id, theirs, by=scene.fan(), now=now)
    with pytest.raises(NotFound):
        services.arrive(session, made.id, "nowhere", by=scene.fan(), now=now)
    with pytest.raises(NotFound):
        services.arrive(session, made.id, token, by=scene.fan(1), now=now)
    with pytest.raises(NotPossible):
        services.arrive(session, made.id, token, by=DESK, now=now)
    assert made.state == "confirmed"


def test_who_waits_for_approval_is_not_checked_in_by_the_code(
    scene: Scene, session: Session, made: Appointment, token: str
) -> None:
    made.state = "requested"
    session.flush()
    with pytest.raises(NotPossible):
        services.arrive(session, made.id, token, by=scene.fan(), now=made.starts_at)


def guest(scene: Scene, **changes: object) -> WalkInWish:
    return replace(WalkInWish(uuid.uuid4(), scene.chain.store.id, name="陈先生"), **changes)


def test_a_walk_in_is_noted_once(scene: Scene, session: Session, recorded) -> None:
    wish, now = guest(scene, note="牙痛"), clock.now()
    first = services.walk_in(session, wish, by=DESK, now=now)
    assert services.walk_in(session, wish, by=DESK, now=now).id == first.id
    assert (first.name, first.note, first.state, first.version) == ("陈先生", "牙痛", "waiting", 1)
    assert recorded() == ["booking.walked_in"]
    with pytest.raises(KeyReused):
        services.walk_in(session, replace(wish, patient_id=scene.patient_ids[0]), by=DESK, now=now)


def test_a_walk_in_with_a_chart_has_its_name(scene: Scene, session: Session) -> None:
    wish = guest(scene, patient_id=scene.patient_ids[0])
    made = services.walk_in(session, wish, by=DESK, now=clock.now())
    assert made.name == ""
    (waiting,) = arrivals.room(session, scene.chain.store.id, now=clock.now()).waiting
    assert waiting.name == "王小红"
    for missing in ({"patient_id": 0}, {"doctor_id": 0}, {"item_id": 0}, {"store_id": 0}):
        with pytest.raises(NotFound):
            services.walk_in(session, guest(scene, **missing), by=DESK, now=clock.now())


@pytest.mark.parametrize(
    ("acts", "state"),
    [
        (["call", "start", "complete"], "completed"),
        (["start", "undo_start"], "waiting"),
        (["start", "complete", "undo_complete"], "in_treatment"),
        (["leave"], "gone"),
        (["leave", "undo_leave", "start"], "in_treatment"),
    ],
)
def test_walk_ins_follow_their_table(scene: Scene, session: Session, acts: list[str], state: str) -> None:
    now = clock.now()
    made = services.walk_in(session, guest(scene), by=DESK, now=now)
    for name in acts:
        services.act_on_walk_in(session, made.id, name, by=DESK, now=now)
        told = WALK_IN_ACTIONS[name]
        assert told.sets is None or getattr(made, told.sets) == now
        assert not any(getattr(made, cleared) for cleared in told.clears)
    assert made.state == state
    trail = sa.select(AuditEntry.action).where(AuditEntry.actor_kind == "staff").order_by(AuditEntry.id)
    assert session.scalars(trail).all() == ["walk_in.came", *(WALK_IN_ACTIONS[name].event for name in acts)]


def test_what_the_table_of_walk_ins_does_not_allow_is_refused(scene: Scene, session: Session) -> None:
    now = clock.now()
    made = services.walk_in(session, guest(scene), by=DESK, now=now)
    with pytest.raises(NotPossible):
        services.act_on_walk_in(session, made.id, "complete", by=DESK, now=now)
    with pytest.raises(Stale):
        services.act_on_walk_in(session, made.id, "start", version=2, by=DESK, now=now)
    with pytest.raises(NotFound):
        services.act_on_walk_in(session, made.id, "cancel", by=DESK, now=now)
    with pytest.raises(NotFound):
        services.act_on_walk_in(session, 0, "start", by=DESK, now=now)
    services.act_on_walk_in(session, made.id, "start", by=DESK, now=now)
    with pytest.raises(NotPossible):
        services.act_on_walk_in(session, made.id, "undo_start", by=DESK, now=now + 16 * MINUTE)


def test_the_waiting_room(scene: Scene, session: Session, count_queries) -> None:
    now, store_id = scene.opens_at, scene.chain.store.id
    first = services.book(session, scene.wish(), by=scene.fan(), now=clock.now())
    second = services.book(session, scene.wish(fan=1, slot=2), by=scene.fan(1), now=clock.now())
    walked_in = services.walk_in(
        session, guest(scene, doctor_id=scene.doctor_id), by=DESK, now=now - 20 * MINUTE
    )
    services.act(session, second.id, "check_in", by=DESK, now=now - 5 * MINUTE)
    services.act(session, first.id, "check_in", by=DESK, now=now)

    room = arrivals.room(session, store_id, now=now)
    assert [(one.kind, one.id) for one in room.waiting] == [
        ("booked", first.id),
        ("booked", second.id),
        ("walk_in", walked_in.id),
    ]
    # The walk-in is seen in the half hour between the two visits, though called after both.
    assert [(one.turn.place, (one.turn.begins_at - now) // MINUTE) for one in room.waiting] == [
        (1, 0),
        (2, 60),
        (3, 30),
    ]

    services.act(session, first.id, "start", by=DESK, now=now)
    room = arrivals.room(session, store_id, now=now + 45 * MINUTE)
    assert [one.id for one in room.treated] == [first.id]
    # Who takes longer than planned is expected to be done soon.
    assert [(one.turn.begins_at - now) // MINUTE for one in room.waiting] == [60, 90]
    services.act(session, first.id, "complete", by=DESK, now=now + 45 * MINUTE)
    services.act_on_walk_in(session, walked_in.id, "leave", by=DESK, now=now + 45 * MINUTE)
    session.flush()
    with count_queries() as counted:
        room = arrivals.room(session, store_id, now=now + 45 * MINUTE)
    assert [one.id for one in room.over] == [first.id, walked_in.id]
    assert counted.n <= 12


def test_places_are_kept_for_who_is_to_come_and_not_for_who_missed(scene: Scene, session: Session) -> None:
    now, store_id = scene.opens_at, scene.chain.store.id
    booked = services.book(session, scene.wish(), by=scene.fan(), now=clock.now())
    services.walk_in(session, guest(scene, doctor_id=scene.doctor_id), by=DESK, now=now - 5 * MINUTE)
    for minutes, wait in ((0, 30), (15, 30), (16, 0)):
        at = now + minutes * MINUTE
        (waiting,) = arrivals.room(session, store_id, now=at).waiting
        assert (waiting.turn.begins_at - at) == wait * MINUTE
    room = arrivals.room(session, store_id, now=now)
    assert [row.id for row in room.expected] == [booked.id]
    assert arrivals.turn_of(session, room.expected[0], now=now) is None


def test_a_turn_is_told_to_who_waits(scene: Scene, session: Session, made: Appointment) -> None:
    services.act(session, made.id, "check_in", by=DESK, now=made.starts_at)
    (row,) = arrivals.of_fan_today(session, scene.fan_ids[0], now=made.starts_at)
    turn = arrivals.turn_of(session, row, now=made.starts_at)
    assert (turn.place, turn.begins_at) == (1, made.starts_at)
    assert arrivals.of_fan_today(session, scene.fan_ids[1], now=made.starts_at) == []
    assert arrivals.of_fan_today(session, scene.fan_ids[0], now=made.starts_at - dt.timedelta(days=2)) == []


def test_waits_are_measured_from_the_visits_time(scene: Scene, session: Session) -> None:
    begin = scene.opens_at
    visits = [
        services.book(session, scene.wish(fan=fan, slot=slot), by=scene.fan(fan), now=clock.now())
        for fan, slot in ((0, 0), (1, 1), (0, 2), (1, 3))
    ]
    came_began = [(-20, 10), (5, 20), (0, -5), (0, 2)]  # minutes after each visit's time
    for visit, (came, began) in zip(visits, came_began, strict=True):
        services.act(session, visit.id, "check_in", by=DESK, now=visit.starts_at + came * MINUTE)
        services.act(session, visit.id, "start", by=DESK, now=visit.starts_at + began * MINUTE)
    visits[3].corrected_at = begin  # noted after the day
    session.flush()
    walked_in = services.walk_in(session, guest(scene), by=DESK, now=begin)
    services.act_on_walk_in(session, walked_in.id, "start", by=DESK, now=begin + 40 * MINUTE)
    span = {"begin": begin, "end": begin + dt.timedelta(hours=4)}
    found = arrivals.waits(session, **span, store_ids=None)
    # Waited: 10, 15 and 0 minutes.
    assert found["booked"] == arrivals.Waits(3, 10 * MINUTE, 14 * MINUTE)
    assert found["walk_in"] == arrivals.Waits(1, 40 * MINUTE, 40 * MINUTE)
    assert arrivals.waits(session, **span, store_ids=frozenset())["booked"] == arrivals.Waits(0, None, None)
