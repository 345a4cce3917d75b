"""A chain of three stores lives on, day after day: nothing is oversold, and reminders are for what stands."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR
from engage.booking import services
from engage.booking.errors import NotOpen, NotPossible, PatientBusy, SlotFull
from engage.booking.models import Appointment, Hold, Place, Touch
from engage.booking.rules import Span, moves
from engage.booking.rules.keeping import REMINDERS
from engage.booking.services import Change, duties, touches
from engage.clinic import services as clinic
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.notifications.models import Delivery
from engage.reactions.notifications import REMINDER
from tests.booking.scenes import SLOT, Scene, make_scene
from tests.conftest import Chain
from workers import events, holds, reminders

DAY, SLOTS_A_DAY = dt.timedelta(days=1), 4
REFUSED = (SlotFull, PatientBusy, NotOpen, NotPossible)
LARGE = [pytest.mark.large, pytest.mark.timeout(3600)]


@pytest.fixture
def own_clock(tmp_path: Path) -> Iterator[None]:
    """A clock of this test alone, which it moves."""
    before = clock._offset.file
    clock.use_offset(tmp_path / "clock-offset")
    yield
    clock.use_offset(before)


@dataclass
class Life:
    """What goes on: stores with a doctor each, and people who book, move, promise and cancel."""

    scene: Scene
    places: list[tuple[int, int]]
    chance: random.Random
    first: dt.datetime
    ahead: int
    told: int = 0
    reminded: list[int] = field(default_factory=list)

    def act(self, session: Session) -> None:
        """Do one thing at random, as the desk does it."""
        getattr(self, f"_{self.chance.choice(('book', 'book', 'book', 'move', 'cancel', 'promise'))}")(
            session
        )

    def _time(self) -> tuple[int, int, dt.datetime]:
        store_id, doctor_id = self.chance.choice(self.places)
        days = (clock.now() - self.first) // DAY + self.chance.randrange(1, self.ahead)
        starts_at = self.first + days * DAY + self.chance.randrange(SLOTS_A_DAY) * SLOT
        return store_id, doctor_id, starts_at

    def _book(self, session: Session) -> None:
        store_id, doctor_id, starts_at = self._time()
        fan = self.chance.randrange(len(self.scene.fan_ids))
        wish = self.scene.wish(fan=fan, store_id=store_id, doctor_id=doctor_id, starts_at=starts_at)
        services.book(session, wish, by=OPERATOR, now=clock.now())

    def _move(self, session: Session) -> None:
        if visit := self._some(session):
            wish = Change(visit.id, visit.version, *self._time())
            services.change(session, wish, by=OPERATOR, now=clock.now())

    def _cancel(self, session: Session) -> None:
        if visit := self._some(session):
            services.cancel(session, visit.id, visit.version, "ill", by=OPERATOR, now=clock.now())

    def _promise(self, session: Session) -> None:
        if visit := self._some(session):
            services.act(session, visit.id, "attend", by=OPERATOR, now=clock.now())

    def _some(self, session: Session) -> Appointment | None:
        coming = sa.select(Appointment).where(
            Appointment.state == "confirmed", Appointment.starts_at > clock.now()
        )
        rows = session.scalars(coming.order_by(Appointment.id)).all()
        return self.chance.choice(rows) if rows else None

    def look(self, session: Session) -> None:
        """Look at the reminders that were just written: what they are about stands, as it was agreed upon."""
        rows = session.execute(
            sa.select(
                Delivery.id, Appointment.id, Appointment.state, Appointment.agreed_version, Touch.version
            )
            .join(Touch, Touch.id == Delivery.subject_id)
            .join(Appointment, Appointment.id == Touch.appointment_id)
            .where(Delivery.kind == REMINDER, Delivery.id > self.told)
            .order_by(Delivery.id)
        ).all()
        for message_id, visit_id, state, agreed, version in rows:
            assert (state, version) == ("confirmed", agreed), f"visit {visit_id} is reminded of"
            self.told = message_id
            self.reminded.append(visit_id)

    def assert_nothing_is_oversold(self, session: Session) -> None:
        """The ledger says what visits and holds take, and never more than there is (I2)."""
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
        assert {(row.resource, row.grid_start): row.taken for row in rows if row.taken} == real
        assert all(0 <= row.taken <= row.capacity for row in rows)


@pytest.mark.parametrize(("days", "a_day", "ahead"), [(14, 3, 7), pytest.param(365, 30, 40, marks=LARGE)])
@pytest.mark.usefixtures("own_clock")
def test_a_chain_of_three_stores_lives_on(
    app: Flask, chain: Chain, days: int, a_day: int, ahead: int
) -> None:
    assert _live(chain, days=days, a_day=a_day, ahead=ahead).reminded


@pytest.mark.usefixtures("own_clock")
def test_control_that_forgets_its_changes_reminds_of_what_is_off(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rungs stay when a visit changes, and who works on one does not look at the visit again."""
    monkeypatch.setattr(touches, "_drop", lambda *_arguments, **_more: None)
    monkeypatch.setattr(duties, "_is_due", lambda _session, touch, _visit, *, now: touch.kind in REMINDERS)
    with pytest.raises(AssertionError, match="is reminded of"):
        _live(chain, days=14, a_day=3, ahead=7)


def _live(chain: Chain, *, days: int, a_day: int, ahead: int) -> Life:
    """Let some days pass, and look twice a day at what was said, once a week at what was sold."""
    scene = make_scene(chain, slots=SLOTS_A_DAY, fan_count=12)
    with tenant_scope(chain.id):
        places = _stores(scene, days=days + ahead)
        life = Life(scene, places, random.Random(365), scene.opens_at - DAY, ahead)
        for day in range(days):
            for _ in range(a_day):
                _do(life.act)
            for hours in (12, 12):  # one of them is in the hours for reminders
                clock.advance(hours * 3600)
                for drain in (events.drain, holds.drain, reminders.drain):
                    drain()
                _do(life.look)
            if day % 7 == 6:
                _do(life.assert_nothing_is_oversold)
        _do(life.assert_nothing_is_oversold)
    return life


def _do(call: Callable[[Session], None]) -> None:
    """Do it in a transaction of its own; a refusal leaves nothing."""
    try:
        with unit_of_work() as session:
            call(session)
    except REFUSED:
        pass


def _stores(scene: Scene, *, days: int) -> list[tuple[int, int]]:
    """Open two stores more, with a doctor at each of the three every day; gives store and doctor."""
    now, found = clock.now(), []
    with unit_of_work() as session:
        store_ids = [scene.chain.store.id]
        for number in (1, 2):
            store = clinic.create_store(
                session,
                slug=f"s{number}",
                name="静安店",
                short_name="静安店",
                address="",
                zone=("Asia/Shanghai", "Europe/Berlin")[number - 1],
                position=number,
                by=OPERATOR,
                now=now,
            )
            store_ids.append(store.id)
        for number, store_id in enumerate(store_ids):
            doctor = clinic.create_doctor(session, name="周", title="", position=number, by=OPERATOR, now=now)
            for day in range(1, days):
                begin = scene.opens_at + day * DAY
                clinic.add_shift(
                    session,
                    doctor_id=doctor.id,
                    store_id=store_id,
                    starts_at=begin,
                    ends_at=begin + SLOTS_A_DAY * SLOT,
                    slot_minutes=30,
                    per_slot=1,
                )
            found.append((store_id, doctor.id))
    return found
