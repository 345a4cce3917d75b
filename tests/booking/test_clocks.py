"""What is due about visits when clocks change, go wrong, run twice, or stood still (R23)."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR
from engage.booking import services
from engage.booking.models import Appointment, Touch, WaitingOffer, WaitingWish
from engage.booking.rules.keeping import REMINDERS
from engage.booking.rules.waiting import QUEUE, Window
from engage.clinic import services as clinic
from engage.kernel import clock, due, leases, outbox
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.leases import Claim
from engage.kernel.outbox import OutboxRow
from engage.notifications import services as notifications
from engage.notifications.models import Delivery
from engage.tasks.models import Task
from tests.booking.scenes import Scene, make_scene
from tests.booking.test_waiting import wanted
from tests.conftest import Chain, make_chain
from tests.notifications.scenes import word
from workers import events, holds, reminders, waiting

BERLIN, SHANGHAI = "Europe/Berlin", "Asia/Shanghai"
DAY, HOUR, MINUTE = dt.timedelta(days=1), dt.timedelta(hours=1), dt.timedelta(minutes=1)
WORKERS = 3
DRAINS: Final[dict[str, Callable[[], None]]] = {
    outbox.QUEUE: events.drain,
    services.QUEUE: holds.drain,
    services.REMINDERS: reminders.drain,
    QUEUE: waiting.drain,
}


@pytest.fixture
def set_clock(tmp_path: Path) -> Iterator[Callable[[dt.datetime], None]]:
    """Give what sets the clock of this test alone."""
    before = clock._offset.file
    clock.use_offset(tmp_path / "clock-offset")
    yield lambda moment: clock.advance((moment - clock.now()).total_seconds())
    clock.use_offset(before)


def ring(chain: Chain) -> None:
    """Let the clock ring for what is due, and workers answer, until nothing is."""
    while queues := _reached(chain):
        for queue in queues:
            DRAINS[queue]()


def _reached(chain: Chain) -> list[str]:
    with unit_of_work() as session:
        rung = due.reached(session, now=clock.now(), limit=100_000)
    return [queue for tenant_id, queue in rung if tenant_id == chain.id and queue in DRAINS]


def at(day: dt.date, hour: int, minute: int = 0, zone: str = SHANGHAI) -> dt.datetime:
    """Give a time of a local day."""
    return dt.datetime.combine(day, dt.time(hour, minute), ZoneInfo(zone)).astimezone(dt.UTC)


def changes(zone: str) -> list[tuple[dt.date, int]]:
    """Give the days of this year and the next on which the zone's clocks change, and their hours."""
    day, found = clock.local(clock.now(), zone).date() + 30 * DAY, []
    for _ in range(370):
        begin, end = clock.day_bounds(day, zone)
        if end - begin != DAY:
            found.append((day, (end - begin) // HOUR))
        day += DAY
    return found[:2]


def see(scene: Scene, *times: dt.datetime, places: int = 20) -> None:
    """Let the doctor see patients for half an hour at some times."""
    with unit_of_work() as session:
        for begin in times:
            clinic.add_shift(
                session,
                doctor_id=scene.doctor_id,
                store_id=scene.chain.store.id,
                starts_at=begin,
                ends_at=begin + 30 * MINUTE,
                slot_minutes=30,
                per_slot=places,
            )


def book(scene: Scene, starts_at: dt.datetime, *, fan: int = 0) -> Appointment:
    with unit_of_work() as session:
        wish = scene.wish(fan=fan, starts_at=starts_at)
        return services.book(session, wish, by=OPERATOR, now=clock.now())


def told(zone: str = SHANGHAI) -> list[tuple[str, str]]:
    """Give the reminders that were written, and when by the store's clock, first things first."""
    with unit_of_work() as session:
        rows = session.execute(
            sa.select(Touch.kind, Delivery.created_at)
            .join(Touch, Touch.id == Delivery.subject_id)
            .where(Delivery.kind == "appointment_reminder")
            .order_by(Delivery.id)
        )
        return [(kind, f"{clock.local(when, zone):%m-%d %H}") for kind, when in rows]


def tasks(kind: str) -> int:
    with unit_of_work() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Task).where(Task.kind == kind)) or 0


def state_of(visit: Appointment) -> str:
    with unit_of_work() as session:
        return session.get_one(Appointment, (visit.tenant_id, visit.id)).state


@pytest.mark.parametrize("turn", [0, 1])
def test_where_clocks_change_the_hour_of_the_day_stays(
    app: Flask, set_clock: Callable[[dt.datetime], None], turn: int
) -> None:
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
    chain: Chain, set_clock: Callable[[dt.datetime], None]
) -> None:
    """An hour forward and back around each of its times; what was planned for later still comes."""
    scene = make_scene(chain)
    day = clock.local(clock.now(), SHANGHAI).date() + 30 * DAY
    with tenant_scope(chain.id):
        word(scene, "appointment_reminder")
        see(scene, at(day, 10))
        set_clock(at(day - 10 * DAY, 10))
        visit = book(scene, at(day, 10))
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
        assert _count("booking.no_show") == 1
        assert [one for one, _ in told()] == expected


