"""Keeping appointments: the ladder of a visit as it lives, calls and what comes of them, the day's close."""

from __future__ import annotations

import datetime as dt
import threading
import uuid

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR, Actor
from engage.booking import queries, services
from engage.booking.errors import NotPossible
from engage.booking.models import Appointment, Touch
from engage.booking.services import Change
from engage.clinic import services as clinic
from engage.kernel import clock, outbox
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import NotFound
from engage.notifications import services as notifications
from engage.notifications.models import Delivery
from engage.reactions.notifications import remind
from engage.tasks import queries as tasks
from engage.tasks import services as to_do
from engage.tasks.errors import OutcomeNeeded, TaskOver
from engage.tasks.models import Task
from engage.tenancy.models import Staff
from engage.wechat.outcomes import Refused, Sent
from tests.booking.scenes import Scene
from tests.notifications.scenes import word

DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def far(scene: Scene, scope) -> dt.datetime:
    """A time 20 days ahead at ten in Shanghai, with places around it and 40 days ahead."""
    day = clock.local(clock.now(), "Asia/Shanghai").date() + 20 * DAY
    at = dt.datetime.combine(day, dt.time(2), dt.UTC)
    with unit_of_work() as session:
        for days in (0, 1, 20):
            clinic.add_shift(
                session,
                doctor_id=scene.doctor_id,
                store_id=scene.chain.store.id,
                starts_at=at + days * DAY,
                ends_at=at + days * DAY + 4 * HOUR,
                slot_minutes=30,
                per_slot=2,
            )
    return at


@pytest.fixture
def desk(scene: Scene, make_staff) -> Actor:
    login = make_staff(scene.chain, "lina", "desk")
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return Actor("staff", session.scalars(sa.select(Staff.id).where(Staff.login == login)).one())


def react(now: dt.datetime | None = None) -> None:
    """Let what was recorded up to a moment have its consequences."""
    at = now or clock.now()
    while True:
        with unit_of_work() as session:
            claimed = outbox.claim(session, now=at)
        if not claimed:
            return
        with unit_of_work() as session:
            outbox.work(session, claimed, now=at)


def book(scene: Scene, starts_at: dt.datetime, *, by: Actor = OPERATOR, **changes) -> Appointment:
    with unit_of_work() as session:
        made = services.book(session, scene.wish(starts_at=starts_at, **changes), by=by, now=clock.now())
    react()
    return made


def work(now: dt.datetime) -> None:
    """Let a worker do what is due at a moment."""
    while True:
        with unit_of_work() as session:
            claimed = services.claim_touches(session, now=now)
        if not claimed:
            return
        for touch_id in claimed.ids:
            with unit_of_work() as session:
                services.reach(session, claimed, touch_id, remind, now=now)
        react(now)


def planned(visit: Appointment) -> list[str]:
    with unit_of_work() as session:
        return [touch.kind for touch in queries.touches(session, visit.id) if touch.state == "planned"]


def calls() -> list[tuple[str, str, str | None]]:
    with unit_of_work() as session:
        rows = session.execute(sa.select(Task.kind, Task.state, Task.outcome).order_by(Task.id))
        return [tuple(row) for row in rows]


def messages(kind: str = "appointment_reminder") -> list[tuple[str, int]]:
    with unit_of_work() as session:
        rows = session.execute(
            sa.select(Delivery.state, Delivery.subject_version)
            .where(Delivery.kind == kind)
            .order_by(Delivery.id)
        )
        return [tuple(row) for row in rows]


def call_of(kind: str) -> int:
    with unit_of_work() as session:
        return session.scalars(sa.select(Task.id).where(Task.kind == kind, Task.state == "open")).one()


def test_a_visit_gets_its_rungs_once_however_often_its_event_runs(scene: Scene, far: dt.datetime) -> None:
    visit = book(scene, far)
    rungs = ["call_new", "week", "two_days", "call_confirm", "evening", "call_no_show", "day_close"]
    assert sorted(planned(visit)) == sorted(rungs)
    with unit_of_work() as session:
        services.arrange(session, visit.id, now=clock.now())
    assert sorted(planned(visit)) == sorted(rungs)


def test_reminders_carry_the_version_and_stop_once_they_will_come(scene: Scene, far: dt.datetime) -> None:
    word(scene, "appointment_reminder")
    visit = book(scene, far)
    work(far - 7 * DAY)
    assert messages() == [("pending", 1)]
    work(far - 7 * DAY)
    assert messages() == [("pending", 1)]
    with unit_of_work() as session:
        services.act(session, visit.id, "attend", by=scene.fan(), now=far - 6 * DAY)
    react(far - 6 * DAY)
    work(far - HOUR)
    assert messages() == [("skipped", 1)]  # the one that had not gone yet is of no use any more
    assert ("call_confirm", "open", None) not in calls()
    assert planned(visit) == ["call_no_show", "day_close"]


