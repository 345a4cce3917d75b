"""How visits were kept: counted by the database, and again by hand."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.booking import queries as booking
from engage.booking.models import Appointment
from engage.booking.queries import Which
from engage.booking.rules.attendance import OUTCOMES, Attendance
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.due import Due
from engage.reporting import queries, rules, services
from engage.reporting.rules import Days
from engage.tasks import queries as tasks
from engage.tasks import services as task_services
from engage.tasks.services import NewTask
from tests.booking.scenes import SLOT, ZONE
from tests.conftest import Chain
from tests.reporting.conftest import Past, fill
from workers import attendance as worker


@pytest.fixture
def session(past: Past, session: Session) -> Session:
    """The test's session, once the past is there."""
    return session


def whole(past: Past, **narrowed: object) -> Which:
    """Ask for all of the scene."""
    day = dt.timedelta(days=2)
    told = {"now": past.later, **narrowed}
    return Which(past.scene.opens_at - day, past.scene.opens_at + day, ZONE, **told)


def outcome_of(visit: Appointment) -> str:
    if visit.checked_in_at:
        return "kept"
    if visit.no_show_at:
        return "no_show"
    if visit.cancelled_at is None:
        return "open"
    if visit.cancelled_by == "staff":
        return "clinic"
    return "late" if visit.starts_at - visit.cancelled_at < dt.timedelta(hours=2) else "early"


def lead_of(visit: Appointment) -> str:
    days = (clock.local(visit.starts_at, ZONE).date() - clock.local(visit.booked_at, ZONE).date()).days
    return next(
        key for key, most in (("same", 0), ("3", 3), ("7", 7), ("30", 30), ("more", 999)) if days <= most
    )


def by_hand(found: list[Appointment]) -> dict[str, dict[object, Attendance]]:
    """Count visits as somebody with a pencil would."""
    came = [(visit.patient_id, visit.starts_at) for visit in found if outcome_of(visit) == "kept"]
    counts: dict[str, dict[object, Counter[str]]] = {}
    for visit in found:
        local = clock.local(visit.starts_at, ZONE).date()
        was_here = any(who == visit.patient_id and at < visit.starts_at for who, at in came)
        keys = {
            "all": None,
            "store": visit.store_id,
            "doctor": visit.doctor_id,
            "channel": visit.channel,
            "item": visit.item_id,
            "lead": lead_of(visit),
            "person": "known" if was_here else "new",
            "week": local - dt.timedelta(days=local.weekday()),
        }
        outcome = outcome_of(visit)
        is_due = outcome in {"kept", "no_show", "late"}
        for name, key in keys.items():
            counted = counts.setdefault(name, {}).setdefault(key, Counter())
            counted[outcome] += 1
            counted["promised"] += is_due and visit.attendance_confirmed_at is not None
    return {
        name: {key: Attendance(**counted) for key, counted in group.items()} for name, group in counts.items()
    }


def test_the_database_counts_as_one_counts_by_hand(past: Past, session: Session, count_queries) -> None:
    fill(past, session, visits=45, seed=7)
    found = list(session.scalars(sa.select(Appointment)))
    assert {outcome_of(visit) for visit in found} == set(OUTCOMES)
    expected = by_hand(found)
    with count_queries() as counted:
        assert booking.outcomes(session, whole(past)) == expected
    assert counted.n == 1
    for name, key in (("store", past.other_store_id), ("doctor", past.scene.doctor_id)):
        narrowed = replace(whole(past), **{f"{name}_ids" if name == "store" else f"{name}_id": key})
        if name == "store":
            narrowed = whole(past, store_ids=frozenset({key}))
        assert booking.outcomes(session, narrowed)["all"][None] == expected[name][key]
    of_stores = booking.outcomes_of_stores(session, whole(past))
    assert of_stores == expected["store"]