def _count(event: str) -> int:
    with unit_of_work() as session:
        counted = sa.select(sa.func.count(OutboxRow.event_id.distinct())).where(OutboxRow.event == event)
        return session.scalar(counted) or 0


def offers() -> list[tuple[int, str]]:
    """Give the offers that were made, each with its wish."""
    with unit_of_work() as session:
        rows = session.execute(sa.select(WaitingOffer.wish_id, WaitingOffer.state).order_by(WaitingOffer.id))
        return [tuple(row) for row in rows]


def waits(scene: Scene, count: int, starts_at: dt.datetime) -> list[int]:
    """Put fans on the list for any time of a day; gives their wishes."""
    day = clock.local(starts_at, SHANGHAI).date()
    made = []
    for fan in range(count):
        window = Window((0, 1, 2, 3, 4, 5, 6), 0, 1440, day, day)
        with unit_of_work() as session:
            wish = wanted(scene, fan, window=window)
            made.append(services.add_wish(session, wish, by=scene.fan(fan), now=clock.now()).id)
    return made


def test_a_clock_that_goes_wrong_offers_a_place_to_one_at_a_time(
    chain: Chain, set_clock: Callable[[dt.datetime], None]
) -> None:
    scene = make_scene(chain)
    day = clock.local(clock.now(), SHANGHAI).date() + 30 * DAY
    with tenant_scope(chain.id):
        see(scene, at(day, 10), places=1)
        set_clock(noon := at(day - 3 * DAY, 12))
        first, second = waits(scene, 2, at(day, 10))
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
def crowd(chain: Chain, set_clock: Callable[[dt.datetime], None]) -> tuple[Scene, dt.date]:
    """Eight people who come at one time; the clock stands at their reminders."""
    scene = make_scene(chain, fan_count=8)
    day = clock.local(clock.now(), SHANGHAI).date() + 30 * DAY
    with tenant_scope(chain.id):
        word(scene, "appointment_reminder")
        see(scene, at(day, 10))
        set_clock(at(day - 4 * DAY, 10))
        for fan in range(8):
            book(scene, at(day, 10), fan=fan)
        ring(chain)
        set_clock(at(day - 2 * DAY, 10, 1))
    return scene, day


@pytest.mark.parametrize("guarded", [True, False])
def test_of_several_workers_each_touch_is_one_s(
    app: Flask,
    crowd: tuple[Scene, dt.date],
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
) -> None:
    """The control claims for all, and nobody asks whose it is, or whether it is done."""
    scene, _day = crowd
    written: list[int] = []
    remind = reminders.remind

    def counting(session: Session, touch: Touch, visit: Appointment, now: dt.datetime) -> None:
        written.append(touch.id)
        remind(session, touch, visit, now)

    monkeypatch.setattr(reminders, "remind", counting)
    if not guarded:
        _share(monkeypatch)
    at_once(app, scene.chain, reminders.drain)
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


def test_of_several_workers_a_day_is_closed_once(app: Flask, crowd: tuple[Scene, dt.date]) -> None:
    scene, day = crowd
    with tenant_scope(scene.chain.id):
        clock.advance((at(day + DAY, 0, 1) - clock.now()).total_seconds())
    at_once(app, scene.chain, reminders.drain)
    with tenant_scope(scene.chain.id):
        assert _count("booking.no_show") == 8
        at_once(app, scene.chain, reminders.drain)
        ring(scene.chain)
        assert _count("booking.no_show") == 8
        assert tasks("call_no_show") == 8
        assert told() == []  # what was due before the visit is of no use any more


def test_of_several_workers_each_place_is_offered_once(
    app: Flask, chain: Chain, set_clock: Callable[[dt.datetime], None]
) -> None:
    scene = make_scene(chain, fan_count=5)
    day = clock.local(clock.now(), SHANGHAI).date() + 30 * DAY
    with tenant_scope(chain.id):
        see(scene, at(day, 10), at(day, 11), at(day, 14), places=1)
        set_clock(at(day - 3 * DAY, 12))
        wishes = waits(scene, 5, at(day, 10))
    at_once(app, chain, waiting.drain)
    with tenant_scope(chain.id):
        ring(chain)
        assert [state for _, state in offers()] == ["open"] * 3
        assert sorted(wish_id for wish_id, _ in offers()) == wishes[:3]
        with unit_of_work() as session:
            times = session.scalars(sa.select(WaitingOffer.starts_at).order_by(WaitingOffer.starts_at)).all()
        assert times == [at(day, hour) for hour in (10, 11, 14)]


