"""What is done with a visit: the table of actions, and that it is obeyed."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR, Actor
from engage.booking import rules, services
from engage.booking.errors import NotPossible, PatientBusy, ReasonNeeded, Stale
from engage.booking.models import Appointment
from engage.booking.services import Change
from engage.clinic import services as clinic
from engage.kernel import clock, settings
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.outbox import OutboxRow
from engage.notifications import services as notifications
from engage.notifications.models import Delivery
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
        (["check_in", "call", "start"], "in_treatment"),
        (["check_in", "undo_check_in"], "confirmed"),
        (["check_in", "undo_check_in", "no_show"], "no_show"),
        (["check_in", "start", "undo_start", "start"], "in_treatment"),
        (["check_in", "start", "complete", "undo_complete"], "in_treatment"),
        (["check_in", "complete", "leave", "reopen"], "checked_in"),
        (["check_in", "leave", "undo_leave"], "checked_in"),
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
    version = 1
    for name in acts:
        for _ in range(2):  # a double tap
            services.act(session, made.id, name, by=DESK, now=made.starts_at)
        told = rules.ACTIONS[name]
        version += told.to is not None
        assert told.sets is None or getattr(made, told.sets) == made.starts_at
        assert not any(getattr(made, cleared) for cleared in told.clears)
    assert (made.state, made.version) == (state, version)
    events = [rules.ACTIONS[name].event for name in acts]
    assert [event for event in recorded() if event != "booking.kept"] == ["booking.booked", *events]
    assert recorded().count("booking.kept") == ("check_in" in acts)
    trail = sa.select(AuditEntry.action).where(AuditEntry.actor_kind == "staff").order_by(AuditEntry.id)
    assert session.scalars(trail).all() == [event.replace("booking.", "appointment.") for event in events]
    assert_balanced()


def test_events_say_which_version(scene: Scene, session: Session, made: Appointment) -> None:
    services.act(session, made.id, "check_in", by=DESK, now=made.starts_at)
    rows = session.scalars(sa.select(OutboxRow).where(OutboxRow.event == "booking.checked_in")).all()
    assert {tuple(sorted(row.payload.items())) for row in rows} == {
        (
            ("appointment_id", made.id),
            ("doctor_id", made.doctor_id),
            ("starts_at", made.starts_at.isoformat()),
            ("store_id", made.store_id),
            ("version", 2),
        )
    }


@pytest.mark.parametrize("name", ["approve", "start", "complete", "correct", "leave", "undo_start"])
def test_what_the_table_does_not_allow_is_refused(
    scene: Scene, session: Session, made: Appointment, name: str
) -> None:
    made.state = "requested" if name != "approve" else "no_show"
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


def test_nobody_promises_to_come_before_the_clinic_has_agreed(
    scene: Scene, session: Session, made: Appointment, recorded
) -> None:
    made.state = "requested"
    session.flush()
    for by in (scene.fan(), DESK):
        with pytest.raises(NotPossible):
            services.act(session, made.id, "attend", by=by, now=clock.now())
    assert made.attendance_confirmed_at is None
    services.act(session, made.id, "approve", by=DESK, now=clock.now())
    services.act(session, made.id, "attend", by=scene.fan(), now=clock.now())
    assert recorded() == ["booking.booked", "booking.confirmed", "booking.attendance_confirmed"]


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
    services.act(session, made.id, "approve", by=DESK, now=clock.now())
    assert (made.state, made.version) == ("confirmed", 2)
    assert recorded()[-1] == "booking.confirmed"


def test_a_request_that_is_declined_gives_its_place_back(
    scene: Scene, session: Session, made: Appointment, recorded, assert_balanced
) -> None:
    now = clock.now()
    with pytest.raises(NotPossible):  # it stands
        services.decline_visit(session, made.id, 1, "full", by=DESK, now=now)
    made.state = "requested"
    session.flush()
    with pytest.raises(ReasonNeeded):
        services.decline_visit(session, made.id, 1, "", by=DESK, now=now)
    with pytest.raises(Stale):
        services.decline_visit(session, made.id, 7, "full", by=DESK, now=now)
    with pytest.raises(NotPossible):
        services.decline_visit(session, made.id, 1, "full", by=scene.fan(), now=now)
    for _ in range(2):
        services.decline_visit(session, made.id, 1, "full", by=DESK, now=now)
    assert (made.state, made.version, made.cancelled_by, made.cancel_reason) == (
        "cancelled",
        2,
        "staff",
        "full",
    )
    assert recorded() == ["booking.booked", "booking.declined"]
    assert_balanced()
    services.book(session, scene.wish(fan=1), by=scene.fan(1), now=now)


@pytest.mark.parametrize(("minutes", "possible"), [(15, True), (16, False)])
def test_a_slip_is_undone_within_minutes(
    session: Session, made: Appointment, minutes: int, *, possible: bool
) -> None:
    services.act(session, made.id, "check_in", by=DESK, now=made.starts_at)
    later = made.starts_at + dt.timedelta(minutes=minutes)
    if possible:
        services.act(session, made.id, "undo_check_in", by=DESK, now=later)
        assert (made.state, made.checked_in_at) == ("confirmed", None)
        return
    with pytest.raises(NotPossible):
        services.act(session, made.id, "undo_check_in", by=DESK, now=later)


def test_who_did_not_come_after_all_has_not_left_either(session: Session, made: Appointment) -> None:
    for name in ("check_in", "leave", "undo_check_in"):
        services.act(session, made.id, name, by=DESK, now=made.starts_at)
    assert (made.state, made.left_at) == ("confirmed", None)


def test_what_ended_is_not_taken_up_again_where_the_patient_is_elsewhere(
    scene: Scene, session: Session, made: Appointment
) -> None:
    now = made.starts_at
    services.act(session, made.id, "check_in", by=DESK, now=now)
    services.act(session, made.id, "complete", by=DESK, now=now)
    other = clinic.create_doctor(session, name="周敏", title="", position=1, by=OPERATOR, now=now)
    begin = now + dt.timedelta(minutes=15)
    clinic.add_shift(
        session,
        doctor_id=other.id,
        store_id=made.store_id,
        starts_at=begin,
        ends_at=begin + SLOT,
        slot_minutes=15,
        per_slot=1,
    )
    wish = scene.wish(doctor_id=other.id, starts_at=begin, channel="desk")
    services.book(session, wish, by=DESK, now=now)
    with pytest.raises(PatientBusy):
        services.act(session, made.id, "reopen", by=DESK, now=now)


@pytest.mark.parametrize(("minutes", "kept"), [(-120, True), (0, True), (15, True), (16, False)])
def test_who_comes_in_time_has_kept_the_appointment(
    session: Session, made: Appointment, recorded, minutes: int, *, kept: bool
) -> None:
    at = made.starts_at + dt.timedelta(minutes=minutes)
    services.act(session, made.id, "check_in", by=DESK, now=at)
    assert made.kept_at == (at if kept else None)
    assert ("booking.kept" in recorded()) == kept


def test_how_late_is_in_time_is_the_chains_to_say(session: Session, made: Appointment, recorded) -> None:
    settings.put(session, services.KEPT_GRACE, 0)
    services.act(session, made.id, "check_in", by=DESK, now=made.starts_at + dt.timedelta(minutes=1))
    assert "booking.kept" not in recorded()


def test_a_visit_is_kept_once_whatever_is_corrected(session: Session, made: Appointment, recorded) -> None:
    now = made.starts_at
    for name in ("check_in", "undo_check_in", "no_show", "correct", "check_in", "undo_check_in", "check_in"):
        services.act(session, made.id, name, by=DESK, now=now)
    assert recorded().count("booking.kept") == 1
    assert made.kept_at == now


def test_messages_of_an_older_version_stay_unsent(scene: Scene, session: Session, made: Appointment) -> None:
    about = notifications.Message(
        kind="appointment_created",
        channel="template",
        subject_id=made.id,
        subject_version=made.version,
        account_id=scene.account_id,
        fan_id=scene.fan_ids[0],
        template_id="template",
        fields={},
        page="",
    )
    notifications.write(session, about, now=clock.now())
    services.act(session, made.id, "attend", by=DESK, now=clock.now())
    assert session.scalars(sa.select(Delivery.state)).all() == ["pending"]
    services.act(session, made.id, "check_in", by=DESK, now=made.starts_at)
    session.expire_all()
    assert session.scalars(sa.select(Delivery.state)).all() == ["skipped"]