def test_who_has_not_said_that_they_will_come_is_called_a_day_before(scene: Scene, far: dt.datetime) -> None:
    book(scene, far)
    work(far - DAY - dt.timedelta(minutes=1))
    assert [call for call in calls() if call[0] == "call_confirm"] == []
    work(far - DAY)
    assert [call for call in calls() if call[0] == "call_confirm"] == [("call_confirm", "open", None)]


def test_a_visit_more_than_a_month_ahead_always_gets_a_call(scene: Scene, far: dt.datetime) -> None:
    visit = book(scene, far + 20 * DAY)
    assert {"halfway", "fortnight", "call_far"} <= set(planned(visit))
    with unit_of_work() as session:
        services.act(session, visit.id, "attend", by=scene.fan(), now=clock.now())
    react()
    assert "call_far" in planned(visit)
    assert "week" not in planned(visit)
    work(far + 16 * DAY)
    assert ("call_far", "open", None) in calls()


def test_a_moved_visit_is_reminded_of_at_its_new_time_alone(scene: Scene, far: dt.datetime) -> None:
    word(scene, "appointment_reminder")
    visit = book(scene, far)
    work(far - 7 * DAY)
    wish = Change(visit.id, visit.version, scene.chain.store.id, scene.doctor_id, far + DAY)
    with unit_of_work() as session:
        services.change(session, wish, by=scene.fan(), now=far - 6 * DAY)
        assert messages_in(session) == [("skipped", 1)]
    work(far - 6 * DAY)  # before the reaction has planned anything
    react(far - 6 * DAY)
    work(far + DAY - HOUR)
    assert {version for _, version in messages()} == {1, 2}
    assert [state for state, version in messages() if version == 1] == ["skipped"]
    with unit_of_work() as session:
        said = session.scalars(sa.select(Touch.at).where(Touch.state == "done", Touch.version == 2)).all()
    assert said
    assert all(at >= far - 6 * DAY for at in said)


def messages_in(session) -> list[tuple[str, int]]:
    rows = session.execute(
        sa.select(Delivery.state, Delivery.subject_version).where(Delivery.kind == "appointment_reminder")
    )
    return [tuple(row) for row in rows]


def test_a_change_after_the_worker_took_the_rung_is_found(scene: Scene, far: dt.datetime) -> None:
    word(scene, "appointment_reminder")
    visit = book(scene, far)
    now = far - 7 * DAY
    with unit_of_work() as session:
        claimed = services.claim_touches(session, now=now)
    with unit_of_work() as session:
        services.cancel(session, visit.id, visit.version, "不来了", by=scene.fan(), now=now)
    for touch_id in claimed.ids:
        with unit_of_work() as session:
            services.reach(session, claimed, touch_id, remind, now=now)
    assert messages() == []
    assert planned(visit) == []


@pytest.mark.parametrize("then", ["cancelled", "moved", "promised"])
def test_even_a_rung_that_nobody_dropped_does_not_speak_of_a_visit_that_is_another(
    scene: Scene, far: dt.datetime, then: str
) -> None:
    """The guard of the worker, where the one of the change is taken away."""
    word(scene, "appointment_reminder")
    visit, now = book(scene, far), far - 8 * DAY
    with unit_of_work() as session:
        if then == "cancelled":
            services.cancel(session, visit.id, visit.version, "不来了", by=scene.fan(), now=now)
        elif then == "moved":
            to = Change(visit.id, visit.version, visit.store_id, visit.doctor_id, far + HOUR)
            services.change(session, to, by=scene.fan(), now=now)
        else:
            services.act(session, visit.id, "attend", by=scene.fan(), now=now)
        session.execute(sa.update(Touch).values(state="planned", available_at=Touch.at))
    work(far - 7 * DAY)
    assert messages() == []


def test_after_a_stop_of_the_machine_one_reminder_is_enough_and_none_goes_at_night(
    scene: Scene, far: dt.datetime
) -> None:
    word(scene, "appointment_reminder")
    book(scene, far)
    work(far - 8 * HOUR)  # two in the morning of the day
    assert messages() == []
    work(far - HOUR)
    assert [state for state, _ in messages()] == ["pending"]


