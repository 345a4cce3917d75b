"""A booking typed as one line at the desk: shown as it was read, asked about, booked by Enter (BK-8)."""

from __future__ import annotations

import html
import re
import uuid

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.blueprints.console.appointments.slots import written
from engage.booking.models import Appointment
from engage.clinic import services as clinic
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import SLOT
from tests.console.conftest import words
from tests.contracts.callers import log_in_directly

AT = "/console/appointments"
PART = {"HX-Request": "true", "HX-Target": "line-read"}


@pytest.fixture
def typed(desk):
    """Type a line; with `enter` it is shown first, as a browser shows it, and then booked."""

    def send(text, *, enter=False, caller=None, **changes):
        form = {"q": text, "store": str(desk.scene.chain.store.id), "key": str(uuid.uuid4()), **changes}
        asking = caller or desk.owner
        shown = asking.ask("POST", f"{AT}/line", form)
        return asking.ask("POST", f"{AT}/line", {**form, "read": text, "do": "book"}) if enter else shown

    return send


def made(desk):
    """Give all visits that were booked."""
    return desk.read(lambda session: session.scalars(sa.select(Appointment).order_by(Appointment.id)).all())


def choices(answer, name):
    return re.findall(rf'type="radio" name="{name}" value="([^"]+)"', answer.text)


def test_a_line_is_shown_as_it_is_read_and_booked_by_enter(desk, typed):
    patient_id = desk.patient("张伟", "13800138000")
    text = f"zw {desk.day} 18:30 李医生 牙疼"
    shown = words(typed(text))
    assert all(part in shown for part in ("张伟", "18:30", "李明", "Complaint: 牙疼", "Enter books it"))
    assert made(desk) == []
    answer = typed(text, enter=True)
    (visit,) = made(desk)
    assert "Booked: 张伟" in words(answer)
    assert f'href="{AT}/{visit.id}"' in answer.text
    assert (visit.patient_id, visit.doctor_id, visit.channel) == (patient_id, desk.scene.doctor_id, "desk")
    assert visit.starts_at == desk.scene.opens_at + SLOT
    assert visit.complaint == "牙疼"


def test_a_line_that_was_not_shown_yet_is_not_booked(desk, typed):
    desk.patient("张伟")
    text = f"张伟 {desk.day} 18:30 李明"
    for read in ("", "张伟"):
        assert "Enter books it" in words(typed(text, do="book", read=read))
    assert made(desk) == []


def test_enter_twice_books_once(desk, typed):
    desk.patient("张伟")
    key = str(uuid.uuid4())
    for _ in range(2):
        answer = typed(f"张伟 {desk.day} 18:30 李明", enter=True, key=key)
    assert len(made(desk)) == 1
    assert "Booked" in words(answer) or "Not free then" in words(answer)


def test_several_of_a_name_are_asked_about(desk, typed):
    text = f"王小红 {desk.day} 18:30 李明"
    shown = typed(text, enter=True)
    assert made(desk) == []
    assert "Who?" in words(shown)
    assert choices(shown, "patient") == [str(number) for number in desk.scene.patient_ids]
    chosen = str(desk.scene.patient_ids[1])
    assert "Enter books it" in words(typed(text, read=text, patient=chosen))
    typed(text, enter=True, patient=chosen)
    assert [visit.patient_id for visit in made(desk)] == [desk.scene.patient_ids[1]]


def test_a_choice_does_not_outlive_its_line(desk, typed):
    desk.patient("张伟")
    late = f"{desk.scene.doctor_id}|{written(desk.scene.opens_at + 3 * SLOT)}"
    shown = typed(f"张伟 {desk.day} 18:30 李明", read="张伟", instead=late)
    assert "18:30" in words(shown)
    assert "19:30" not in words(shown)


