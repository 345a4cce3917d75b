"""Holding a slot while the form is filled in."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.booking import queries, services
from engage.booking.errors import NotOpen, SlotFull, TooFar
from engage.booking.models import Hold, Place
from engage.kernel import clock, due, settings
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import NotFound
from tests.booking.scenes import SLOT, Scene
from workers import holds

FIVE = dt.timedelta(minutes=5)


def free(session: Session, scene: Scene, *, now: dt.datetime) -> list[int]:
    """Give the places left in each slot."""
    slots = queries.open_slots(
        session,
        scene.chain.store.id,
        scene.doctor_id,
        begin=scene.opens_at,
        end=scene.opens_at + 6 * SLOT,
        now=now,
    )
    return [slot.free for slot in slots]


def test_a_slot_is_kept_for_five_minutes(scene: Scene, session: Session, assert_balanced) -> None:
    now = clock.now()
    held = services.hold(session, scene.slot(slot=1), now=now)
    assert (held.starts_at, held.ends_at) == (scene.opens_at + SLOT, scene.opens_at + 2 * SLOT)
    assert held.expires_at == now + FIVE
    assert free(session, scene, now=now) == [1, 0, 1, 1, 1, 1]
    with pytest.raises(SlotFull):
        services.hold(session, scene.slot(fan=1, slot=1), now=now + FIVE / 2)
    session.rollback()
    services.hold(session, scene.slot(slot=1), now=now)
    assert free(session, scene, now=now + FIVE) == [1] * 6
    assert services.hold(session, scene.slot(fan=1, slot=1), now=now + FIVE).fan_id == scene.fan_ids[1]
    assert_balanced()


def test_another_choice_gives_the_first_back(scene: Scene, session: Session, assert_balanced) -> None:
    now = clock.now()
    first = services.hold(session, scene.slot(slot=1), now=now).id
    second = services.hold(session, scene.slot(slot=2), now=now).id
    assert first != second
    assert queries.held(session, first, scene.fan_ids[0]) is None
    assert free(session, scene, now=now) == [1, 1, 0, 1, 1, 1]
    assert_balanced()


def test_the_same_choice_is_kept_anew(scene: Scene, session: Session, assert_balanced) -> None:
    now = clock.now()
    first = services.hold(session, scene.slot(), now=now).id
    again = services.hold(session, scene.slot(), now=now + FIVE / 2)
    assert (again.id, again.expires_at) == (first, now + FIVE / 2 + FIVE)
    assert_balanced()


def test_a_hold_that_ran_out_is_had_again(scene: Scene, session: Session, assert_balanced) -> None:
    now = clock.now()
    services.hold(session, scene.slot(), now=now)
    assert services.hold(session, scene.slot(), now=now + 2 * FIVE).expires_at == now + 3 * FIVE
    assert_balanced()


def test_what_cannot_be_booked_is_not_held(scene: Scene, session: Session) -> None:
    now = clock.now()
    with pytest.raises(NotOpen):
        services.hold(session, scene.slot(slot=6), now=now)
    settings.put(session, services.HORIZON_DAYS, 0)
    with pytest.raises(TooFar):
        services.hold(session, scene.slot(), now=now)
    settings.put(session, services.HORIZON_DAYS, 14)
    scene.chain.store.shown_before = False
    session.merge(scene.chain.store)
    with pytest.raises(NotFound):
        services.hold(session, scene.slot(), now=now)


def test_sweeping_gives_back_what_ran_out(scene: Scene, session: Session, assert_balanced) -> None:
    now = clock.now()
    services.hold(session, scene.slot(fan=0, slot=0), now=now)
    services.hold(session, scene.slot(fan=1, slot=1), now=now + FIVE / 2)
    assert services.sweep(session, now=now + FIVE - dt.timedelta(seconds=1), batch=10) == 0
    assert services.sweep(session, now=now + FIVE, batch=10) == 1
    assert services.next_at(session) == now + FIVE / 2 + FIVE
    assert_balanced()
    assert services.sweep(session, now=now + 2 * FIVE, batch=10) == 1
    assert services.next_at(session) is None
    assert session.scalar(sa.select(sa.func.sum(Place.taken))) == 0


def test_a_worker_sweeps_when_the_time_has_come(
    scene: Scene, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    with unit_of_work() as work:
        services.hold(work, scene.slot(), now=now)
        assert due.seen(work, services.QUEUE, now=now) == []
        (_mark,) = due.seen(work, services.QUEUE, now=now + FIVE)
    holds.drain()
    assert session.scalar(sa.select(sa.func.count()).select_from(Hold)) == 1
    session.rollback()
    monkeypatch.setattr(clock, "now", lambda: now + FIVE)
    holds.drain()
    assert session.scalar(sa.select(sa.func.count()).select_from(Hold)) == 0
    assert due.seen(session, services.QUEUE, now=now + 2 * FIVE) == []
