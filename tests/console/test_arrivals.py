"""The waiting room at the desk: who is here, whose turn it is, walk-ins, the code at the door."""

from __future__ import annotations

import datetime as dt
import re
import uuid

import pytest

from engage.booking.models import Appointment, ArrivalCode, WalkIn
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import ZONE
from tests.console.conftest import words
from tests.contracts.callers import log_in_directly

AT = "/console/arrivals"


@pytest.fixture(autouse=True)
def ten(monkeypatch) -> dt.datetime:
    """Ten in the morning at the stores, whatever the hour."""
    at = clock.local(clock.now(), ZONE).replace(hour=10, minute=0, second=0, microsecond=0)
    monkeypatch.setattr(clock, "now", lambda: at.astimezone(dt.UTC))
    return clock.now()


@pytest.fixture
def booked(desk, ten) -> int:
    """The id of a visit in half an hour."""
    desk.shift(ten)
    return desk.book(starts_at=ten + dt.timedelta(minutes=30))


def act(desk, kind: str, subject_id: int, action: str, person=None, **form: str):
    return (person or desk.owner).ask("POST", f"{AT}/{kind}/{subject_id}/{action}", form)


def guest(desk, **changes: str) -> dict[str, str]:
    form = {"key": str(uuid.uuid4()), "store": str(desk.scene.chain.store.id), "patient": "new"}
    return form | {"name": "陈先生", "note": "牙痛"} | changes


def walk_in(desk, **changes: str) -> int:
    assert desk.owner.ask("POST", f"{AT}/walk-ins", guest(desk, **changes)).status_code == 303
    return desk.read(lambda session: max(row.id for row in session.query(WalkIn)))


def order(page) -> list[str]:
    """Give who waits, as the table has it."""
    table = page.text.partition('id="waiting-title"')[2].partition("</section>")[0]
    return re.findall(r'class="row-link"[^>]*>([^<]+)<', table)


def test_an_empty_room_says_what_fills_it(desk):
    page = desk.owner.ask("GET", AT)
    assert "Nobody waits" in words(page)
    assert "Call the next" not in words(page)


def test_a_morning_at_the_desk(desk, booked):
    guest_id = walk_in(desk)
    page = desk.owner.ask("GET", AT)
    assert order(page) == ["陈先生"]
    assert "Still to come" in words(page)
    answer = act(desk, "visits", booked, "check_in", version="1")
    page = desk.owner.ask("GET", answer.location)
    assert "undo_check_in" in page.text  # the toast takes it back
    assert order(page) == ["王小红", "陈先生"]
    assert "牙痛" in words(page)  # all staff see the notes

    page = desk.owner.ask("GET", desk.owner.ask("POST", f"{AT}/next").location)
    assert "Please call 王小红." in words(page)
    assert "Called" in words(page)
    assert "Please call 陈先生." in words(
        desk.owner.ask("GET", desk.owner.ask("POST", f"{AT}/next").location)
    )
    assert "Everybody who waits has been called." in words(
        desk.owner.ask("GET", desk.owner.ask("POST", f"{AT}/next").location)
    )
    act(desk, "visits", booked, "start")
    act(desk, "walk-ins", guest_id, "start")
    page = desk.owner.ask("GET", AT)
    assert order(page) == []
    act(desk, "visits", booked, "complete")
    act(desk, "walk-ins", guest_id, "complete")
    assert "Done today" in words(desk.owner.ask("GET", AT))
    assert desk.appointment(booked).state == "completed"


def test_a_slip_is_taken_back(desk, booked):
    guest_id = walk_in(desk)
    for kind, subject_id, name, undo in (
        ("visits", booked, "check_in", "undo_check_in"),
        ("walk-ins", guest_id, "start", "undo_start"),
    ):
        page = desk.owner.ask("GET", act(desk, kind, subject_id, name).location)
        assert f'action="{AT}/{kind}/{subject_id}/{undo}"' in page.text
        assert "Undone." in words(desk.owner.ask("GET", act(desk, kind, subject_id, undo).location))
    assert desk.appointment(booked).state == "confirmed"


def test_what_cannot_be_done_is_said(desk, booked):
    page = desk.owner.ask("GET", act(desk, "visits", booked, "start").location)
    assert "This cannot be done with the visit as it is now." in words(page)
    page = desk.owner.ask("GET", act(desk, "visits", booked, "check_in", version="7").location)
    assert "has been changed meanwhile" in words(page)
    for kind, subject_id, action in (
        ("visits", booked, "cancel"),
        ("visits", booked, "arrive"),
        ("walk-ins", 0, "start"),
        ("walk-ins", walk_in(desk), "nonsense"),
    ):
        assert act(desk, kind, subject_id, action).status_code == 404


