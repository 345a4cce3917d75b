"""What is due about visits when clocks change, go wrong, or are heard by several workers (R23)."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.booking import services
from engage.booking.models import Appointment, Touch, WaitingOffer
from engage.booking.rules.keeping import REMINDERS
from engage.kernel import clock, leases
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.leases import Claim
from tests.booking.clocks import (
    DAY,
    HOUR,
    MINUTE,
    Planned,
    SetClock,
    Waited,
    at,
    book,
    changes,
    count,
    offers,
    ring,
    see,
    state_of,
    tasks,
    told,
)
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain, make_chain
from tests.notifications.scenes import word
from workers import reminders, waiting

BERLIN = "Europe/Berlin"
WORKERS = 3


@pytest.mark.parametrize("turn", [0, 1])
def test_where_clocks_change_the_hour_of_the_day_stays(app: Flask, set_clock: SetClock, turn: int) -> None:
    """Looked at each hour around a day of 23 or 25 hours: each thing once, at its local time."""
    chain = make_chain(zone=BERLIN)
    scene = make_scene(chain, fan_count=3)
    day, hours = changes(BERLIN)[turn]
    assert hours == 23 or hours == 25
    midnight = at(day, 0, zone=BERLIN)
    early = midnight + 2.5 * HOUR  # in the autumn its local time comes twice
    on_the_day, day_after = at(day, 10, zone=BERLIN), at(day + DAY, 10, zone=BERLIN)
    with tenant_scope(chain.id):
        word(scene, "appointment_reminder")
        see(scene, early, on_the_day, day_after)
        set_clock(midnight - 8 * DAY)
        visits = [book(scene, when, fan=fan) for fan, when in enumerate((early, on_the_day, day_after))]
        set_clock(midnight - 7 * DAY + 5 * MINUTE)
        for _ in range(24 * 9 + 4):
            before = clock.now()
            ring(chain)
            set_clock(before + HOUR)
            if before < midnight + hours * HOUR <= before + HOUR:
                assert [state_of(visit) for visit in visits[:2]] == ["confirmed"] * 2
        _assert_told_by_local_time(visits, day)
        assert [state_of(visit) for visit in visits] == ["no_show"] * 3
        assert tasks("call_no_show") == 3
        with unit_of_work() as session:
            closed = session.scalars(
                sa.select(Touch.ended_at)
                .where(Touch.kind == "day_close", Touch.appointment_id == visits[1].id)
                .order_by(Touch.id)
            ).all()
        assert closed
        assert all(midnight + hours * HOUR <= when < midnight + (hours + 1) * HOUR for when in closed)


def _assert_told_by_local_time(visits: list[Appointment], day: dt.date) -> None:
    written = Counter(told(BERLIN))
    expected = Counter(
        (kind, f"{visit_day - ahead * DAY:%m-%d} {hour:02}")
        for visit_day, usual in ((day, 8), (day, 10), (day + DAY, 10))
        for kind, ahead, hour in (("week", 7, usual), ("two_days", 2, usual), ("evening", 1, 19))
    )
    assert written == expected


def test_a_clock_that_goes_wrong_says_nothing_twice_and_forgets_nothing(
    chain: Chain, day: dt.date, planned: Planned, set_clock: SetClock
) -> None:
    """An hour forward and back around each of its times; what was planned for later still comes."""
    visit = planned(10)
    expected: list[str] = []
    for kind, rung in (
        ("week", at(day - 7 * DAY, 10)),
        ("two_days", at(day - 2 * DAY, 10)),
        ("evening", at(day - DAY, 19)),
    ):
        set_clock(rung - 30 * MINUTE)
        ring(chain)
        assert [one for one, _ in told()] == expected
        expected.append(kind)
        for moment in (rung + 30 * MINUTE, rung - 30 * MINUTE, rung + MINUTE, rung + HOUR):
            set_clock(moment)
            ring(chain)
            assert [one for one, _ in told()] == expected
    for moment in (at(day, 10, 20), at(day, 9, 20), at(day, 10, 20)):
        set_clock(moment)
        ring(chain)
        assert tasks("call_no_show") == 1
    for moment in (at(day + DAY, 0, 30), at(day, 23, 30), at(day + DAY, 0, 30)):
        set_clock(moment)
        ring(chain)
        assert state_of(visit) == "no_show"
    assert count("booking.no_show") == 1
    assert [one for one, _ in told()] == expected


def test_a_clock_that_goes_wrong_offers_a_place_to_one_at_a_time(
    chain: Chain, day: dt.date, waited: Waited, set_clock: SetClock
) -> None:
    noon = at(day - 3 * DAY, 12)
    scene, (first, second) = waited(2, 10, since=noon)
    ring(chain)
    assert offers() == [(first, "open")]
    set_clock(noon - HOUR)
    ring(chain)
    assert offers() == [(first, "open")]
    set_clock(noon + HOUR)  # its half hour is over by this clock
    ring(chain)
    assert offers() == [(first, "expired"), (second, "open")]
    set_clock(noon)
    ring(chain)
    assert offers() == [(first, "expired"), (second, "open")]
    with unit_of_work() as session:
        made = session.scalars(sa.select(WaitingOffer).where(WaitingOffer.state == "open")).one()
        visit = services.accept_offer(session, made.id, by=scene.fan(1), now=clock.now())
    assert visit.starts_at == at(day, 10)
    for moment in (noon + 2 * HOUR, noon, noon + DAY):
        set_clock(moment)
        ring(chain)
    assert offers() == [(first, "expired"), (second, "taken")]


def at_once(app: Flask, chain: Chain, drain: Callable[[], None]) -> None:
    """Let some workers drain at the same time."""
    ready = threading.Barrier(WORKERS)

    def work(_number: int) -> None:
        with app.app_context(), tenant_scope(chain.id):
            ready.wait(60)
            drain()

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))


@pytest.fixture
def crowd(scope: Chain, day: dt.date, set_clock: SetClock) -> Scene:
    """Eight people who come at one time; the clock stands at their reminders."""
    scene = make_scene(scope, fan_count=8)
    word(scene, "appointment_reminder")
    see(scene, at(day, 10))
    set_clock(at(day - 4 * DAY, 10))
    for fan in range(8):
        book(scene, at(day, 10), fan=fan)
    ring(scope)
    set_clock(at(day - 2 * DAY, 10, 1))
    return scene


@pytest.mark.parametrize("guarded", [True, False])
def test_of_several_workers_each_touch_is_one_s(
    app: Flask, crowd: Scene, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """The control claims for all, and nobody asks whose it is, or whether it is done."""
    written: list[int] = []
    remind = reminders.remind

    def counting(session: Session, touch: Touch, visit: Appointment, now: dt.datetime) -> None:
        written.append(touch.id)
        remind(session, touch, visit, now)

    monkeypatch.setattr(reminders, "remind", counting)
    if not guarded:
        _share(monkeypatch)
    at_once(app, crowd.chain, reminders.drain)
    times = Counter(written)
    assert len(times) == 8
    assert set(times.values()) == ({1} if guarded else {WORKERS})


def _share(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, own = threading.Barrier(WORKERS), threading.local()

    def claim_for_all(session: Session, *, now: dt.datetime) -> Claim | None:
        if hasattr(own, "asked"):
            return None
        own.asked = True
        found = session.scalars(
            sa.select(Touch.id).where(Touch.available_at <= now, Touch.kind.in_(REMINDERS))
        ).all()
        seen.wait(60)
        return Claim(session.scalars(sa.select(sa.func.gen_random_uuid())).one(), found)

    def anybody_s(session: Session, model: Any, claimed: Claim) -> list[Any]:
        return list(session.scalars(sa.select(model).where(model.id.in_(claimed.ids))))

    monkeypatch.setattr(services, "claim_touches", claim_for_all)
    monkeypatch.setattr(leases, "held", anybody_s)


def test_of_several_workers_a_day_is_closed_once(
    app: Flask, crowd: Scene, day: dt.date, set_clock: SetClock
) -> None:
    set_clock(at(day + DAY, 0, 1))
    at_once(app, crowd.chain, reminders.drain)
    assert count("booking.no_show") == 8
    at_once(app, crowd.chain, reminders.drain)
    ring(crowd.chain)
    assert count("booking.no_show") == 8
    assert tasks("call_no_show") == 8
    assert told() == []  # what was due before the visit is of no use any more


def test_of_several_workers_each_place_is_offered_once(
    app: Flask, chain: Chain, day: dt.date, waited: Waited
) -> None:
    _scene, wishes = waited(5, 10, 11, 14, since=at(day - 3 * DAY, 12))
    at_once(app, chain, waiting.drain)
    ring(chain)
    assert [state for _, state in offers()] == ["open"] * 3
    assert sorted(wish_id for wish_id, _ in offers()) == wishes[:3]
    with unit_of_work() as session:
        times = session.scalars(sa.select(WaitingOffer.starts_at).order_by(WaitingOffer.starts_at)).all()
    assert times == [at(day, hour) for hour in (10, 11, 14)]