def test_a_taken_time_offers_those_nearby(desk, typed):
    desk.book(starts_at=desk.scene.opens_at + SLOT)
    desk.patient("张伟")
    text = f"张伟 {desk.day} 18:30 李明"
    shown = typed(text, enter=True)
    assert "Not free then. Free nearby:" in words(shown)
    assert len(choices(shown, "instead")) == 5
    wanted = f"{desk.scene.doctor_id}|{written(desk.scene.opens_at)}"
    typed(text, enter=True, instead=wanted)
    assert made(desk)[-1].starts_at == desk.scene.opens_at


def test_without_a_doctor_whoever_is_free_then_is_offered(desk, typed):
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        other = clinic.create_doctor(
            session, name="赵静", title="", position=5, by=OPERATOR, now=clock.now()
        ).id
        clinic.add_shift(
            session,
            doctor_id=other,
            store_id=desk.scene.chain.store.id,
            starts_at=desk.scene.opens_at + SLOT,
            ends_at=desk.scene.opens_at + 2 * SLOT,
            slot_minutes=30,
            per_slot=1,
        )
    desk.patient("张伟")
    shown = typed(f"张伟 {desk.day} 18:30")
    assert "With whom?" in words(shown)
    assert len(choices(shown, "instead")) == 2
    assert "李明" in words(typed(f"张伟 {desk.day} 19:30"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("李明 {day} 18:30 李明", "Nobody is called"),
        ("{day} 18:30 李医生", "Who? Add a name"),
        ("张伟", "When? Add a day or a time."),
        ("张伟 {day} 李明", "Free on this day"),
        ("张伟 {day} 18:30 周医生", "周明慧 has no free time on this day"),
        ("张伟 2024-02-29 18:30", "Nothing is free on this day"),
        ("张伟 {day} 18:30 李明 不存在的话", "Complaint: 不存在的话"),
    ],
)
def test_what_is_missing_is_asked_for(desk, typed, text, sentence):
    desk.patient("张伟")
    assert sentence in words(typed(text.format(day=desk.day)))


def test_somebody_unknown_leads_to_a_new_chart_without_the_name_in_the_address(desk, typed):
    shown = typed(f"赵敏 {desk.day} 18:30 李明").text
    (address,) = re.findall(r'href="([^"]+/new\?[^"]*)" data-drawer data-words="赵敏"', shown)
    assert f"doctor={desk.scene.doctor_id}" in html.unescape(address)
    assert "赵敏" not in address


def test_a_person_who_was_carried_over_needs_no_name(desk, typed):
    patient_id = desk.patient("张伟")
    typed(f"{desk.day} 18:30 李明", enter=True, carried=str(patient_id))
    assert [visit.patient_id for visit in made(desk)] == [patient_id]


def test_a_patient_who_is_elsewhere_then_is_refused_with_its_sentence(desk, typed):
    patient_id = desk.patient("张伟")
    desk.book_elsewhere(patient_id=patient_id, starts_at=desk.scene.opens_at + SLOT)
    shown = typed(f"张伟 {desk.day} 18:30 李明", enter=True)
    assert "another visit at that time" in words(shown)
    assert len(made(desk)) == 1


def test_a_desk_of_one_store_books_in_its_own(app, desk, typed):
    reception = log_in_directly(app, desk.scene.chain, "desk", store_id=desk.scene.chain.store.id)
    desk.patient("张伟")
    typed(f"张伟 {desk.day} 18:00 周医生", enter=True, caller=reception, store=str(desk.other_store_id))
    assert made(desk) == []
    doctor = log_in_directly(app, desk.scene.chain, "doctor")
    assert typed("张伟", caller=doctor).status_code == 403
    assert 'id="line"' not in doctor.ask("GET", AT).text


def test_lines_cost_the_same_however_full_the_day(desk, typed, count_queries):
    desk.patient("张伟")
    text = f"张伟 {desk.day} 20:30 李明"

    def cost():
        with count_queries() as counting:
            assert typed(text).status_code == 200
        return counting.n

    few = cost()
    for slot in (0, 1):
        desk.book(starts_at=desk.scene.opens_at + slot * SLOT, patient_id=desk.scene.patient_ids[slot])
    assert cost() <= few + 4  # the names of visits are read where there are any