def test_a_reminder_that_did_not_arrive_becomes_a_call(scene: Scene, far: dt.datetime) -> None:
    word(scene, "appointment_reminder")
    book(scene, far)
    work(far - 7 * DAY)
    send([Refused(43004, "require subscribe")], far - 7 * DAY)
    react(far - 7 * DAY)
    assert [call for call in calls() if call[0] == "call_confirm"] == [("call_confirm", "open", None)]
    # And one of which WeChat says later that it did not arrive.
    with unit_of_work() as session:
        session.execute(sa.delete(Task))
    work(far - 2 * DAY)
    send([Sent(77)], far - 2 * DAY)
    assert calls() == []
    with unit_of_work() as session:
        notifications.finished(session, scene.account_id, 77, "failed:user block", now=far - 2 * DAY)
    react(far - 2 * DAY)
    assert calls() == [("call_confirm", "open", None)]


def send(outcomes: list, now: dt.datetime) -> None:
    with unit_of_work() as session:
        claimed, parcels = notifications.claim(session, now=now, batch=5)
    for parcel, outcome in zip(parcels, outcomes, strict=True):
        with unit_of_work() as session:
            assert notifications.let_out(session, parcel, now=now)
        with unit_of_work() as session:
            notifications.settle(session, claimed, {parcel.id: outcome}, now=now)


def test_a_new_patient_is_called_once_and_told_more(scene: Scene, far: dt.datetime) -> None:
    word(scene, "appointment_created", "appointment_first")
    visit = book(scene, far)
    assert messages("appointment_first") == [("pending", 1)]
    assert messages("appointment_created") == []
    with unit_of_work() as session:
        due_at = session.scalars(sa.select(Touch.at).where(Touch.kind == "call_new")).one()
    work(due_at)
    assert calls() == [("call_new", "open", None)]
    book(scene, far + DAY)
    work(due_at + DAY)
    assert calls() == [("call_new", "open", None)]
    came(visit, far)
    third = book(scene, far + 20 * DAY)
    assert "call_new" not in planned(third)
    assert messages("appointment_created") == [("pending", 1)]


def came(visit: Appointment, at: dt.datetime) -> None:
    with unit_of_work() as session:
        services.act(session, visit.id, "check_in", by=OPERATOR, now=at)
    react(at)


def test_nobody_came_a_call_at_once_and_a_visit_in_its_place(
    scene: Scene, far: dt.datetime, desk: Actor
) -> None:
    visit = book(scene, far)
    work(far + dt.timedelta(minutes=14))
    assert not [call for call in calls() if call[0] == "call_no_show"]
    work(far + dt.timedelta(minutes=15))
    task_id = call_of("call_no_show")
    assert [kind for kind, state, _outcome in calls() if state == "open"] == ["call_no_show"]
    with unit_of_work() as session:
        assert tasks.task(session, task_id).due_at == far + dt.timedelta(minutes=15)
    now = far + HOUR
    with unit_of_work() as session:
        wish = scene.wish(starts_at=far + DAY, fan_id=None, rebooked_from_id=visit.id)
        again = services.book(session, wish, by=desk, now=now)
    with unit_of_work() as session:
        missed = queries.appointment(session, visit.id)
        assert (missed.state, again.rebooked_from_id) == ("no_show", visit.id)
        row = tasks.task(session, task_id)
        assert (row.state, row.outcome, row.done_by) == ("done", "rebooked", desk.id)
        found = queries.rebooked_as(session, visit.id)
        assert found is not None
        assert found.id == again.id


def test_a_visit_is_made_in_the_place_of_the_same_patient_s_alone(
    scene: Scene, far: dt.datetime, desk: Actor
) -> None:
    visit = book(scene, far)
    wish = scene.wish(fan=1, starts_at=far + DAY, fan_id=None, rebooked_from_id=visit.id)
    with pytest.raises(NotFound), unit_of_work() as session:
        services.book(session, wish, by=desk, now=far + HOUR)
    wish = scene.wish(starts_at=far + DAY, fan_id=None, rebooked_from_id=visit.id, key=uuid.uuid4())
    with pytest.raises(NotPossible), unit_of_work() as session:
        services.book(session, wish, by=desk, now=far - HOUR)


@pytest.mark.parametrize(
    ("outcome", "note", "state"),
    [
        ("coming_late", "", "confirmed"),
        ("not_coming", "发烧了", "no_show"),
        ("not_reached", "三次未接", "confirmed"),
    ],
)
def test_what_comes_of_a_call_after_nobody_came(
    scene: Scene, far: dt.datetime, desk: Actor, outcome: str, note: str, state: str
) -> None:
    visit = book(scene, far)
    work(far + HOUR)
    task_id = call_of("call_no_show")
    if note:
        with pytest.raises(OutcomeNeeded), unit_of_work() as session:
            services.finish_call(session, task_id, outcome, by=desk, now=far + HOUR)
    with unit_of_work() as session:
        services.finish_call(session, task_id, outcome, note, by=desk, now=far + HOUR)
    react(far + HOUR)
    with unit_of_work() as session:
        assert queries.appointment(session, visit.id).state == state
        row = tasks.task(session, task_id)
        assert (row.state, row.outcome, row.note) == ("done", outcome, note)
    with pytest.raises(TaskOver), unit_of_work() as session:
        services.finish_call(session, task_id, "coming_late", by=desk, now=far + HOUR)


