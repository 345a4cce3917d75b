"""The day at the desk and one appointment, as browsers see them."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import pytest

from engage.audit.services import OPERATOR, SYSTEM
from engage.blueprints.console.appointments.slots import written
from engage.booking import queries, services
from engage.booking.rules import keeping
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.tenancy import services as tenancy
from engage.tenancy.rules import Grant
from engage.tenancy.services import StaffDetails
from tests.booking.scenes import SLOT, ZONE
from tests.console.conftest import DRAWER, list_of, words
from tests.contracts.callers import log_in_directly

AT = "/console/appointments"
NAME = "王小红"


def now_begins(desk):
    """Book a visit that begins in half an hour; gives its id."""
    begin = on_the_grid(clock.now() + dt.timedelta(minutes=30))
    desk.shift(begin)
    return desk.book(starts_at=begin)


def has_begun(desk):
    """Book a visit that began an hour ago; gives its id."""
    begin = on_the_grid(clock.now() - dt.timedelta(hours=1))
    desk.shift(begin)
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        wish = desk.scene.wish(starts_at=begin)
        return services.book(session, wish, by=desk.scene.fan(), now=begin - dt.timedelta(hours=5)).id


def on_the_grid(moment):
    return moment.replace(minute=moment.minute // 5 * 5, second=0, microsecond=0)


# The day


def test_the_list_shows_the_day_and_leads_to_each(desk):
    made = desk.book()
    page = desk.owner.ask("GET", f"{AT}?day={desk.day}")
    assert f'href="{AT}/{made}" data-drawer' in page.text
    assert all(text in list_of(page) for text in (NAME, "18:00", "李明", "徐汇店", "Confirmed", "Front desk"))
    assert NAME not in words(desk.owner.ask("GET", f"{AT}?day=2024-02-29"))


@pytest.mark.parametrize(
    ("wish", "is_there"),
    [
        ("state=confirmed", True),
        ("state=completed", False),
        ("store={store}", True),
        ("store={other_store}", False),
        ("doctor={doctor}", True),
        ("doctor={other_doctor}", False),
        ("state=nonsense&store=0&doctor=x&view=spiral", True),
    ],
)
def test_filters_stand_in_the_address(desk, wish, is_there):
    desk.book()
    wish = wish.format(
        store=desk.scene.chain.store.id,
        other_store=desk.other_store_id,
        doctor=desk.scene.doctor_id,
        other_doctor=desk.other_doctor_id,
    )
    page = desk.owner.ask("GET", f"{AT}?day={desk.day}&{wish}")
    assert page.status_code == 200
    assert (NAME in words(page)) is is_there
    assert ("Nothing matches" in words(page)) is not is_there


@pytest.mark.parametrize("day", ["", "tomorrow", "0001-01-01", "9999-12-31", "2026-13-40"])
@pytest.mark.parametrize("view", ["list", "board"])
def test_a_day_that_is_none_is_today(desk, day, view):
    today = clock.local(clock.now(), ZONE).date().isoformat()
    page = desk.owner.ask("GET", f"{AT}?day={day}&view={view}")
    assert page.status_code == 200
    assert f'value="{today}"' in page.text


def test_the_board_shows_visits_and_free_places(desk):
    made = desk.book()
    page = desk.owner.ask("GET", f"{AT}?view=board&day={desk.day}")
    at = written(desk.scene.opens_at + SLOT)
    assert re.search(rf'class="visit [^"]*" id="visit-{made}" href="{AT}/{made}"', page.text)
    assert re.search(rf'href="{AT}/new\?[^"]*at={at}"', page.text)
    assert page.text.count('class="place"') == 5
    assert "周明慧" not in list_of(page)


def test_the_board_has_a_column_for_places_without_a_doctor(desk):
    page = desk.owner.ask("GET", f"{AT}?view=board&day={desk.day}&store={desk.other_store_id}")
    assert all(text in list_of(page) for text in ("周明慧", "No doctor named"))
    assert "doctor=any" in page.text


def test_a_cancelled_visit_gives_its_place_back_on_the_board(desk):
    made = desk.book()
    desk.owner.ask("POST", f"{AT}/{made}/cancel", {"version": "1", "reason": "ill"})
    page = desk.owner.ask("GET", f"{AT}?view=board&day={desk.day}")
    assert page.text.count('class="place"') == 6
    assert f"{AT}/{made}" not in page.text


@pytest.mark.parametrize("view", ["list", "board"])
def test_a_longer_day_costs_no_more_queries(desk, count_queries, view):
    def cost():
        with count_queries() as counting:
            assert desk.owner.ask("GET", f"{AT}?view={view}&day={desk.day}").status_code == 200
        return counting.n

    desk.book()
    few = cost()
    for slot in (1, 2, 3):
        desk.book(starts_at=desk.scene.opens_at + slot * SLOT, patient_id=desk.scene.patient_ids[slot % 2])
    assert cost() == few
    assert few <= 22


# Requested visits


@pytest.fixture
def requested(desk):
    """A visit that waits for approval; its id."""
    store_id = desk.scene.chain.store.id
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        terms = replace(queries.terms(session, store_id), approval=True)
        services.set_terms(session, store_id, terms, by=OPERATOR, now=clock.now())
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        wish = desk.scene.wish()
        return services.book(session, wish, by=desk.scene.fan(), now=clock.now()).id


def test_a_request_is_answered_in_the_list(app, desk, requested):
    where = f"{AT}?day={desk.day}&state=requested"
    page = desk.owner.ask("GET", where)
    assert f'action="{AT}/{requested}/approve"' in page.text
    form = {"version": "1", "back": where}
    assert desk.owner.ask("POST", f"{AT}/{requested}/approve", form).location == where
    assert desk.appointment(requested).state == "confirmed"
    assert "approve" not in desk.owner.ask("GET", where).text
    late = desk.owner.ask("POST", f"{AT}/{requested}/complete", form)
    assert (late.status_code, late.location) == (303, where)
    assert "changed meanwhile" in words(desk.owner.ask("GET", where))
    elsewhere = desk.owner.ask("POST", f"{AT}/{requested}/attend", {"back": "https://elsewhere.example/?"})
    assert elsewhere.location == AT


def test_declining_from_the_list_opens_its_reasons(app, desk, requested):
    page = desk.owner.ask("GET", f"{AT}?day={desk.day}")
    assert f'href="{AT}/{requested}?end=1" data-drawer' in page.text
    sheet = desk.owner.client.get(f"{AT}/{requested}?end=1", headers=DRAWER)
    assert re.search(r'<details class="sheet-fold" id="cancel" open', sheet.text)
    assert "Decline this request" in words(sheet)
    doctor = log_in_directly(app, desk.scene.chain, "doctor")
    assert f"{requested}/approve" not in doctor.ask("GET", f"{AT}?day={desk.day}").text


def begin_at(desk, appointment_id, begin):
    """Let a visit begin at another time; gives the local day."""
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        visit = queries.locked(session, appointment_id)
        visit.starts_at, visit.ends_at = begin, begin + SLOT
    return clock.local(begin, ZONE).date()


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        (30, "1 visit waits for approval, all days counted."),
        (2, "1 visit begins within 24 hours and waits for approval."),
    ],
)
def test_requests_of_any_day_are_counted_on_today(app, desk, requested, hours, told):
    day = begin_at(desk, requested, clock.now() + dt.timedelta(hours=hours))
    page = desk.owner.ask("GET", "/console/?day=2024-02-29")
    assert told in words(page)
    assert words(page).count("for approval") == 1
    assert f"{AT}?day={day}&amp;state=requested" in page.text
    other = log_in_directly(app, desk.scene.chain, "desk", store_id=desk.other_store_id)
    assert "for approval" not in words(other.ask("GET", "/console/"))
    desk.owner.ask("POST", f"{AT}/{requested}/approve", {"version": "1"})
    assert "for approval" not in words(desk.owner.ask("GET", "/console/"))


def test_a_request_that_ended_by_itself_says_why(desk, requested):
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        services.decline_visit(
            session, requested, 1, keeping.NOT_ANSWERED, by=SYSTEM, now=desk.scene.opens_at
        )
    shown = words(desk.owner.ask("GET", f"{AT}/{requested}"))
    assert "Nobody could answer in time" in shown
    assert "by the clinic" not in shown


# Stores and roles


def test_a_desk_of_one_store_sees_and_does_nothing_at_another(app, desk):
    made, hidden = desk.book(), desk.book_elsewhere()
    reception = log_in_directly(app, desk.scene.chain, "desk", store_id=desk.scene.chain.store.id)
    for view in ("list", "board"):
        page = reception.ask("GET", f"{AT}?day={desk.day}&view={view}&store={desk.other_store_id}")
        assert f"{AT}/{made}" in page.text
        assert f"{AT}/{hidden}" not in page.text
        assert "浦东店" not in page.text
    assert reception.ask("GET", f"{AT}/{made}").status_code == 200
    for method, path in (
        ("GET", ""),
        ("GET", "/change"),
        ("POST", "/change"),
        ("POST", "/cancel"),
        ("POST", "/check_in"),
    ):
        assert reception.ask(method, f"{AT}/{hidden}{path}").status_code == 404, path
    there = desk.form(store=str(desk.other_store_id), doctor=str(desk.other_doctor_id))
    assert reception.ask("POST", f"{AT}/new", there).status_code == 422
    assert reception.ask("POST", f"{AT}/{made}/change", there | {"version": "1"}).status_code == 422
    assert desk.appointment(made).store_id == desk.scene.chain.store.id
    assert "浦东店" not in reception.ask("GET", f"{AT}/new?store={desk.other_store_id}").text


def test_the_chosen_store_narrows_lists_but_hides_no_single_row(desk):
    made = desk.book_elsewhere()
    desk.owner.ask("POST", "/console/store", {"store_id": str(desk.scene.chain.store.id)})
    assert f"{AT}/{made}" not in desk.owner.ask("GET", f"{AT}?day={desk.day}").text
    assert desk.owner.ask("GET", f"{AT}/{made}").status_code == 200


def test_a_doctor_treats_but_does_not_receive(app, desk):
    made = now_begins(desk)
    doctor = log_in_directly(app, desk.scene.chain, "doctor")
    sheet = doctor.ask("GET", f"{AT}/{made}").text
    assert not any(path in sheet for path in ("act-check_in", f"{made}/change", f"{made}/cancel"))
    for path in ("check_in", "no_show", "cancel", "change"):
        assert doctor.ask("POST", f"{AT}/{made}/{path}").status_code == 403, path
    assert doctor.ask("GET", f"{AT}/new").status_code == 403
    assert "New appointment" not in words(doctor.ask("GET", AT))
    desk.owner.ask("POST", f"{AT}/{made}/check_in")
    assert "act-start" in doctor.ask("GET", f"{AT}/{made}").text
    assert doctor.ask("POST", f"{AT}/{made}/start").status_code == 303
    assert desk.appointment(made).state == "in_treatment"


def test_a_role_at_one_store_gives_nothing_at_another(app, desk):
    made, here = desk.book_elsewhere(), desk.book()
    both = {Grant("doctor"), Grant("desk", desk.scene.chain.store.id)}
    person = log_in_directly(app, desk.scene.chain, "doctor")
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        details = StaffDetails("both", "Both", "en", frozenset(both))
        tenancy.update_staff(session, person.id, details, by=desk.owner_actor, now=clock.now())
    assert f"{AT}/{here}/cancel" in person.ask("GET", f"{AT}/{here}").text
    assert f"{AT}/{made}/cancel" not in person.ask("GET", f"{AT}/{made}").text
    assert person.ask("GET", f"{AT}/{made}/change").status_code == 403
    answer = person.ask("POST", f"{AT}/{made}/cancel", {"version": "1", "reason": "ill"})
    assert answer.status_code == 403
    assert desk.appointment(made).state == "confirmed"
    page = person.ask("GET", f"{AT}?view=board&day={desk.day}&store={desk.other_store_id}")
    assert f"{AT}/{made}" in page.text
    assert 'class="place"' not in page.text


@pytest.mark.parametrize("role", ["marketer", "accountant"])
def test_who_has_nothing_to_do_with_visits_sees_none(app, desk, role):
    person = log_in_directly(app, desk.scene.chain, role)
    assert person.ask("GET", AT).status_code == 403
    today = person.ask("GET", f"/console/?day={desk.day}")
    assert f'href="{AT}' not in today.text


# One appointment


def test_a_visit_goes_its_way_by_buttons(desk):
    made = now_begins(desk)
    for action, state in (("check_in", "checked_in"), ("start", "in_treatment"), ("complete", "completed")):
        assert f'id="act-{action}"' in desk.owner.ask("GET", f"{AT}/{made}").text
        assert desk.owner.ask("POST", f"{AT}/{made}/{action}").status_code == 303
        assert desk.appointment(made).state == state
    desk.owner.ask("POST", f"{AT}/{made}/leave")
    assert "Has left" in words(desk.owner.ask("GET", f"{AT}/{made}"))


def test_what_cannot_be_done_now_is_said_on_the_sheet(desk):
    made = now_begins(desk)
    answer = desk.owner.ask("POST", f"{AT}/{made}/complete")
    assert answer.status_code == 422
    assert "This cannot be done with the visit as it is now." in words(answer)
    assert desk.appointment(made).state == "confirmed"


@pytest.mark.parametrize("action", ["nonsense", "change ", "constructor"])
def test_an_action_that_nobody_knows_is_not_found(desk, action):
    made = desk.book()
    assert desk.owner.ask("POST", f"{AT}/{made}/{action}").status_code == 404


def test_a_no_show_is_undone_from_the_toast(desk):
    made = has_begun(desk)
    answer = desk.owner.ask("POST", f"{AT}/{made}/no_show")
    assert desk.appointment(made).state == "no_show"
    sheet = desk.owner.client.get(answer.location, headers=DRAWER)
    assert f'action="{AT}/{made}/correct"' in sheet.text.partition("data-toast")[2]
    desk.owner.ask("POST", f"{AT}/{made}/correct")
    assert desk.appointment(made).state == "confirmed"


def test_cancelling_says_why_and_what_follows(desk):
    made = desk.book()
    assert "Cancel; the patient is told in WeChat" in words(desk.owner.ask("GET", f"{AT}/{made}"))
    nothing = desk.owner.ask("POST", f"{AT}/{made}/cancel", {"version": "1", "words": " "})
    assert nothing.status_code == 422
    assert "Please say why." in words(nothing)
    form = {"version": "1", "reason": "ill", "words": "发烧"}
    answer = desk.owner.ask("POST", f"{AT}/{made}/cancel", form)
    assert answer.status_code == 303
    sheet = words(desk.owner.ask("GET", answer.location))
    assert "The patient is ill: 发烧" in sheet
    assert "by the patient" in sheet
    assert (desk.appointment(made).state, desk.appointment(made).cancelled_by) == ("cancelled", "patient")


def test_too_many_words_come_back(desk):
    made = desk.book()
    form = {"version": "1", "reason": "ill", "words": "很" * 101}
    answer = desk.owner.ask("POST", f"{AT}/{made}/cancel", form)
    assert answer.status_code == 422
    assert form["words"] in answer.text
    assert desk.appointment(made).state == "confirmed"


def test_a_patient_without_wechat_is_to_be_called(desk):
    made = desk.book(patient_id=desk.patient("赵一", "13912345678"))
    assert "Cancel; call the patient, no WeChat is bound" in words(desk.owner.ask("GET", f"{AT}/{made}"))


def test_an_old_tab_neither_cancels_nor_moves(desk):
    made = desk.book()
    later = desk.form(starts_at=written(desk.scene.opens_at + SLOT)) | {"version": "1"}
    assert desk.owner.ask("POST", f"{AT}/{made}/change", later).status_code == 303
    latest = desk.form(starts_at=written(desk.scene.opens_at + 2 * SLOT)) | {"version": "1"}
    for path, form in (("cancel", {"version": "1", "words": "说过的话"}), ("change", latest)):
        answer = desk.owner.ask("POST", f"{AT}/{made}/{path}", form)
        assert answer.status_code == 422
        assert "has been changed meanwhile" in words(answer)
        assert form.get("words", "") in answer.text
    now = desk.appointment(made)
    assert (now.state, now.starts_at) == ("confirmed", desk.scene.opens_at + SLOT)


def test_an_old_tab_checks_nobody_in(desk):
    made = now_begins(desk)
    answer = desk.owner.ask("POST", f"{AT}/{made}/check_in", {"version": "7"})
    assert answer.status_code == 422
    assert "has been changed meanwhile" in words(answer)
    assert desk.appointment(made).state == "confirmed"
    (version,) = set(re.findall(r'name="version" value="(\d+)"', desk.owner.ask("GET", f"{AT}/{made}").text))
    assert desk.owner.ask("POST", f"{AT}/{made}/check_in", {"version": version}).status_code == 303


@pytest.mark.parametrize("version", ["", "x", "9" * 30, "１"])
def test_a_version_that_is_none_changes_nothing(desk, version):
    made = desk.book()
    answer = desk.owner.ask("POST", f"{AT}/{made}/cancel", {"version": version, "reason": "ill"})
    assert answer.status_code == 422
    assert desk.appointment(made).state == "confirmed"


def test_the_sheet_costs_few_queries(desk, count_queries):
    made = desk.book()
    with count_queries() as counting:
        desk.owner.ask("GET", f"{AT}/{made}")
    assert counting.n <= 16


def test_today_leads_to_the_sheet(desk):
    made = desk.book()
    page = desk.owner.ask("GET", f"/console/?day={desk.day}")
    assert f'href="{AT}/{made}" data-drawer' in page.text
    assert f"{AT}?day={desk.day}&amp;state=no_show" in page.text
