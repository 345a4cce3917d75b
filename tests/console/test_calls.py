"""Calls at the desk: the list, what to say, what came of it, the next one, a missed visit rebooked."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.blueprints.console.appointments.slots import written
from engage.blueprints.console.calls.listing import OUTCOME_TONES
from engage.booking import queries as booking
from engage.booking.models import Appointment
from engage.clinic import services as clinic
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.tasks import rules, services
from engage.tasks.models import Task
from engage.tasks.services import NewTask
from tests.booking.scenes import SLOT
from tests.console.conftest import DRAWER, words
from tests.contracts.callers import log_in_directly

CALLS = "/console/calls"
PHONE = "13800004321"


def ask_for(desk, appointment_id, kind="call_confirm", *, minutes=5):
    """Have staff asked to call about a visit, due some minutes ago."""
    row = desk.appointment(appointment_id)
    now = clock.now()
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        due_at = now - dt.timedelta(minutes=minutes)
        wish = NewTask(kind, "appointment", row.id, 1, row.store_id, due_at, row.patient_id)
        return services.open_(session, wish, now=now)


def task(desk, task_id):
    return desk.read(lambda session: session.get(Task, (desk.scene.chain.id, task_id)))


def missed(desk):
    """Book, and let the time of the visit be an hour ago."""
    appointment_id = desk.book()
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        begin = clock.now() - dt.timedelta(hours=1)
        session.execute(
            sa.update(Appointment)
            .where(Appointment.id == appointment_id)
            .values(starts_at=begin, ends_at=begin + SLOT)
        )
    return appointment_id


def test_the_list_holds_what_is_due_the_longest_first(desk):
    first = ask_for(desk, desk.book(), minutes=5)
    second = ask_for(desk, desk.book_elsewhere(starts_at=desk.scene.opens_at), "call_new", minutes=50)
    later = ask_for(desk, desk.book(starts_at=desk.scene.opens_at + SLOT), minutes=-50)
    page = desk.owner.client.get(CALLS)
    assert page.text.index(f"{CALLS}/{second}") < page.text.index(f"{CALLS}/{first}")
    assert f"{CALLS}/{later}" not in page.text
    assert f"{CALLS}/{later}" in desk.owner.client.get(f"{CALLS}?view=later").text
    only_new = desk.owner.client.get(f"{CALLS}?kind=call_new").text
    assert f"{CALLS}/{second}" in only_new
    assert f"{CALLS}/{first}" not in only_new


@pytest.mark.parametrize(
    ("outcome", "tone"),
    [("will_come", "good"), ("cancelled", "ended"), ("not_reached", "bad")],
)
def test_what_came_of_a_call_is_coloured_by_what_it_means(desk, outcome, tone):
    call_id = ask_for(desk, desk.book())
    desk.owner.ask("POST", f"{CALLS}/{call_id}/finish", {"outcome": outcome, "note": "三次未接"})
    for page in (f"{CALLS}?view=done", f"{CALLS}/{call_id}"):
        first = re.search(r'<span class="state tone-(\w+)">', desk.owner.client.get(page).text)
        assert first[1] == tone, page


def test_every_outcome_has_a_tone():
    outcomes = {name for kind in rules.KINDS.values() for name in kind.outcomes}
    assert set(OUTCOME_TONES) == outcomes
    assert set(OUTCOME_TONES.values()) <= {"good", "waiting", "ended", "bad"}


def test_nothing_to_call_says_why(desk):
    assert "Nobody to call" in words(desk.owner.client.get(CALLS))
    ask_for(desk, desk.book(), minutes=-60)
    assert "The next call is due on" in words(desk.owner.client.get(CALLS))
    assert "Nothing matches" in words(desk.owner.client.get(f"{CALLS}?kind=call_far"))


def test_the_drawer_says_what_to_say_and_hides_the_phone(desk):
    patient_id = desk.patient("欧阳娜娜", PHONE)
    appointment_id = desk.book(patient_id=patient_id)
    call_id = ask_for(desk, appointment_id, "call_new")
    told = desk.owner.client.get(f"{CALLS}/{call_id}", headers=DRAWER)
    text = words(told)
    assert "Hello, this is 徐汇店. Thank you for booking with us: 欧阳娜娜" in text
    assert "李明" in text
    assert "Please ask for" not in text  # the clinic has not said whom
    assert "138****4321" in text
    assert PHONE not in told.text
    assert f'action="/console/people/{patient_id}/phone"' in told.text


def test_the_clinic_s_own_words_are_said(desk):
    client = desk.owner.client
    item_id = an_item(desk)
    appointment_id = desk.book(item_id=item_id)
    call_id = ask_for(desk, appointment_id, "call_new")
    form = {
        "call_new": "您好，{patient}。\n{why}\n请找{ask_for}。请带{bring}。",
        f"ask_for-{desk.scene.chain.store.id}": "前台小林",
    }
    assert desk.owner.ask("POST", f"{CALLS}/texts", form).status_code == 303
    text = client.get(f"{CALLS}/{call_id}", headers=DRAWER).text
    assert "您好，王小红。" in text
    assert "牙周治疗要连续做才有效。" in text
    assert "请找前台小林。" in text
    assert "请带" not in text
    wrong = desk.owner.ask("POST", f"{CALLS}/texts", form | {"call_far": "{name}"})
    assert wrong.status_code == 422
    assert "Only the words listed below may stand in braces." in words(wrong)


def an_item(desk):
    told = {"by": OPERATOR, "now": clock.now()}
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        category = clinic.create_category(session, name="牙周", position=0, **told)
        details = clinic.ItemDetails(category.id, "龈下刮治", 30, why="牙周治疗要连续做才有效。")
        return clinic.create_item(session, details, position=0, **told).id


def test_what_came_of_it_is_kept_and_the_next_one_shown(desk):
    first = ask_for(desk, desk.book(), minutes=20)
    second = ask_for(desk, desk.book_elsewhere(), minutes=10)
    answer = desk.owner.ask("POST", f"{CALLS}/{first}/finish", {"outcome": "will_come"})
    assert answer.status_code == 303
    assert answer.location.endswith(f"{CALLS}/{second}")
    row = task(desk, first)
    assert (row.state, row.outcome, row.done_by) == ("done", "will_come", desk.owner.id)
    assert desk.appointment(row.subject_id).attendance_confirmed_at is not None
    last = desk.owner.ask("POST", f"{CALLS}/{second}/finish", {"outcome": "not_reached", "note": "三次未接"})
    assert last.location.endswith(f"{CALLS}/done")
    again = desk.owner.ask("POST", f"{CALLS}/{second}/finish", {"outcome": "will_come"})
    assert again.status_code == 422
    assert "Somebody was faster" in words(again)


@pytest.mark.parametrize("outcome", ["cancelled", "not_reached", "rebooked", "unheard_of", ""])
def test_an_outcome_that_needs_words_or_is_none_is_refused(desk, outcome):
    call_id = ask_for(desk, desk.book())
    answer = desk.owner.ask("POST", f"{CALLS}/{call_id}/finish", {"outcome": outcome})
    assert answer.status_code == 422
    assert "Please say what came of it, and why." in words(answer)
    assert task(desk, call_id).state == "open"


def test_no_answer_brings_it_back_later(desk):
    call_id = ask_for(desk, desk.book())
    answer = desk.owner.ask("POST", f"{CALLS}/{call_id}/later")
    assert answer.status_code == 303
    row = task(desk, call_id)
    assert (row.state, row.attempts) == ("open", 1)
    assert row.due_at > clock.now()
    assert f"{CALLS}/{call_id}" not in desk.owner.client.get(CALLS).text


def test_who_calls_is_shown_to_others(app, desk):
    call_id = ask_for(desk, desk.book())
    assert desk.owner.ask("POST", f"{CALLS}/{call_id}/take").status_code == 303
    other = log_in_directly(app, desk.scene.chain, "desk", name="林前台")
    assert "is calling just now" in words(other.client.get(f"{CALLS}/{call_id}"))
    refused = other.ask("POST", f"{CALLS}/{call_id}/take")
    assert refused.status_code == 422
    assert "Somebody else is calling already." in words(refused)


def test_a_missed_visit_is_rebooked_from_its_call(desk):
    appointment_id = missed(desk)
    call_id = ask_for(desk, appointment_id, "call_no_show")
    page = desk.owner.client.get(f"{CALLS}/{call_id}", headers=DRAWER)
    assert f"rebook={appointment_id}" in page.text
    form = desk.owner.client.get(
        f"/console/appointments/new?patient={desk.scene.patient_ids[0]}&rebook={appointment_id}"
    )
    assert f'name="rebook" value="{appointment_id}"' in form.text
    wish = desk.form(rebook=str(appointment_id), starts_at=written(desk.scene.opens_at + SLOT))
    assert desk.owner.ask("POST", "/console/appointments/new", wish).status_code == 303
    made = desk.read(lambda session: booking.rebooked_as(session, appointment_id))
    assert made is not None
    assert desk.appointment(appointment_id).state == "no_show"
    row = task(desk, call_id)
    assert (row.state, row.outcome, row.done_by) == ("done", "rebooked", desk.owner.id)


def test_calls_of_other_stores_are_not_there(app, desk):
    call_id = ask_for(desk, desk.book_elsewhere())
    here = log_in_directly(app, desk.scene.chain, "desk", store_id=desk.scene.chain.store.id)
    assert f"{CALLS}/{call_id}" not in here.client.get(CALLS).text
    assert here.client.get(f"{CALLS}/{call_id}").status_code == 404
    assert here.ask("POST", f"{CALLS}/{call_id}/finish", {"outcome": "will_come"}).status_code == 404


def test_today_tells_how_many_calls_are_due(desk):
    assert "call is due" not in words(desk.owner.client.get("/console/"))
    ask_for(desk, desk.book())
    assert "1 call is due." in words(desk.owner.client.get("/console/"))


def test_the_list_asks_as_much_for_many_as_for_one(desk, count_queries):
    ask_for(desk, desk.book())
    with count_queries() as one:
        desk.owner.client.get(CALLS)
    for slot in range(1, 5):
        ask_for(desk, desk.book(starts_at=desk.scene.opens_at + slot * SLOT))
    ask_for(desk, desk.book_elsewhere())
    with count_queries() as many:
        desk.owner.client.get(CALLS)
    assert many.n == one.n
