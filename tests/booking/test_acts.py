"""What is done with a visit: the table of actions, and that it is obeyed."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR, Actor
from engage.booking import rules, services
from engage.booking.errors import NotPossible, PatientBusy, Stale
from engage.booking.models import Appointment
from engage.booking.services import Change
from engage.clinic import services as clinic
from engage.kernel import clock
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.outbox import OutboxRow
from tests.booking.scenes import SLOT, Scene

DESK = Actor("staff", 7)


@pytest.fixture
def made(scene: Scene, session: Session) -> Appointment:
    return services.book(session, scene.wish(), by=scene.fan(), now=clock.now())


@pytest.mark.parametrize(
    ("acts", "state"),
    [
        (["check_in"], "checked_in"),
        (["check_in", "start"], "in_treatment"),
        (["check_in", "start", "complete"], "completed"),
        (["check_in", "complete", "leave"], "completed"),
        (["no_show"], "no_show"),
        (["no_show", "correct"], "confirmed"),
        (["no_show", "correct", "check_in"], "checked_in"),
        (["check_in", "leave"], "checked_in"),
    ],
)
def test_states_follow_the_table(
    scene: Scene,
    session: Session,
    made: Appointment,
    recorded,
    assert_balanced,
    acts: list[str],
    state: str,
) -> None:
    for name in acts:
        for _ in range(2):  # a double tap
            services.act(session, made.id, name, by=DESK, now=made.starts_at)
        sets = rules.ACTIONS[name].sets
        assert sets is None or getattr(made, sets) == made.starts_at
    assert (made.state, made.version) == (state, 1)
    events = [rules.ACTIONS[name].event for name in acts]
    assert recorded() == ["booking.booked", *events]
    trail = sa.select(AuditEntry.action).where(AuditEntry.actor_kind == "staff").order_by(AuditEntry.id)
    assert session.scalars(trail).all() == [event.replace("booking.", "appointment.") for event in events]
    assert_balanced()


def test_events_say_which_version(scene: Scene, session: Session, made: Appointment) -> None:
    services.act(session, made.id, "check_in", by=DESK, now=made.starts_at)
    rows = session.scalars(sa.select(OutboxRow).where(OutboxRow.event == "booking.checked_in")).all()
    assert {tuple(sorted(row.payload.items())) for row in rows} == {
        (("appointment_id", made.id), ("version", 1))
    }


@pytest.mark.parametrize("name", ["confirm", "start", "complete", "correct", "leave"])
def test_what_the_table_does_not_allow_is_refused(
    scene: Scene, session: Session, made: Appointment, name: str
) -> None:
    made.state = "requested" if name != "confirm" else "no_show"
    session.flush()
    with pytest.raises(NotPossible):
        services.act(session, made.id, name, by=DESK, now=made.starts_at)


@pytest.mark.parametrize("name", ["check_in", "start", "complete", "no_show", "leave", "correct"])
def test_patients_do_not_do_what_is_for_staff(
    scene: Scene, session: Session, made: Appointment, name: str
) -> None:
    made.state = rules.ACTIONS[name].from_states[0]
    made.no_show_at = made.starts_at if made.state == "no_show" else None
    session.flush()
    with pytest.raises(NotPossible):
        services.act(session, made.id, name, by=scene.fan(), now=made.starts_at)


def test_a_patient_promises_to_come(scene: Scene, session: Session, made: Appointment, recorded) -> None:
    now = clock.now()
    with pytest.raises(NotFound):
        services.act(session, made.id, "attend", by=scene.fan(1), now=now)
    for _ in range(2):
        services.act(session, made.id, "attend", by=scene.fan(), now=now)
    assert (made.state, made.attendance_confirmed_at) == ("confirmed", now)
    assert recorded() == ["booking.booked", "booking.attendance_confirmed"]


def test_a_promise_for_a_time_that_is_no_more_is_not_taken(
    scene: Scene, session: Session, made: Appointment
) -> None:
    now = clock.now()
    wish = Change(made.id, 1, made.store_id, made.doctor_id, made.starts_at + SLOT)
    services.change(session, wish, by=DESK, now=now)
    with pytest.raises(Stale):
        services.act(session, made.id, "attend", version=1, by=scene.fan(), now=now)
    assert made.attendance_confirmed_at is None
    services.act(session, made.id, "attend", version=2, by=scene.fan(), now=now)
    assert services.act(session, made.id, "attend", version=2, by=scene.fan(), now=now) is made


@pytest.mark.parametrize("name", sorted(rules.APART))
def test_what_moves_places_is_no_mere_act(
    session: Session, made: Appointment, name: str, assert_balanced
) -> None:
    with pytest.raises(NotPossible):
        services.act(session, made.id, name, by=DESK, now=clock.now())
    assert (made.state, made.version) == ("confirmed", 1)
    assert_balanced()


def test_a_promise_comes_too_late(scene: Scene, session: Session, made: Appointment) -> None:
    with pytest.raises(NotPossible):
        services.act(session, made.id, "attend", by=scene.fan(), now=made.starts_at)


@pytest.mark.parametrize(("hours", "possible"), [(71, True), (72, True), (73, False)])
def test_a_no_show_is_corrected_within_three_days(
    scene: Scene, session: Session, made: Appointment, hours: int, *, possible: bool
) -> None:
    noted = made.starts_at + SLOT
    services.act(session, made.id, "no_show", by=DESK, now=noted)
    later = noted + dt.timedelta(hours=hours)
    if possible:
        corrected = services.act(session, made.id, "correct", by=DESK, now=later)
        assert (corrected.state, corrected.no_show_at) == ("confirmed", None)
        return
    with pytest.raises(NotPossible):
        services.act(session, made.id, "correct", by=DESK, now=later)


def test_a_no_show_who_came_elsewhere_is_not_corrected(
    scene: Scene, session: Session, made: Appointment
) -> None:
    other = clinic.create_doctor(session, name="周敏", title="", position=1, by=OPERATOR, now=clock.now())
    clinic.add_shift(
        session,
        doctor_id=other.id,
        store_id=made.store_id,
        starts_at=scene.opens_at + dt.timedelta(minutes=15),
        ends_at=scene.opens_at + 2 * SLOT,
        slot_minutes=15,
        per_slot=1,
    )
    now = scene.opens_at + dt.timedelta(minutes=5)
    services.act(session, made.id, "no_show", by=DESK, now=now)
    wish = scene.wish(doctor_id=other.id, starts_at=scene.opens_at + dt.timedelta(minutes=15), channel="desk")
    services.book(session, wish, by=DESK, now=now)
    with pytest.raises(PatientBusy):
        services.act(session, made.id, "correct", by=DESK, now=now)


def test_nobody_is_a_no_show_before_the_time(scene: Scene, session: Session, made: Appointment) -> None:
    with pytest.raises(NotPossible):
        services.act(session, made.id, "no_show", by=DESK, now=made.starts_at - SLOT)


def test_check_in_opens_half_a_day_before(scene: Scene, session: Session, made: Appointment) -> None:
    with pytest.raises(NotPossible):
        services.act(session, made.id, "check_in", by=DESK, now=made.starts_at - dt.timedelta(hours=13))
    assert (
        services.act(session, made.id, "check_in", by=DESK, now=made.starts_at - SLOT).state == "checked_in"
    )


def test_a_requested_visit_is_confirmed(scene: Scene, session: Session, made: Appointment, recorded) -> None:
    made.state = "requested"
    session.flush()
    services.act(session, made.id, "confirm", by=DESK, now=clock.now())
    assert made.state == "confirmed"
    assert recorded()[-1] == "booking.confirmed"
