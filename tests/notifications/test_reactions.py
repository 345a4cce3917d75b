"""What is told when a visit or a binding comes, changes and goes: to whom, in which words (NT-1)."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.booking import services as booking
from engage.booking.services import Change
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.notifications.models import Delivery
from engage.patients import services as patients
from engage.reactions import notifications as reactions
from tests.booking.scenes import SLOT, make_scene
from tests.notifications.scenes import TITLE, react, states, word


@pytest.fixture
def scene(chain):
    """An account with a wording for every kind, inside the chain's scope."""
    made = make_scene(chain)
    with tenant_scope(chain.id):
        word(made)
        yield made


def book(scene, **changes) -> int:
    """Book a visit."""
    by = scene.fan() if changes.get("channel") != "desk" else OPERATOR
    with unit_of_work() as session:
        return booking.book(session, scene.wish(**changes), by=by, now=clock.now()).id


def message() -> Delivery:
    """Give the one message."""
    with unit_of_work() as session:
        return session.scalars(sa.select(Delivery)).one()


def told() -> list[int]:
    """Give who has a message, in the order in which they were written."""
    with unit_of_work() as session:
        return list(session.scalars(sa.select(Delivery.fan_id).order_by(Delivery.id)))


def test_a_visit_that_stands_is_told_in_the_accounts_words(scene):
    visit = book(scene)
    react()
    written = message()
    starts = clock.local(scene.opens_at, scene.chain.store.zone)
    assert written.fields == {"thing1": "徐汇店", "thing2": "李明", "time3": f"{starts:%Y-%m-%d %H:%M}"}
    assert (written.title, written.text) == (
        TITLE,
        f"门店：徐汇店\n医生：李明\n时间：{starts:%Y-%m-%d %H:%M}",
    )
    assert written.page == f"/p/{scene.account_slug}/appointments/{visit}"
    assert written.expires_at == scene.opens_at + SLOT
    assert (written.patient_id, written.fan_id) == (scene.patient_ids[0], scene.fan_ids[0])
    assert "王小红" not in f"{written.fields}{written.text}{written.page}"


def test_change_and_cancellation_are_told_and_withdraw_what_waits(scene):
    visit = book(scene)
    react()
    later = Change(visit, 1, scene.chain.store.id, scene.doctor_id, scene.opens_at + 2 * SLOT)
    with unit_of_work() as session:
        booking.change(session, later, by=scene.fan(), now=clock.now())
    react()
    with unit_of_work() as session:
        booking.cancel(session, visit, 2, "", by=scene.fan(), now=clock.now())
    react()
    assert states() == [
        ("appointment_created", "skipped", "superseded"),
        ("appointment_changed", "skipped", "superseded"),
        ("appointment_cancelled", "pending", None),
    ]


def test_events_that_come_late_tell_of_the_present_alone(scene):
    """Booked, changed and cancelled before any of it had its consequences."""
    visit = book(scene)
    later = Change(visit, 1, scene.chain.store.id, scene.doctor_id, scene.opens_at + 2 * SLOT)
    with unit_of_work() as session:
        booking.change(session, later, by=scene.fan(), now=clock.now())
        booking.cancel(session, visit, 2, "", by=scene.fan(), now=clock.now())
    react()
    assert sorted(states()) == [
        ("appointment_cancelled", "pending", None),
        ("appointment_changed", "skipped", "superseded"),
        ("appointment_created", "skipped", "superseded"),
    ]


def test_a_visit_that_is_over_is_told_nobody(scene):
    visit = book(scene)
    with unit_of_work() as session:
        reactions.tell_booked(session, {"appointment_id": visit}, now=scene.opens_at + SLOT)
    assert states() == [("appointment_created", "skipped", "too_late")]


def test_repeating_a_reaction_changes_nothing(scene):
    visit = book(scene)
    for _ in range(2):
        with unit_of_work() as session:
            reactions.tell_booked(session, {"appointment_id": visit}, now=clock.now())
    assert len(states()) == 1


def test_what_the_desk_books_is_told_to_all_who_speak_for_the_patient(scene):
    with unit_of_work() as session:
        bound = {"fan_id": scene.fan_ids[1], "patient_id": scene.patient_ids[0], "how": "desk"}
        patients.bind(session, **bound, by=OPERATOR, now=clock.now())
    book(scene, fan_id=None, channel="desk")
    react()
    assert [fan for fan, (kind, *_) in zip(told(), states(), strict=True) if kind != "bound"] == list(
        scene.fan_ids
    )


