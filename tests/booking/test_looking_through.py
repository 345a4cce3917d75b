"""Whatever lets more be booked has the waiting list looked through at once (BK-17)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.booking import services
from engage.booking.queries import waiting as queries
from engage.booking.rules.terms import Terms
from engage.booking.rules.waiting import QUEUE, Window
from engage.booking.services import Wanted
from engage.clinic import services as clinic
from engage.clinic.models import Closure, Shift
from engage.clinic.rules import Period, Roster, Special
from engage.clinic.services import ClosureDetails
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.due import Due
from tests.booking.scenes import Scene
from workers import events, waiting

EVERY_DAY = tuple(range(7))
# By the store's clock the scene's doctor sees patients from here to three hours later.
BEGIN, END = 18 * 60, 21 * 60
Do = Callable[[Session, Scene], object]


@pytest.fixture
def scope(scene: Scene, tmp_path: Path) -> Iterator[None]:
    """Let every clock show noon of the day before the scene's, a time at which people are asked."""
    before, file = clock._offset.file, tmp_path / "offset"
    file.write_text(str((scene.opens_at - dt.timedelta(hours=30) - clock.real_now()).total_seconds()))
    clock.use_offset(file)
    with tenant_scope(scene.chain.id):
        yield
    clock.use_offset(before)


def local_day(scene: Scene) -> dt.date:
    return clock.local(scene.opens_at, scene.chain.store.zone).date()


def window(scene: Scene) -> Window:
    return Window(EVERY_DAY, 0, 1440, local_day(scene), local_day(scene))


def allow(**changes: object) -> Do:
    def done(session: Session, scene: Scene) -> None:
        terms = replace(Terms(), **changes)
        services.set_terms(session, scene.chain.store.id, terms, by=OPERATOR, now=clock.now())

    return done


def close(session: Session, scene: Scene) -> None:
    details = ClosureDetails(
        store_id=scene.chain.store.id,
        starts_at=scene.opens_at,
        ends_at=scene.opens_at + dt.timedelta(hours=3),
        reason="维修",
    )
    clinic.add_closure(session, details, by=OPERATOR, now=clock.now())


def open_again(session: Session, _scene: Scene) -> None:
    clinic.remove_closure(session, session.scalars(sa.select(Closure.id)).one(), by=OPERATOR, now=clock.now())


def take_away(session: Session, _scene: Scene) -> None:
    session.execute(sa.delete(Shift))


def add_roster(session: Session, scene: Scene) -> None:
    day = local_day(scene)
    roster = Roster(scene.doctor_id, scene.chain.store.id, frozenset(EVERY_DAY), day, day, BEGIN, END, 30, 1)
    clinic.add_shifts(session, roster, by=OPERATOR, now=clock.now())


def plan_day(session: Session, scene: Scene) -> None:
    store_id = scene.chain.store.id
    days = {local_day(scene): [Period(BEGIN, END, store_id, 30, 1)]}
    clinic.set_days(session, scene.doctor_id, days, store_ids={store_id}, by=OPERATOR, now=clock.now())


def mark_day(*stretches: tuple[int, int]) -> Do:
    def done(session: Session, scene: Scene) -> None:
        special, day = Special("加班", stretches), local_day(scene)
        clinic.set_special_day(session, scene.chain.store.id, day, special, by=OPERATOR, now=clock.now())

    return done


def let_book(*, bookable: bool) -> Do:
    def done(session: Session, scene: Scene) -> None:
        told = {"name": "李明", "title": "主任医师", "introduction": "", "good_at": "", "is_expert": False}
        clinic.update_doctor(
            session, scene.doctor_id, bookable=bookable, by=OPERATOR, now=clock.now(), **told
        )

    return done


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (allow(horizon_days=0), allow(horizon_days=14)),
        (allow(notice_days=7), allow()),
        (allow(self_booking=False), allow()),
        (allow(latest=BEGIN), allow()),
        (allow(earliest=END), allow()),
        (close, open_again),
        (take_away, add_roster),
        (take_away, plan_day),
        (mark_day(), mark_day((0, 1440))),
        (let_book(bookable=False), let_book(bookable=True)),
    ],
    ids=[
        "horizon",
        "notice",
        "self-booking",
        "latest",
        "earliest",
        "closure",
        "roster",
        "days",
        "special day",
        "bookable",
    ],
)
def test_what_lets_more_be_booked_has_the_list_looked_through(
    scene: Scene, scope: None, before: Do, after: Do
) -> None:
    with unit_of_work() as session:
        before(session, scene)
        wish = Wanted(
            uuid.uuid4(),
            scene.patient_ids[0],
            scene.chain.store.id,
            None,
            window(scene),
            fan_id=scene.fan_ids[0],
        )
        wish_id = services.add_wish(session, wish, by=scene.fan(), now=clock.now()).id
    look()
    assert not is_due()
    with unit_of_work() as session:
        assert queries.open_offer(session, wish_id) is None
        after(session, scene)
    events.drain()
    assert is_due()
    look()
    with unit_of_work() as session:
        offered = queries.open_offer(session, wish_id)
        assert offered is not None
        assert offered.starts_at == scene.opens_at


def look() -> None:
    events.drain()
    waiting.drain()


def is_due() -> bool:
    """Say whether the list is to be looked through now, and not only in ten minutes."""
    with unit_of_work() as session:
        mine = (Due.tenant_id == session.tenant_id, Due.queue == QUEUE, Due.at <= clock.now())
        return bool(session.scalar(sa.select(sa.exists().where(*mine))))
