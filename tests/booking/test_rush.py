"""A rush on one time: who comes too late is told so before anything is locked, and never wrongly."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from engage.audit.services import OPERATOR, Actor
from engage.booking import services
from engage.booking.errors import SlotFull, TooManyOpen
from engage.booking.services import Book
from engage.kernel import clock, recent, settings
from engage.kernel.db import unit_of_work
from engage.kernel.errors import DomainError, NotFound
from engage.patients import services as charts
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain

KEY = uuid.uuid4()


@pytest.fixture
def _kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A web process that remembers for as long as the test lasts."""
    monkeypatch.setattr(recent, "SECONDS", 600.0)
    recent.keep()
    yield
    recent.keep(kept=False)


@pytest.fixture
def scene(scope: Chain, _kept: None) -> Scene:
    """A fan has just been told that the time of another is full."""
    made = make_scene(scope, per_slot=1, fan_count=4)
    assert isinstance(attempt(made, made.wish(fan=0, key=KEY))[0], int)
    assert attempt(made, made.wish(fan=1)) == (SlotFull, True)
    return made


def attempt(scene: Scene, wish: Book, *, by: Actor | None = None) -> tuple[object, bool]:
    """Let a fan wish; gives the visit or the refusal, and whether a transaction was begun for it."""
    begun = False
    try:
        with unit_of_work() as session:
            try:
                who = by or Actor("fan", wish.fan_id)
                return services.book(session, wish, by=who, now=clock.now()).id, True
            finally:
                begun = session.in_transaction()
    except DomainError as refusal:
        return type(refusal), begun


def test_the_next_are_refused_before_anything_is_locked(scene: Scene) -> None:
    assert attempt(scene, scene.wish(fan=2)) == (SlotFull, False)
    assert attempt(scene, scene.wish(fan=3)) == (SlotFull, False)


def test_they_are_told_the_nearest_free_times(scene: Scene) -> None:
    with pytest.raises(SlotFull) as refusal, unit_of_work() as session:
        services.book(session, scene.wish(fan=2), by=scene.fan(2), now=clock.now())
    assert [slot.starts_at for slot in refusal.value.data["nearest"]] == [
        scene.wish(slot=number).starts_at for number in (1, 2, 3)
    ]


def test_a_place_that_became_free_is_given_at_once(scene: Scene) -> None:
    with unit_of_work() as session:
        visit = services.book(session, scene.wish(key=KEY), by=scene.fan(), now=clock.now())
        services.cancel(session, visit.id, version=visit.version, reason="", by=scene.fan(), now=clock.now())
    made, begun = attempt(scene, scene.wish(fan=2))
    assert isinstance(made, int)
    assert begun


def test_whoever_has_it_is_given_it_again(scene: Scene) -> None:
    again, begun = attempt(scene, scene.wish(fan=0, key=KEY))
    assert isinstance(again, int)
    assert begun


def test_other_refusals_are_those_of_quiet_times(scene: Scene) -> None:
    strangers = scene.wish(fan=2, patient_id=scene.patient_ids[3])
    assert attempt(scene, strangers) == (NotFound, True)
    assert attempt(scene, scene.wish(fan=2, item_id=404)) == (NotFound, True)
    with unit_of_work() as session:
        settings.put(session, services.OPEN_PER_FAN, 1)
        services.book(session, scene.wish(fan=2, slot=3), by=scene.fan(2), now=clock.now())
    assert attempt(scene, scene.wish(fan=2)) == (TooManyOpen, True)


def test_the_desk_and_other_times_are_not_hurried(scene: Scene) -> None:
    assert isinstance(attempt(scene, scene.wish(fan=2, slot=1))[0], int)
    desk = scene.wish(fan=3, fan_id=None, channel="desk")
    assert attempt(scene, desk, by=OPERATOR) == (SlotFull, True)


def test_who_holds_the_place_may_bring_somebody_new(scene: Scene) -> None:
    """Whom they speak for since this very transaction is not known outside of it."""
    with unit_of_work() as session:
        visit = services.book(session, scene.wish(key=KEY), by=scene.fan(), now=clock.now())
        services.cancel(session, visit.id, visit.version, "", by=scene.fan(), now=clock.now())
    with unit_of_work() as session:
        held = services.hold(session, scene.slot(fan=2), now=clock.now()).id
    with unit_of_work() as session:
        new = charts.create_chart(session, charts.NewChart("王建国"), by=OPERATOR, now=clock.now()).id
        charts.bind(
            session, fan_id=scene.fan_ids[2], patient_id=new, how="desk", by=OPERATOR, now=clock.now()
        )
        wish = scene.wish(fan=2, patient_id=new, hold_id=held)
        assert services.book(session, wish, by=scene.fan(2), now=clock.now()).patient_id == new