def test_a_walk_in_is_noted_with_a_chart_or_a_name(desk):
    form = desk.owner.ask("GET", f"{AT}/walk-ins/new")
    assert "Note a walk-in" in words(form)
    nobody = desk.owner.ask("POST", f"{AT}/walk-ins", guest(desk, name=""))
    assert nobody.status_code == 422
    assert "Please choose the patient, or write a name." in words(nobody)
    long = desk.owner.ask("POST", f"{AT}/walk-ins", guest(desk, note="痛" * 201))
    assert "At most 200 characters." in words(long)
    assert "痛" * 201 in long.text  # what was typed stays
    walk_in(desk, patient=str(desk.scene.patient_ids[0]), name="")
    assert order(desk.owner.ask("GET", AT)) == ["王小红"]


def test_the_room_is_the_stores_own(desk, booked, app):
    """A desk of one store sees and does nothing at the other."""
    elsewhere = log_in_directly(app, desk.scene.chain, "desk", store_id=desk.other_store_id)
    guest_id = walk_in(desk)
    page = elsewhere.ask("GET", f"{AT}?store={desk.scene.chain.store.id}")
    assert "浦东店" in words(page)
    assert "陈先生" not in words(page)
    assert act(desk, "visits", booked, "check_in", elsewhere).status_code == 404
    assert act(desk, "walk-ins", guest_id, "start", elsewhere).status_code == 404
    elsewhere.ask("POST", f"{AT}/walk-ins", guest(desk, name="别处"))
    made = desk.read(lambda session: [row.store_id for row in session.query(WalkIn).order_by(WalkIn.id)])
    assert made == [desk.scene.chain.store.id, desk.other_store_id]


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        ("desk", {"": 200, "/walk-ins/new": 200, "/code": 200}),
        ("doctor", {"": 200, "/walk-ins/new": 403, "/code": 403}),
        ("marketer", {"": 403, "/walk-ins/new": 403, "/code": 403}),
    ],
)
def test_each_role_sees_its_part(desk, app, role, statuses):
    person = log_in_directly(app, desk.scene.chain, role)
    assert {path: person.ask("GET", f"{AT}{path}").status_code for path in statuses} == statuses


def test_the_code_at_the_door(desk):
    page = desk.owner.ask("GET", f"{AT}/code")
    assert "data:image/svg+xml" in page.text
    token = desk.read(lambda session: session.query(ArrivalCode).one().token)
    answer = desk.owner.ask("POST", f"{AT}/code", {"store": str(desk.scene.chain.store.id)})
    assert answer.status_code == 303
    assert desk.read(lambda session: session.query(ArrivalCode).one().token) != token


def test_the_desk_scans_the_patients_code(desk, booked):
    answer = desk.owner.ask("POST", f"{AT}/scan", {"code": f"http://x/console/appointments/{booked}"})
    assert answer.location == f"/console/appointments/{booked}"
    assert "Check in" in words(desk.owner.ask("GET", answer.location))
    wrong = desk.owner.ask("POST", f"{AT}/scan", {"code": "ACEF GHJK"})
    assert "This is not the code of a visit." in words(desk.owner.ask("GET", wrong.location))
    assert desk.owner.ask("POST", f"{AT}/scan", {"code": "/console/appointments/0"}).status_code == 404


def test_a_request_is_approved_in_the_room_or_declined_in_its_drawer(desk, booked):
    def request() -> None:
        with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
            session.get(Appointment, (desk.scene.chain.id, booked)).state = "requested"

    request()
    assert "Waiting for approval" in words(desk.owner.ask("GET", AT))
    act(desk, "visits", booked, "approve")
    assert desk.appointment(booked).state == "confirmed"
    request()
    drawer = desk.owner.ask("GET", f"/console/appointments/{booked}")
    assert "Decline this request" in words(drawer)
    form = {"version": "2", "reason": "doctor"}
    assert desk.owner.ask("POST", f"/console/appointments/{booked}/decline", form).status_code == 303
    declined = desk.appointment(booked)
    assert (declined.state, declined.cancelled_by) == ("cancelled", "staff")


def test_the_room_asks_the_database_as_often_however_many_wait(desk, ten, count_queries):
    desk.shift(ten)
    counts = []
    for number in range(2):
        for _ in range(3):
            walk_in(desk, patient=str(desk.patient(f"候诊{number}")), name="")
        desk.owner.ask("GET", AT)
        with count_queries() as counted:
            desk.owner.ask("GET", AT)
        counts.append(counted.n)
    assert counts[0] == counts[1] <= 25