def test_who_booked_and_speaks_for_the_patient_no_more_is_not_told(scene):
    book(scene)
    with unit_of_work() as session:
        gone = {"fan_id": scene.fan_ids[0], "patient_id": scene.patient_ids[0]}
        patients.unbind(session, **gone, by=OPERATOR, now=clock.now())
    react()
    assert [kind for kind, *_ in states()] == ["unbound"]


def test_what_waits_for_a_fan_does_not_reach_them_once_they_are_unbound(scene):
    book(scene)
    book(scene, patient_id=scene.patient_ids[1], fan_id=None, channel="desk", starts_at=scene.opens_at + SLOT)
    react()
    with unit_of_work() as session:
        gone = {"fan_id": scene.fan_ids[0], "patient_id": scene.patient_ids[0]}
        patients.unbind(session, **gone, by=OPERATOR, now=clock.now())
    react()
    told_of = [(kind, state, reason) for kind, state, reason in states()]
    assert told_of == [
        ("appointment_created", "skipped", "superseded"),
        ("appointment_created", "pending", None),
        ("unbound", "pending", None),
    ]


def test_without_a_doctor_the_words_beside_the_placeholder_stand_in(scene):
    with unit_of_work() as session:
        session.execute(sa.text("update store set any_per_hour = 1"))
    book(scene, doctor_id=None)
    react()
    assert message().fields["thing2"] == "到店安排"


def test_values_that_do_not_fit_are_noted_and_not_sent(scene):
    word(
        scene,
        "appointment_created",
        texts=(
            ("thing1", "{store}"),
            ("phrase2", "{doctor|到店安排}"),
            ("time3", "{time}"),
            ("thing2", "好"),
        ),
    )
    with unit_of_work() as session:
        session.execute(sa.text("update doctor set name = 'Dr Li'"))
    book(scene)
    react()
    assert states() == [("appointment_created", "skipped", "bad_wording")]


def test_no_wording_no_message(chain):
    scene = make_scene(chain)
    with tenant_scope(chain.id):
        book(scene)
        react()
        assert states() == [("appointment_created", "skipped", "no_template")]


def test_a_binding_is_told_and_its_end(scene):
    with unit_of_work() as session:
        bound = {"fan_id": scene.fan_ids[0], "patient_id": scene.patient_ids[1]}
        patients.bind(session, **bound, how="desk", by=OPERATOR, now=clock.now())
    react()
    assert message().page == f"/p/{scene.account_slug}/me"
    assert message().fields["thing1"] == "康美口腔"
    with unit_of_work() as session:
        patients.unbind(session, **bound, by=OPERATOR, now=clock.now())
    react()
    assert states() == [("bound", "skipped", "superseded"), ("unbound", "pending", None)]


def test_charts_bound_together_are_told_once(scene):
    now = clock.now()
    with unit_of_work() as session:
        for name in ("王大明", "王小明"):
            chart = patients.create_chart(session, patients.NewChart(name), by=OPERATOR, now=now)
            patients.bind(
                session, fan_id=scene.fan_ids[0], patient_id=chart.id, how="phone", by=OPERATOR, now=now
            )
    react()
    assert sorted(states()) == [("bound", "pending", None), ("bound", "skipped", "told_together")]


def test_of_charts_bound_together_one_that_stands_is_told_of(scene):
    now, fan_id = clock.now(), scene.fan_ids[0]
    with unit_of_work() as session:
        for name in ("王大明", "王小明"):
            chart = patients.create_chart(session, patients.NewChart(name), by=OPERATOR, now=now)
            bound = {"fan_id": fan_id, "patient_id": chart.id}
            patients.bind(session, **bound, how="phone", by=OPERATOR, now=now)
            if name == "王大明":
                patients.unbind(session, **bound, by=OPERATOR, now=now)
    react()
    told = [(kind, state) for kind, state, _ in states() if kind == "bound"]
    assert sorted(told) == [("bound", "pending"), ("bound", "skipped")]


def test_bound_again_before_the_end_was_told(scene):
    bound = {"fan_id": scene.fan_ids[0], "patient_id": scene.patient_ids[0]}
    with unit_of_work() as session:
        patients.unbind(session, **bound, by=OPERATOR, now=clock.now())
    with unit_of_work() as session:
        patients.bind(session, **bound, how="desk", by=OPERATOR, now=clock.now())
    react()
    assert sorted(states()) == [("bound", "pending", None), ("unbound", "skipped", "superseded")]
