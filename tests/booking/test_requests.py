"""Visits that were asked for and that nobody answers: they end when their time begins (BK-10)."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR
from engage.booking import queries, services
from engage.booking.models import Appointment, Place
from engage.booking.queries import Which
from engage.booking.rules import keeping
from engage.booking.rules.attendance import Attendance
from engage.booking.rules.terms import Terms
from engage.booking.services import Change
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from tests.booking.scenes import SLOT, Scene
from tests.booking.test_keeping import book, messages, react, work
from tests.notifications.scenes import word

A_MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def asked(scene: Scene, scope) -> Appointment:
    """A visit that the first fan asked for, with the consequences of that."""
    set_approval(scene, approval=True)
    word(scene, "appointment_declined", "appointment_created")
    return book(scene, scene.opens_at, by=scene.fan())


def set_approval(scene: Scene, *, approval: bool) -> None:
    with unit_of_work() as session:
        terms = Terms(approval=approval)
        services.set_terms(session, scene.chain.store.id, terms, by=OPERATOR, now=clock.now())


def standing(visit: Appointment) -> Appointment:
    with unit_of_work() as session:
        return queries.appointment(session, visit.id)


def ends(visit: Appointment) -> list[tuple[int, str]]:
    """Give for which versions an end without an answer was planned, and what became of it."""
    with unit_of_work() as session:
        rows = [one for one in queries.touches(session, visit.id) if one.kind == keeping.UNANSWERED]
        return [(one.version, one.state) for one in rows]


def taken() -> int:
    with unit_of_work() as session:
        return session.scalar(sa.select(sa.func.sum(Place.taken))) or 0


def test_a_request_that_nobody_answered_is_declined_when_its_time_begins(
    scene: Scene, asked: Appointment
) -> None:
    work(asked.starts_at - A_MINUTE)
    assert (standing(asked).state, taken(), messages("appointment_declined")) == ("requested", 6, [])
    work(asked.starts_at)
    ended = standing(asked)
    assert (ended.state, ended.cancelled_by, ended.cancel_reason) == (
        "cancelled",
        "staff",
        keeping.NOT_ANSWERED,
    )
    assert (taken(), messages("appointment_declined")) == (0, [("pending", 2)])
    assert ends(asked) == [(1, "done")]
    with unit_of_work() as session:
        entry = sa.select(AuditEntry.actor_kind).where(AuditEntry.action == "appointment.declined")
        assert session.scalars(entry).all() == ["system"]


def test_after_a_stop_of_the_machine_it_ends_once(scene: Scene, asked: Appointment) -> None:
    late = asked.starts_at + SLOT / 2
    work(late)
    work(late + A_MINUTE)
    assert (standing(asked).version, standing(asked).state) == (2, "cancelled")
    assert len(messages("appointment_declined")) == 1


def test_what_was_answered_does_not_end(scene: Scene, asked: Appointment) -> None:
    with unit_of_work() as session:
        services.act(session, asked.id, "approve", version=1, by=OPERATOR, now=clock.now())
    react()
    assert ends(asked) == [(1, "dropped")]
    work(asked.starts_at)
    assert standing(asked).state == "confirmed"


def test_an_answer_that_comes_before_the_reaction_to_it_is_found(scene: Scene, asked: Appointment) -> None:
    with unit_of_work() as session:
        services.act(session, asked.id, "approve", version=1, by=OPERATOR, now=clock.now())
    with unit_of_work() as session:
        claimed = services.claim_touches(session, now=asked.starts_at)
    for touch_id in claimed.ids:
        with unit_of_work() as session:
            services.reach(session, claimed, touch_id, lambda *_: None, now=asked.starts_at)
    assert (standing(asked).state, ends(asked)) == ("confirmed", [(1, "dropped")])


@pytest.mark.parametrize("how", ["decline_visit", "cancel"])
def test_what_is_over_already_is_left_alone(scene: Scene, asked: Appointment, how: str) -> None:
    with unit_of_work() as session:
        getattr(services, how)(session, asked.id, 1, "满员", by=OPERATOR, now=clock.now())
    assert ends(asked) == [(1, "dropped")]
    react()
    work(asked.starts_at)
    assert (standing(asked).version, standing(asked).cancel_reason) == (2, "满员")


def test_a_moved_request_ends_at_its_new_time(scene: Scene, asked: Appointment) -> None:
    wish = Change(asked.id, 1, asked.store_id, asked.doctor_id, asked.starts_at + 2 * SLOT)
    with unit_of_work() as session:
        services.change(session, wish, by=scene.fan(), now=clock.now())
    react()
    assert ends(asked) == [(1, "dropped"), (2, "planned")]
    work(asked.starts_at + SLOT)
    assert standing(asked).state == "requested"
    work(asked.starts_at + 2 * SLOT)
    assert standing(asked).state == "cancelled"


def test_it_counts_as_the_clinic_s_never_as_the_patient_s(scene: Scene, asked: Appointment) -> None:
    work(asked.starts_at)
    around = (asked.starts_at - SLOT, asked.starts_at + SLOT)
    which = Which(*around, "Asia/Shanghai", now=asked.ends_at)
    with unit_of_work() as session:
        assert queries.outcomes(session, which)["all"][None] == Attendance(clinic=1)


def test_how_many_begin_soon_is_counted_in_the_same_statement(scene: Scene, asked: Appointment) -> None:
    first, between = asked.starts_at, asked.starts_at + SLOT / 2
    book(scene, first + SLOT, by=scene.fan(1), fan=1)
    with unit_of_work() as session:
        assert queries.requests(session, since=first, soon=between, store_ids=None) == (2, 1, first)
        assert queries.requests(session, since=between, soon=first, store_ids=None) == (1, 0, first + SLOT)