@pytest.mark.parametrize(("outcome", "note"), [("will_come", ""), ("cancelled", "搬家了")])
def test_what_comes_of_a_call_before_the_visit(
    scene: Scene, far: dt.datetime, desk: Actor, outcome: str, note: str
) -> None:
    visit = book(scene, far)
    work(far - DAY)
    task_id = call_of("call_confirm")
    with unit_of_work() as session:
        services.finish_call(session, task_id, outcome, note, by=desk, now=far - DAY)
    react(far - DAY)
    with unit_of_work() as session:
        now = queries.appointment(session, visit.id)
        assert (now.attendance_confirmed_at is not None) == (outcome == "will_come")
        assert (now.state == "cancelled") == (outcome == "cancelled")
        assert not tasks.listed(session, tasks.Wanted()).items or outcome == "will_come"


def test_moving_the_visit_ends_its_call_and_says_by_whom(scene: Scene, far: dt.datetime, desk: Actor) -> None:
    for fan, by, expected in ((0, desk, ("done", "rebooked")), (1, scene.fan(1), ("void", None))):
        visit = book(scene, far, fan=fan)
        work(far - DAY)
        wish = Change(visit.id, visit.version, scene.chain.store.id, scene.doctor_id, far + DAY)
        with unit_of_work() as session:
            services.change(session, wish, by=by, now=far - 3 * HOUR - (DAY if fan else dt.timedelta()))
            states = {
                row.kind: (row.state, row.outcome)
                for row in tasks.of_subject(session, "appointment", visit.id)
            }
        assert states["call_confirm"] == expected


def test_who_comes_needs_no_call_any_more(scene: Scene, far: dt.datetime) -> None:
    visit = book(scene, far)
    work(far + dt.timedelta(minutes=15))
    came(visit, far + dt.timedelta(minutes=20))
    assert {state for _, state, _ in calls()} == {"void"}
    assert planned(visit) == []


def test_the_day_closes_what_nobody_came_to_and_nothing_else(scene: Scene, far: dt.datetime) -> None:
    missed, kept = book(scene, far), book(scene, far, fan=1)
    came(kept, far)
    midnight = clock.day_bounds(clock.local(far, "Asia/Shanghai").date(), "Asia/Shanghai")[1]
    work(midnight - dt.timedelta(seconds=1))
    with unit_of_work() as session:
        assert queries.appointment(session, missed.id).state == "confirmed"
    work(midnight)
    with unit_of_work() as session:
        assert queries.appointment(session, missed.id).state == "no_show"
        assert queries.appointment(session, kept.id).state == "checked_in"
        services.act(session, missed.id, "correct", by=OPERATOR, now=midnight + 71 * HOUR)
        assert queries.appointment(session, missed.id).state == "confirmed"


@pytest.mark.parametrize("guarded", [True, False])
def test_of_two_who_finish_one_call_the_first_is_kept(
    app: Flask, scene: Scene, far: dt.datetime, desk: Actor, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """The control reads the task without locking it: then both believe that they did it."""
    book(scene, far)
    work(far + HOUR)
    task_id = call_of("call_no_show")
    if not guarded:
        monkeypatch.setattr("engage.tasks.queries.locked", tasks.task)
    both, done, refused = threading.Barrier(2), [], []

    def finish() -> None:
        with app.app_context(), tenant_scope(scene.chain.id):
            try:
                with unit_of_work() as session:
                    tasks.task(session, task_id)
                    both.wait(10)
                    to_do.finish(session, task_id, "coming_late", by=desk, now=far + HOUR)
                done.append(1)
            except TaskOver:
                refused.append(1)

    threads = [threading.Thread(target=finish) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(refused)) == ((1, 1) if guarded else (2, 0))


def test_taking_a_call_keeps_others_from_it_for_a_while(scene: Scene, far: dt.datetime, desk: Actor) -> None:
    book(scene, far)
    work(far + HOUR)
    task_id, other = call_of("call_no_show"), Actor("staff", desk.id)
    with unit_of_work() as session:
        assert to_do.take(session, task_id, by=desk, now=far)
        assert to_do.take(session, task_id, by=other, now=far)
        put = to_do.put_off(session, task_id, by=desk, now=far + HOUR)
        assert (put.attempts, put.assignee_id, put.due_at) == (1, None, far + 1.5 * HOUR)
        with pytest.raises(TaskOver):
            to_do.put_off(session, task_id, by=desk, now=far + HOUR)
