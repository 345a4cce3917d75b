"""Visits on the phone: seen by whom they are for, promised, moved, cancelled, put into a calendar."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from icalendar import Calendar

from engage.audit.services import OPERATOR
from engage.booking import services
from engage.booking.models import Appointment
from engage.booking.rules import STATES
from engage.booking.rules.keeping import NOT_ANSWERED
from engage.booking.rules.terms import Terms
from engage.clinic import services as clinic
from engage.clinic.models import ItemStore, Store
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain
from tests.patient.phones import (
    STAFF,
    Phone,
    add_item,
    add_store,
    appointments,
    bind,
    free,
    hidden,
    offered,
    phone_of,
    queries_of,
    take,
)


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain)


@pytest.fixture
def phone(app: Flask, scene: Scene) -> Phone:
    """The phone of the first fan, who speaks for 王小红."""
    return phone_of(app, scene)


@pytest.fixture
def other(app: Flask, scene: Scene) -> Phone:
    """The phone of the second fan."""
    return phone_of(app, scene, 1)


def set_visit(scene: Scene, **values: Any) -> None:
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(Appointment).values(**values))


def begin_in(scene: Scene, length: dt.timedelta) -> None:
    """Let the visits begin after a time from now; before now, they are over."""
    begins = clock.now() + length
    set_visit(scene, starts_at=begins, ends_at=begins + dt.timedelta(minutes=30))


def call_at(scene: Scene, phone: str) -> None:
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(Store).values(phone=phone))


def move(phone: Phone, visit: str, slot: int, *, version: int = 1, **form: Any):
    sent = {
        "version": version,
        "store_id": phone.scene.chain.store.id,
        "who": phone.scene.doctor_id,
        "starts_at": phone.time(slot),
    }
    return phone.post(f"{visit}/change", **sent | form)


# The list


def test_visits_stand_nearest_first_cancelled_ones_below(phone: Phone):
    late, early, gone = phone.book(3), phone.book(1), phone.book(5)
    phone.post(f"{gone}/cancel", version=1)
    page = phone.get("/appointments").text
    places = [page.index(f'href="{visit}"') for visit in (early, late, gone)]
    assert places == sorted(places)
    assert places[1] < page.index("Earlier") < places[2]


def test_a_visit_stands_above_until_its_time_is_over(phone: Phone):
    visit = phone.book(1)
    begin_in(phone.scene, -dt.timedelta(minutes=20))
    assert "Earlier" not in phone.get("/appointments").text
    begin_in(phone.scene, -dt.timedelta(minutes=31))
    page = phone.get("/appointments").text
    assert page.index("Earlier") < page.index(f'href="{visit}"')


def test_visits_of_the_whole_family_are_there_and_nobody_elses(phone: Phone, other: Phone):
    theirs = other.book(0)
    second = bind(phone.scene, "王建国")
    phone.send(phone.hold(1), slot=1, patient_id=second)
    page = phone.get("/appointments").text
    assert "王建国" in page
    assert theirs not in page


def test_an_empty_list_leads_to_booking(phone: Phone):
    page = phone.get("/appointments").text
    assert "Nothing is booked." in page
    assert f'href="{phone.base}/booking"' in page


# One visit


def test_the_ticket_says_all_and_leads_on(phone: Phone):
    call_at(phone.scene, "021-5401 2345")
    visit = phone.book(0)
    page = phone.get(visit).text
    for shown in ("Booked", "王小红", "李明", "徐汇店", "淮海中路 999 号", "Confirmed"):
        assert shown in page
    for way in (
        f"{visit}/change",
        f"{visit}/cancel",
        f"{visit}.ics",
        "tel:02154012345",
        f"{phone.base}/booking",
    ):
        assert f'href="{way}"' in page
    assert f'action="{visit}/attend"' in page


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_its_page_with_a_way_on(phone: Phone, state: str):
    visit = phone.book(0)
    cancelled_at = clock.now() if state == "cancelled" else None
    set_visit(phone.scene, state=state, cancelled_at=cancelled_at, cancelled_by=cancelled_at and "staff")
    page = phone.get(visit)
    assert page.status_code == 200
    ways = ("Book again", "Book another time", "I will come", "Book for somebody else")
    assert any(way in page.text for way in ways)
    assert (f"{visit}/cancel" in page.text) == (state in {"requested", "confirmed"})


@pytest.mark.parametrize(
    ("by", "reason", "title", "way"),
    [
        ("patient", "", "This visit is cancelled", "Take this time again"),
        ("staff", "停电", "We had to cancel this visit", "Book another time"),
        ("staff", NOT_ANSWERED, "We could not answer in time", "Book another time"),
    ],
)
def test_what_the_clinic_called_off_leads_to_another_time(
    phone: Phone, by: str, reason: str, title: str, way: str
):
    visit = phone.book(0)
    now = clock.now()
    set_visit(phone.scene, state="cancelled", cancelled_at=now, cancelled_by=by, cancel_reason=reason)
    page = phone.get(visit).text
    assert title in page
    assert way in page
    assert (f'href="{phone.times}">Book another time' in page) == (by == "staff")
    assert reason in ("", NOT_ANSWERED) or reason not in page


def test_a_visit_that_is_over_leads_to_the_next(phone: Phone):
    visit = phone.book(0)
    begin_in(phone.scene, dt.timedelta(hours=-3))
    page = phone.get(visit).text
    assert "This visit was planned" in page
    assert f'href="{phone.times}"' in page
    assert f"{visit}/cancel" not in page


@pytest.mark.parametrize("page", ["", "/change", "/cancel", ".ics"])
def test_a_visit_of_another_is_not_found(phone: Phone, other: Phone, page: str):
    visit = phone.book(0)
    answer = other.get(f"{visit}{page}")
    assert answer.status_code == 404
    assert "王小红" not in answer.text


@pytest.mark.parametrize("act", ["/attend", "/change", "/cancel"])
def test_nothing_is_done_with_a_visit_of_another(phone: Phone, other: Phone, act: str):
    visit = phone.book(0)
    form = {"version": 1, "store_id": phone.scene.chain.store.id, "who": phone.scene.doctor_id}
    assert other.post(f"{visit}{act}", **form, starts_at=phone.time(1)).status_code == 404
    (made,) = appointments(phone.scene)
    assert (made.version, made.state, made.attendance_confirmed_at) == (1, "confirmed", None)


def test_the_promise_to_come_is_noted_and_asked_for_once(phone: Phone):
    visit = phone.book(0)
    assert hidden(phone.get(visit).text, "version") == ["1"]
    for _tap in range(2):
        assert phone.post(f"{visit}/attend", version=1).status_code == 303
    page = phone.get(visit).text
    assert "See you then" in page
    assert f"{visit}/attend" not in page
    phone.post(f"{visit}/cancel", version=1)
    set_visit(phone.scene, attendance_confirmed_at=None)
    assert phone.post(f"{visit}/attend", version=2).status_code == 409


def test_nobody_promises_a_time_they_have_not_seen(phone: Phone):
    visit = phone.book(0)
    move(phone, visit, 1)
    for seen in ({"version": 1}, {"version": "x"}, {}):
        answer = phone.post(f"{visit}/attend", **seen)
        assert answer.status_code == 409
        assert "changed meanwhile" in answer.text
    assert appointments(phone.scene)[0].attendance_confirmed_at is None


def test_the_time_one_holds_is_free_to_move_to(phone: Phone):
    visit = phone.book(0)
    phone.hold(1)
    assert phone.time(1) in free(phone.get(f"{visit}/change").text)
    assert move(phone, visit, 1).status_code == 303


# Moving


def test_a_visit_moves_and_keeps_its_doctor(phone: Phone):
    visit = phone.book(0)
    page = phone.get(f"{visit}/change").text
    assert phone.time(0) not in free(page)
    assert "yours" in page
    assert hidden(page, "version") == ["1"]
    phone.post(f"{visit}/attend", version=1)
    answer = move(phone, visit, 2)
    assert (answer.status_code, answer.location) == (303, visit)
    (made,) = appointments(phone.scene)
    assert (made.starts_at, made.version) == (phone.scene.wish(slot=2).starts_at, 2)
    assert made.attendance_confirmed_at is None
    assert phone.time(0) in free(phone.get(phone.times).text)


def test_a_double_tap_moves_once(phone: Phone):
    visit = phone.book(0)
    assert [move(phone, visit, 2).status_code for _tap in range(2)] == [303, 303]
    assert appointments(phone.scene)[0].version == 2


def test_another_doctor_or_store_is_found_by_the_pages_of_booking(phone: Phone):
    visit = phone.book(0)
    number = visit.rpartition("/")[2]
    told = {"by": OPERATOR, "now": clock.now()}
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        store = clinic.create_store(
            session,
            slug="second",
            name="康美口腔浦东店",
            short_name="浦东店",
            address="",
            zone="Asia/Shanghai",
            position=1,
            any_per_hour=2,
            **told,
        )
        store.shown_before = True
    page = phone.get(f"{visit}/change").text
    assert f"/booking/{phone.scene.chain.store.id}?change={number}" in page
    page = phone.get(f"/booking/{phone.scene.chain.store.id}", change=number).text
    assert f'href="{phone.base}/booking?change={number}"' in page
    page = phone.get("/booking", change=number).text
    assert f"/booking/{store.id}?change={number}" in page
    page = phone.get(f"/booking/{store.id}", change=number).text
    assert f'href="{visit}/change?store={store.id}&amp;doctor=any"' in page
    page = phone.get(f"{visit}/change", store=store.id, doctor="any").text
    assert hidden(page, "store_id") == [str(store.id)]
    assert move(phone, visit, 0, store_id=store.id, who="any", starts_at=free(page)[0]).status_code == 303
    (made,) = appointments(phone.scene)
    assert (made.store_id, made.doctor_id) == (store.id, None)


def test_a_store_that_does_not_do_it_is_no_place_to_move_to(phone: Phone):
    chain, item = phone.scene.chain, add_item(phone.scene.chain, minutes=30)
    other = add_store(chain, any_per_hour=5)
    with tenant_scope(chain.id), unit_of_work() as session:
        session.add(ItemStore(item_id=item, store_id=chain.store.id))
    visit = phone.send(phone.hold(0), item_id=item).location
    form = {"version": 1, "store_id": other, "who": "any", "starts_at": phone.time(2)}
    answer = phone.post(f"{visit}/change", **form)
    assert answer.status_code == 409
    assert "Your visit cannot move there" in answer.text
    assert f"{phone.base}/booking?change=" in answer.text
    assert appointments(phone.scene)[0].store_id == chain.store.id


def test_a_time_that_was_just_taken_leaves_the_visit_where_it_is(phone: Phone):
    visit = phone.book(0)
    take(phone.scene, 2)
    answer = move(phone, visit, 2)
    assert answer.status_code == 409
    assert offered(answer.text) == [phone.time(slot) for slot in (1, 3, 4)]
    assert hidden(answer.text, "version") == ["1"] * 3
    assert f'action="{visit}/change"' in answer.text
    assert f'href="{visit}/change?' in answer.text
    assert appointments(phone.scene)[0].starts_at == phone.scene.opens_at
    assert move(phone, visit, 3).status_code == 303


def test_a_visit_changed_meanwhile_is_shown_as_it_is(phone: Phone):
    visit = phone.book(0)
    move(phone, visit, 1)
    answer = move(phone, visit, 2)
    assert answer.status_code == 409
    assert "changed meanwhile" in answer.text
    assert appointments(phone.scene)[0].starts_at == phone.scene.wish(slot=1).starts_at


def test_too_late_to_move_says_whom_to_call(phone: Phone):
    call_at(phone.scene, "021-5401 2345")
    visit = phone.book(0)
    begin_in(phone.scene, dt.timedelta(minutes=90))
    for answer in (phone.get(f"{visit}/change"), move(phone, visit, 1)):
        assert answer.status_code == 409
        assert "is less than 2 hours away" in answer.text
        assert 'href="tel:02154012345"' in answer.text
        assert f'href="{visit}"' in answer.text
    page = phone.get(visit).text
    assert "Move it by telephone: 021-5401 2345" in page
    assert f'href="{visit}/change"' not in page


def test_too_late_without_a_telephone_leads_back(phone: Phone):
    visit = phone.book(0)
    begin_in(phone.scene, dt.timedelta(minutes=90))
    page = phone.get(f"{visit}/change").text
    assert "tel:" not in page
    assert f'href="{visit}"' in page


def test_moving_wants_a_time(phone: Phone):
    visit = phone.book(0)
    answer = move(phone, visit, 1, starts_at="")
    assert answer.status_code == 422
    assert "Choose a time." in answer.text
    for nasty in ("x", "999999999999999999999"):
        assert move(phone, visit, 1, who=nasty).status_code == 404


# Cancelling


def test_cancelling_asks_why_and_says_what_follows(phone: Phone):
    visit = phone.book(0)
    page = phone.get(f"{visit}/cancel").text
    local = clock.local(phone.scene.opens_at, phone.scene.chain.store.zone)
    assert f"Cancel {local:%a} {local.day} {local:%b %H:%M}" in page
    assert f'href="{visit}/change"' in page
    answer = phone.post(f"{visit}/cancel", version=1, reason="ill", words="发烧")
    assert (answer.status_code, answer.location) == (303, visit)
    (made,) = appointments(phone.scene)
    assert (made.state, made.cancelled_by, made.late) == ("cancelled", "patient", False)
    assert made.cancel_reason == "I am ill or away · 发烧"
    assert phone.time(0) in free(phone.get(phone.times).text)


def test_a_cancelled_visit_is_booked_again_by_one_tap(phone: Phone):
    visit = phone.book(0)
    phone.post(f"{visit}/cancel", version=1)
    page = phone.get(visit).text
    assert "This visit is cancelled" in page
    assert f'action="{phone.times}"' in page
    assert hidden(page, "starts_at") == [phone.time(0)]
    again = phone.book(0)
    assert again != visit
    assert phone.get(f"{visit}/cancel").status_code == 409
    assert phone.get(f"{visit}/change").status_code == 409


def test_cancelling_twice_cancels_once(phone: Phone):
    visit = phone.book(0)
    assert [phone.post(f"{visit}/cancel", version=1).status_code for _tap in range(2)] == [303, 303]
    assert appointments(phone.scene)[0].version == 2


def test_a_visit_moved_meanwhile_is_not_cancelled_unseen(phone: Phone):
    visit = phone.book(0)
    move(phone, visit, 1)
    answer = phone.post(f"{visit}/cancel", version=1)
    assert answer.status_code == 409
    assert appointments(phone.scene)[0].state == "confirmed"


def test_a_late_cancellation_is_one_all_the_same(phone: Phone):
    visit = phone.book(0)
    begin_in(phone.scene, dt.timedelta(minutes=30))
    assert f"{visit}/change" not in phone.get(f"{visit}/cancel").text
    assert phone.post(f"{visit}/cancel", version=1).status_code == 303
    assert appointments(phone.scene)[0].late


@pytest.mark.parametrize("form", [{"version": "x"}, {"reason": "made up"}, {"words": "x" * 201}, {}])
def test_a_form_of_no_sense_cancels_nothing(phone: Phone, form: dict[str, str]):
    visit = phone.book(0)
    answer = phone.post(f"{visit}/cancel", **({"version": "1"} | form if form else {}))
    assert answer.status_code == 422
    assert appointments(phone.scene)[0].state == "confirmed"


def test_by_staff_it_reads_otherwise(phone: Phone):
    visit = phone.book(0)
    number = int(visit.rpartition("/")[2])
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        services.cancel(session, number, 1, "病了", by=STAFF, now=clock.now())
    page = phone.get(visit).text
    assert "We had to cancel this visit" in page
    assert "病了" not in page


# The calendar


def test_the_calendar_is_told_where_and_when_and_nothing_of_what_for(phone: Phone):
    visit = phone.send(phone.hold(0), words="牙龈出血").location
    answer = phone.get(f"{visit}.ics")
    assert answer.content_type == "text/calendar; charset=utf-8"
    calendar = Calendar.from_ical(answer.data)
    (event,) = calendar.walk("VEVENT")
    assert event["DTSTART"].dt == phone.scene.opens_at
    assert str(event["LOCATION"]) == "康美口腔徐汇店, 淮海中路 999 号"
    assert int(event["SEQUENCE"]) == 1
    assert "牙龈" not in answer.text
    assert "王小红" not in answer.text
    phone.post(f"{visit}/cancel", version=1)
    (event,) = Calendar.from_ical(phone.get(f"{visit}.ics").data).walk("VEVENT")
    assert (str(event["STATUS"]), int(event["SEQUENCE"])) == ("CANCELLED", 2)


# What a page asks of the database


def test_no_page_asks_more_the_more_there_is(phone: Phone, count_queries):
    visit = phone.book(0)
    pages = {"/appointments": 11, visit: 12, f"{visit}/change": 14, f"{visit}/cancel": 9}
    counted = {page: queries_of(phone, page, count_queries) for page in pages}
    for slot in (2, 4):
        phone.send(phone.hold(slot), slot=slot, patient_id=bind(phone.scene, f"王{slot}"))
    assert {page: queries_of(phone, page, count_queries) for page in pages} == counted
    assert counted == pages


def test_a_store_that_looks_first_says_so_all_the_way(phone: Phone):
    terms = {"by": OPERATOR, "now": clock.now()}
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        services.set_terms(session, phone.scene.chain.store.id, Terms(approval=True), **terms)
    visit = phone.book()
    page = phone.get(visit).text
    assert "We have your request" in page
    assert "Requested" in phone.get("/appointments").text
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        services.act(session, appointments(phone.scene)[0].id, "approve", by=STAFF, now=clock.now())
    assert "We look forward to seeing you." in phone.get(visit).text
    change = phone.get(f"{visit}/change").text
    assert "The clinic looks at the new time" in change
    sent = {name: hidden(change, name)[0] for name in ("version", "store_id", "who")}
    assert phone.post(f"{visit}/change", **sent, starts_at=phone.time(1)).status_code == 303
    assert "We have your request" in phone.get(visit).text


def test_the_way_is_told_once(phone: Phone):
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(Store).values(transport="地铁 1 号线"))
    assert phone.get(phone.book()).text.count("地铁 1 号线") == 1
