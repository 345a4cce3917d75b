"""Booking and moving at the desk: the form, whom it finds, what it refuses."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.blueprints.console.appointments.slots import written
from engage.booking import queries
from engage.booking.models import Appointment
from engage.booking.services import ledger
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.patients import queries as queries_of_patients
from engage.patients.models import Patient
from engage.privacy import services as merging
from tests.booking.scenes import SLOT
from tests.console.conftest import DRAWER, words
from tests.running.processes import wait_for

AT = "/console/appointments"


def counted(desk, model):
    return desk.read(lambda session: session.scalar(sa.select(sa.func.count()).select_from(model)))


def offered(answer):
    return re.findall(r'name="instead" value="([^"]+)"', answer.text)


def test_a_free_place_leads_to_the_filled_form(desk):
    at = written(desk.scene.opens_at + SLOT)
    query = f"store={desk.scene.chain.store.id}&doctor={desk.scene.doctor_id}&at={at}"
    page = desk.owner.client.get(f"{AT}/new?{query}", headers=DRAWER)
    assert f'name="starts_at" value="{at}" checked' in page.text
    assert f'<option value="{desk.scene.doctor_id}" selected>' in page.text
    assert "<html" not in page.text


def test_a_person_leads_to_a_form_for_them(desk):
    patient_id = desk.scene.patient_ids[0]
    page = desk.owner.ask("GET", f"{AT}/new?patient={patient_id}&day={desk.day}")
    assert f'name="patient" value="{patient_id}" checked' in page.text


@pytest.mark.parametrize("query", ["patient=x&store=y&doctor=z&at=w&day=v", "patient=999999", "at=2026-01"])
def test_an_address_that_asks_for_nonsense_opens_an_empty_form(desk, query):
    page = desk.owner.ask("GET", f"{AT}/new?{query}")
    assert page.status_code == 200
    assert not re.search(r'name="(patient|starts_at)" value="[^"]*" checked', page.text)


def test_somebody_known_is_booked(desk):
    answer = desk.owner.ask("POST", f"{AT}/new", desk.form(complaint="牙疼", note="叫张护士"))
    assert answer.status_code == 303
    (made,) = desk.read(lambda session: session.scalars(sa.select(Appointment)).all())
    assert answer.location == f"{AT}/{made.id}"
    assert (made.patient_id, made.channel, made.fan_id) == (desk.scene.patient_ids[0], "desk", None)
    assert (made.complaint, made.note) == ("牙疼", "叫张护士")
    assert made.starts_at == desk.scene.opens_at
    assert "叫张护士" in words(desk.owner.ask("GET", answer.location))
    booked = sa.select(AuditEntry.actor_id).where(AuditEntry.action == "appointment.booked")
    assert desk.read(lambda session: session.scalars(booked).all()) == [desk.owner.id]


def test_somebody_new_gets_a_chart_with_the_booking(desk):
    form = desk.form(patient="new", name=" 赵  一 ", phone="139 1234 5678")
    assert desk.owner.ask("POST", f"{AT}/new", form).status_code == 303
    from_desk = sa.select(Patient).where(Patient.source == "desk")
    (chart,) = desk.read(lambda session: session.scalars(from_desk).all())
    assert (chart.name, chart.phone, chart.store_id) == ("赵 一", "+8613912345678", desk.scene.chain.store.id)


def test_who_has_a_chart_already_is_chosen_and_made_no_second_time(desk):
    known = desk.patient("赵一", "13912345678")
    form = desk.form(patient="new", name="赵一", phone="13912345678", note="keep this")
    answer = desk.owner.ask("POST", f"{AT}/new", form)
    assert answer.status_code == 422
    assert f'name="patient" value="{known}" checked' in answer.text
    assert "keep this" in answer.text
    assert counted(desk, Appointment) == 0
    assert desk.owner.ask("POST", f"{AT}/new", form | {"patient": str(known)}).status_code == 303
    assert counted(desk, Patient) == 3


def test_a_relative_under_the_same_phone_is_somebody_new(desk):
    desk.patient("赵一", "13912345678")
    form = desk.form(patient="new", name="赵小一", phone="13912345678")
    assert desk.owner.ask("POST", f"{AT}/new", form).status_code == 303
    assert counted(desk, Patient) == 4


def test_a_refused_booking_leaves_no_chart_behind(desk):
    desk.book()
    form = desk.form(patient="new", name="赵一", phone="13912345678")
    assert desk.owner.ask("POST", f"{AT}/new", form).status_code == 422
    assert counted(desk, Patient) == 2


@pytest.mark.parametrize("who", [{}, {"patient": "new", "name": "赵一", "phone": "13912345678"}])
def test_a_second_press_books_once(desk, who):
    form = desk.form(**who)
    first, second = (desk.owner.ask("POST", f"{AT}/new", form) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    assert counted(desk, Appointment) == 1
    assert counted(desk, Patient) == 2 + bool(who)


def test_two_presses_at_once_for_somebody_new_make_one_chart(desk):
    form = desk.form(patient="new", name="赵一", phone="13912345678")
    assert desk.owner.csrf
    with ThreadPoolExecutor(2) as presses:
        with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
            ledger.lock(session, f"key {form['key']}")
            answers = [presses.submit(desk.owner.ask, "POST", f"{AT}/new", form) for _ in range(2)]
            both_wait = sa.text("select count(*) >= 2 from pg_locks where not granted")
            assert wait_for(lambda: session.scalar(both_wait), seconds=20)
        locations = {answer.result().location for answer in answers}
    assert len(locations) == 1
    assert locations != {None}
    assert counted(desk, Appointment) == 1
    assert counted(desk, Patient) == 3


def test_a_key_of_another_booking_is_refused(desk):
    form = desk.form()
    assert desk.owner.ask("POST", f"{AT}/new", form).status_code == 303
    later = written(desk.scene.opens_at + SLOT)
    other = form | {"patient": str(desk.scene.patient_ids[1]), "starts_at": later}
    answer = desk.owner.ask("POST", f"{AT}/new", other)
    assert answer.status_code == 422
    assert "was sent before with other details" in words(answer)
    made = desk.read(lambda session: queries.by_key(session, uuid.UUID(form["key"])))
    assert made.patient_id == desk.scene.patient_ids[0]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"patient": ""}, "Find the patient, or choose “New patient”."),
        ({"patient": "new", "name": "", "phone": "13912345678"}, "Please fill this in."),
        ({"patient": "new", "name": "赵一", "phone": ""}, "Please fill this in."),
        (
            {"patient": "new", "name": "赵\x01一", "phone": "13912345678"},
            "Please leave out special characters.",
        ),
        ({"patient": "new", "name": "赵一", "phone": "12"}, "1 thing to put right"),
        ({"starts_at": ""}, "Please choose a time."),
        ({"starts_at": "soon"}, "Please choose a time."),
        ({"store": "999999"}, "Please choose a time."),
        ({"doctor": "999999"}, "Please choose a time."),
        ({"doctor": ""}, "Please choose a time."),
        ({"instead": "x|y|z"}, "Please choose a time."),
        ({"item": "999999"}, "The store does not offer this item."),
        ({"note": "x" * 501}, "At most 500 characters."),
        ({"starts_at": "2020-01-01T10:00Z"}, "This time cannot be booked."),
    ],
)
def test_a_wrong_form_comes_back_with_what_was_typed(desk, wrong, sentence):
    form = desk.form(complaint="牙疼得睡不着") | wrong
    answer = desk.owner.ask("POST", f"{AT}/new", form)
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert "牙疼得睡不着" in answer.text
    assert form["key"] in answer.text
    assert counted(desk, Appointment) == 0
    assert counted(desk, Patient) == 2


def test_a_patient_whom_nobody_knows_is_not_found(desk):
    assert desk.owner.ask("POST", f"{AT}/new", desk.form(patient="999999")).status_code == 404


def test_a_full_time_offers_the_nearest_and_one_press_takes_it(desk):
    desk.book(patient_id=desk.scene.patient_ids[1])
    form = desk.form(note="keep this")
    answer = desk.owner.ask("POST", f"{AT}/new", form)
    assert answer.status_code == 422
    assert "has just been taken" in words(answer)
    assert "keep this" in answer.text
    times = [written(desk.scene.opens_at + slot * SLOT) for slot in (1, 2, 3)]
    assert [value.rpartition("|")[2] for value in offered(answer)] == times
    taken = desk.owner.ask("POST", f"{AT}/new", form | {"instead": offered(answer)[1]})
    assert taken.status_code == 303
    made = desk.appointment(int(taken.location.rpartition("/")[2]))
    assert made.starts_at == desk.scene.opens_at + 2 * SLOT


def test_a_patient_who_is_elsewhere_is_not_booked_twice(desk):
    desk.book()
    form = desk.form(store=str(desk.other_store_id), doctor=str(desk.other_doctor_id))
    answer = desk.owner.ask("POST", f"{AT}/new", form)
    assert answer.status_code == 422
    assert "another visit at that time" in words(answer)
    assert counted(desk, Appointment) == 1


def test_patients_are_found_while_typing(desk):
    patient_id = desk.patient("欧阳娜娜", "13800004321")
    for asked in ("欧阳", "娜", "13800004321", "4321"):
        found = desk.owner.ask("POST", f"{AT}/patients", {"q": asked})
        assert f'value="{patient_id}"' in found.text, asked
        assert "138****4321" in found.text
        assert "13800004321" not in found.text
    assert "checked" not in desk.owner.ask("POST", f"{AT}/patients", {"q": "欧阳", "patient": "1"}).text


def test_who_is_not_found_is_somebody_new_with_these_words(desk):
    nobody = desk.owner.ask("POST", f"{AT}/patients", {"q": "不存在的人", "name": "不存"})
    assert 'value="new" checked' in nobody.text
    assert 'name="name" type="text" value="不存在的人"' in nobody.text
    by_phone = desk.owner.ask("POST", f"{AT}/patients", {"q": "13700001111", "name": "已写的名字"})
    assert 'name="phone" type="tel" value="13700001111"' in by_phone.text
    assert 'value="已写的名字"' in by_phone.text


def test_names_are_asked_for_in_no_address(desk):
    assert desk.owner.client.get(f"{AT}/patients?q=欧阳").status_code in {404, 405}


def test_times_follow_store_doctor_and_day(desk):
    desk.book()
    query = f"store={desk.scene.chain.store.id}&doctor={desk.scene.doctor_id}&day={desk.day}"
    page = desk.owner.ask("GET", f"{AT}/times?{query}")
    assert re.findall(r'name="starts_at" value="[^"]+"( disabled)?', page.text) == [" disabled", *[""] * 5]
    nothing = desk.owner.ask("GET", f"{AT}/times?{query.replace(desk.day, '2024-02-29')}")
    assert "Nothing is open then." in words(nothing)
    elsewhere = f"store={desk.other_store_id}&doctor=any&day={desk.day}"
    assert 'value="any" selected' in desk.owner.ask("GET", f"{AT}/times?{elsewhere}").text


# Moving


def test_an_appointment_is_moved(desk):
    made = desk.book()
    page = desk.owner.client.get(f"{AT}/{made}/change", headers=DRAWER)
    assert "Change; the patient is told in WeChat" in words(page)
    place = {"store": str(desk.other_store_id), "doctor": "any", "starts_at": written(desk.scene.opens_at)}
    answer = desk.owner.ask("POST", f"{AT}/{made}/change", desk.form(**place) | {"version": "1"})
    assert answer.status_code == 303
    now = desk.appointment(made)
    assert (now.store_id, now.doctor_id, now.version) == (desk.other_store_id, None, 2)


def test_a_move_to_a_full_time_offers_the_nearest(desk):
    made = desk.book()
    desk.book(patient_id=desk.scene.patient_ids[1], starts_at=desk.scene.opens_at + SLOT)
    form = desk.form(starts_at=written(desk.scene.opens_at + SLOT)) | {"version": "1"}
    answer = desk.owner.ask("POST", f"{AT}/{made}/change", form)
    assert answer.status_code == 422
    assert offered(answer)
    instead = form | {"instead": offered(answer)[0]}
    assert desk.owner.ask("POST", f"{AT}/{made}/change", instead).status_code == 303
    assert desk.appointment(made).version == 2


def test_a_move_without_a_time_says_so(desk):
    made = desk.book()
    answer = desk.owner.ask("POST", f"{AT}/{made}/change", desk.form(starts_at="") | {"version": "1"})
    assert answer.status_code == 422
    assert "Please choose a time." in words(answer)
    assert desk.appointment(made).version == 1


def test_forms_cost_few_queries(desk, count_queries):
    made = desk.book()
    for path in (f"new?day={desk.day}", f"{made}/change"):
        with count_queries() as counting:
            assert desk.owner.ask("GET", f"{AT}/{path}").status_code == 200
        assert counting.n <= 24, path


def test_a_form_opened_before_a_merge_books_for_nobody_and_shows_the_chart_that_stayed(desk):
    kept, gone = desk.patient("欧阳娜娜"), desk.scene.patient_ids[0]
    form = desk.form(note="keep this")
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        versions = tuple(queries_of_patients.patient(session, one).version for one in (kept, gone))
        merging.merge(session, kept, gone, taken=(), versions=versions, by=desk.owner_actor, now=clock.now())
    answer = desk.owner.ask("POST", f"{AT}/new", form)
    assert answer.status_code == 422
    assert "was merged into No. 3" in words(answer)
    assert f'name="patient" value="{kept}"' in answer.text
    assert "keep this" in answer.text
    assert counted(desk, Appointment) == 0


def test_nobody_books_for_an_erased_chart(desk):
    gone = desk.scene.patient_ids[0]
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        queries_of_patients.patient(session, gone).erased_at = clock.now()
    answer = desk.owner.ask("POST", f"{AT}/new", desk.form())
    assert (answer.status_code, counted(desk, Appointment)) == (422, 0)
    assert "This chart was erased" in words(answer)