def test_each_number_leads_to_its_visits(past: Past, session: Session) -> None:
    fill(past, session, visits=30, seed=11)
    counted = booking.outcomes(session, whole(past))
    asked = {
        "doctor_id": counted["doctor"],
        "channel": counted["channel"],
        "item_id": counted["item"],
        "lead": counted["lead"],
        "person": counted["person"],
    }
    for name, group in asked.items():
        for key, found in group.items():
            for outcome in OUTCOMES:
                which = whole(past, outcome=outcome, **{name: 0 if key is None else key})
                page = booking.attended(session, which, cursor=None, size=100)
                assert len(page.items) == getattr(found, outcome), (name, key, outcome)
    seen, cursor = [], None
    while True:
        page = booking.attended(session, whole(past), cursor=cursor, size=7)
        seen += [row.id for row in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 30


def test_what_is_still_to_come_is_without_an_outcome_and_none_is_missing(
    past: Past, session: Session
) -> None:
    """Days that reach ahead of now: a visit counts as not noted from its end on, and not before."""
    for patient, slot in ((2, 0), (3, 1), (4, 2), (5, 3)):
        past.book(session, patient, slot)
    past.end(session, past.book(session, 6, 3), "kept")
    past.end(session, past.book(session, 7, 3), "clinic")
    over = past.scene.opens_at + 2 * SLOT  # the first two ended, the third begins
    now = whole(past, now=over)
    assert booking.outcomes(session, now)["all"][None] == Attendance(kept=1, clinic=1, open=2)
    assert (
        booking.outcomes(session, now)["week"].keys() == booking.outcomes(session, whole(past))["week"].keys()
    )
    assert len(booking.attended(session, now, cursor=None).items) == 4
    assert len(booking.attended(session, replace(now, outcome="open"), cursor=None).items) == 2
    assert booking.outcomes_of_stores(session, now)[past.scene.chain.store.id].open == 2
    assert booking.taken_time(session, now) == 5 * SLOT, "time that is taken is taken, also ahead of now"


def test_nothing_is_counted_where_nothing_was(past: Past, session: Session) -> None:
    counted = booking.outcomes(session, whole(past))
    assert counted["all"] == {None: Attendance()}
    assert counted["store"] == {}
    assert Attendance().percent is None


@pytest.mark.parametrize(
    ("found", "percent", "is_alarming"),
    [
        (Attendance(kept=15, no_show=5), 75.0, True),
        (Attendance(kept=16, no_show=3, late=1), 80.0, False),
        (Attendance(kept=14, no_show=5), 100 * 14 / 19, False),
        (Attendance(kept=0, late=20), 0.0, True),
        (Attendance(kept=751, no_show=249), 75.1, False),
        (Attendance(kept=10, early=40, clinic=40, open=9), 100.0, False),
    ],
)
def test_the_line_holds_from_twenty_on(found: Attendance, percent: float, is_alarming: bool) -> None:
    assert found.percent == pytest.approx(percent)
    assert found.is_alarming is is_alarming


@pytest.mark.parametrize(
    ("first", "last", "mondays"),
    [
        ("2026-11-02", "2026-11-08", ["2026-11-02"]),
        ("2026-11-08", "2026-11-09", ["2026-11-02", "2026-11-09"]),
        ("2026-12-31", "2027-01-01", ["2026-12-28"]),
    ],
)
def test_days_know_their_weeks(first: str, last: str, mondays: list[str]) -> None:
    days = Days(dt.date.fromisoformat(first), dt.date.fromisoformat(last))
    assert [monday.isoformat() for monday in days.mondays] == mondays
    assert days.week(days.mondays[-1]).last == days.last
    assert days.week(days.mondays[0]).first == days.first


def test_a_day_is_as_long_as_its_zone_says() -> None:
    begin, end = Days(dt.date(2026, 3, 8), dt.date(2026, 3, 8)).bounds("America/New_York")
    assert end - begin == dt.timedelta(hours=23)


@pytest.mark.parametrize(
    ("now", "at"),
    [
        ("2026-11-22T23:59:59+00:00", "2026-11-23T00:00:00+00:00"),
        ("2026-11-23T00:00:00+00:00", "2026-11-24T00:00:00+00:00"),
    ],
)
def test_alarms_are_raised_in_the_morning(now: str, at: str) -> None:
    assert rules.next_raising(dt.datetime.fromisoformat(now), ZONE) == dt.datetime.fromisoformat(at)


def missed(past: Past, session: Session, *, kept: int, gone: int) -> None:
    """Let so many come and so many stay away."""
    for patient in range(2, 2 + kept + gone):
        visit = past.book(session, patient, 0)
        past.end(session, visit, "kept" if patient < 2 + kept else "no_show")


def test_an_alarm_is_raised_once_a_month(past: Past, session: Session) -> None:
    missed(past, session, kept=15, gone=5)
    assert services.raise_alarms(session, zone=ZONE, now=past.scene.opens_at) == 0, "the day is not over"
    assert services.raise_alarms(session, zone=ZONE, now=past.later) == 1
    assert services.raise_alarms(session, zone=ZONE, now=past.later) == 0
    (task,) = tasks.of_subject(session, "store", past.scene.chain.store.id)
    assert (task.kind, task.state, task.store_id) == ("attendance_alarm", "open", past.scene.chain.store.id)
    later = past.later + dt.timedelta(days=40)
    assert services.raise_alarms(session, zone=ZONE, now=later) == 0, "a month later it is forgotten"
    assert not queries.alarms(session, zone=ZONE, store_ids=frozenset({past.other_store_id}), now=past.later)


def test_enough_that_came_raise_no_alarm(past: Past, session: Session) -> None:
    missed(past, session, kept=16, gone=5)
    assert services.raise_alarms(session, zone=ZONE, now=past.later) == 0


def test_a_missed_visit_is_looked_at_next_morning(
    past: Past, session: Session, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    missed(past, session, kept=15, gone=5)
    services.look_tomorrow(session, now=past.scene.opens_at)
    session.commit()
    monkeypatch.setattr(clock, "now", lambda: past.scene.opens_at + dt.timedelta(hours=1))
    worker.drain()
    asked = sa.select(sa.func.count()).select_from(Due).where(Due.queue == "attendance")
    with unit_of_work() as work:
        assert not tasks.of_subject(work, "store", chain.store.id), "it rang too early"
        assert work.scalar(asked.where(Due.tenant_id == chain.id)) == 1
    monkeypatch.setattr(clock, "now", lambda: past.later)
    worker.drain()
    with unit_of_work() as work:
        assert len(tasks.of_subject(work, "store", chain.store.id)) == 1
        assert work.scalar(asked.where(Due.tenant_id == chain.id)) == 0


def test_time_that_was_taken_is_compared_with_time_that_was_offered(past: Past, session: Session) -> None:
    for patient, slot in ((2, 0), (3, 0), (4, 1), (5, 2)):
        past.end(session, past.book(session, patient, slot), "kept")
    past.end(session, past.book(session, 6, 3), "clinic")
    mine = whole(past, store_ids=frozenset({past.scene.chain.store.id}))
    filled = queries.filled(session, mine)
    assert filled.taken == dt.timedelta(hours=2)
    assert filled.offered == 30 * dt.timedelta(hours=12)
    assert queries.filled(session, replace(mine, doctor_id=past.other_doctor_id)).percent is None


def test_calls_after_no_shows_are_counted(past: Past, session: Session) -> None:
    numbers = [past.book(session, patient, 0) for patient in (2, 3, 4)]
    for visit in numbers:
        past.end(session, visit, "no_show")
    for visit in numbers[:2]:
        wish = NewTask(
            rules.CALLED,
            "appointment",
            visit.id,
            visit.version,
            visit.store_id,
            visit.starts_at,
            visit.patient_id,
        )
        task_id = task_services.open_(session, wish, now=visit.starts_at)
        if visit is numbers[0]:
            task_services.finish(session, task_id, "coming_late", "", by=OPERATOR, now=past.later)
    assert queries.beside(session, whole(past)).called == 1
    assert queries.beside(session, whole(past, doctor_id=past.other_doctor_id)).called == 0
