"""Visits on the phone: seen by whom they are for, promised, put into a calendar."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from icalendar import Calendar

from engage.audit.services import OPERATOR
from engage.booking import services
from engage.booking.rules import STATES
from engage.booking.rules.keeping import NOT_ANSWERED
from engage.booking.rules.terms import Terms
from engage.clinic.models import Store
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.patient.phones import (
    STAFF,
    Phone,
    appointments,
    begin_in,
    bind,
    change_store,
    hidden,
    move,
    queries_of,
    set_visit,
)

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
    change_store(phone.scene.chain, phone="021-5401 2345")
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


def test_a_store_that_looks_first_says_so_all_the_way(phone: Phone):
    terms = {"by": OPERATOR, "now": clock.now()}
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        services.set_terms(session, phone.scene.chain.store.id, Terms(approval=True), **terms)
    visit = phone.book()
    page = phone.get(visit).text
    assert "We have your request" in page
    assert "I will come" not in page
    early = phone.post(f"{visit}/attend", version="1")
    assert early.status_code == 409
    assert "This cannot be done with the visit as it is now." in early.text
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