def test_after_a_stop_one_reminder_follows_in_the_morning(
    chain: Chain, set_clock: Callable[[dt.datetime], None]
) -> None:
    """The machine stood still over three reminders and a call, and is up again at night."""
    scene = make_scene(chain)
    day = clock.local(clock.now(), SHANGHAI).date() + 30 * DAY
    with tenant_scope(chain.id):
        word(scene, "appointment_reminder")
        see(scene, at(day, 10))
        set_clock(at(day - 10 * DAY, 10))
        book(scene, at(day, 10))
        ring(chain)
        for moment in (at(day - DAY, 23), at(day, 3), at(day, 7, 59)):
            set_clock(moment)
            ring(chain)
            assert told() == []
        with unit_of_work() as session:
            due_at = session.scalars(sa.select(Task.due_at).where(Task.kind == "call_confirm")).one()
        assert due_at == at(day, 9)
        set_clock(at(day, 8) + dt.timedelta(seconds=1))
        ring(chain)
        assert told() == [("evening", f"{day:%m-%d} 08")]


def test_a_reminder_that_was_written_but_not_sent_stays_in_at_night(
    chain: Chain, set_clock: Callable[[dt.datetime], None]
) -> None:
    """The machine stopped between writing and sending: somebody calls in the morning instead."""
    scene = make_scene(chain)
    day = clock.local(clock.now(), SHANGHAI).date() + 30 * DAY
    with tenant_scope(chain.id):
        word(scene, "appointment_reminder")
        see(scene, at(day, 21))
        set_clock(at(day - 10 * DAY, 10))
        book(scene, at(day, 21))
        ring(chain)
        set_clock(at(day - DAY, 19))
        ring(chain)
        assert told() == [("evening", f"{day - DAY:%m-%d} 19")]
        with unit_of_work() as session:
            session.execute(sa.delete(Task))
        set_clock(at(day, 2))
        with unit_of_work() as session:
            assert notifications.claim(session, now=clock.now(), batch=5)[1] == []
        ring(chain)
        with unit_of_work() as session:
            kind = Delivery.kind == "appointment_reminder"
            assert session.scalars(sa.select(Delivery.reason).where(kind)).all() == ["too_late"]
            due_at = session.scalars(sa.select(Task.due_at).where(Task.kind == "call_confirm")).one()
        assert due_at == at(day, 9)


def test_after_a_stop_nobody_is_woken_for_a_visit_early_in_the_morning(
    chain: Chain, set_clock: Callable[[dt.datetime], None]
) -> None:
    scene = make_scene(chain)
    day = clock.local(clock.now(), SHANGHAI).date() + 30 * DAY
    with tenant_scope(chain.id):
        word(scene, "appointment_reminder")
        see(scene, at(day, 7))
        set_clock(at(day - 10 * DAY, 10))
        book(scene, at(day, 7))
        ring(chain)
        for moment in (at(day, 2), at(day, 6, 59)):
            set_clock(moment)
            ring(chain)
        with unit_of_work() as session:
            kind = Delivery.kind == "appointment_reminder"
            assert session.scalars(sa.select(Delivery.state).where(kind)).all() == ["skipped"]


@pytest.mark.parametrize(("hours", "called"), [(26, 1), (60, 0)])
def test_after_a_stop_over_the_visit_its_day_is_closed_at_the_first_ring(
    chain: Chain, set_clock: Callable[[dt.datetime], None], hours: int, called: int
) -> None:
    """Nobody is reminded of what is over, and called only as long as that is of use."""
    scene = make_scene(chain)
    day = clock.local(clock.now(), SHANGHAI).date() + 30 * DAY
    with tenant_scope(chain.id):
        word(scene, "appointment_reminder")
        see(scene, at(day, 10))
        set_clock(at(day - 10 * DAY, 10))
        visit = book(scene, at(day, 10))
        ring(chain)
        set_clock(at(day, 10) + hours * HOUR)
        ring(chain)
        assert told() == []
        assert state_of(visit) == "no_show"
        assert (tasks("call_no_show"), tasks("call_confirm")) == (called, 0)
        assert _reached(chain) == []


def test_after_a_stop_an_offer_has_run_out_and_the_next_is_asked_in_the_morning(
    chain: Chain, set_clock: Callable[[dt.datetime], None]
) -> None:
    scene = make_scene(chain)
    day = clock.local(clock.now(), SHANGHAI).date() + 30 * DAY
    with tenant_scope(chain.id):
        see(scene, at(day, 10), places=1)
        set_clock(at(day - 3 * DAY, 20, 45))
        first, second = waits(scene, 2, at(day, 10))
        ring(chain)
        assert offers() == [(first, "open")]
        for moment in (at(day - 2 * DAY, 3), at(day - 2 * DAY, 7, 59)):
            set_clock(moment)
            ring(chain)
            assert offers() == [(first, "expired")]
        set_clock(at(day - 2 * DAY, 8) + dt.timedelta(seconds=1))
        ring(chain)
        assert offers() == [(first, "expired"), (second, "open")]
        with unit_of_work() as session:
            states = session.scalars(sa.select(WaitingWish.state).order_by(WaitingWish.id)).all()
        assert states == ["waiting", "offered"]
