"""Being at the store on the phone: checking in by the code at the door, and whose turn it is."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.booking import services
from engage.booking.models import Appointment
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import Scene
from tests.patient.phones import STAFF, Phone, add_store, phone_of

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def made(scene: Scene) -> int:
    """The id of the first fan's visit."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return services.book(session, scene.wish(), by=scene.fan(), now=clock.now()).id


@pytest.fixture
def door(scene: Scene) -> str:
    """Where the code at the store's door leads."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return f"/arrive/{services.arrival_code(session, scene.chain.store.id, now=clock.now())}"


@pytest.fixture
def at_the_store(monkeypatch, scene: Scene):
    """Move the clock to some time from the beginning of the first visit."""

    def moved(length: dt.timedelta = dt.timedelta()) -> None:
        monkeypatch.setattr(clock, "now", lambda: scene.opens_at + length)

    return moved


def act(scene: Scene, appointment_id: int, name: str) -> None:
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        services.act(session, appointment_id, name, by=STAFF, now=clock.now())


def state_of(scene: Scene, appointment_id: int) -> str:
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return session.scalars(sa.select(Appointment.state).where(Appointment.id == appointment_id)).one()


def test_one_tap_checks_in_and_leads_to_the_line(
    scene: Scene, phone: Phone, made: int, door: str, at_the_store
) -> None:
    at_the_store(-HOUR / 2)
    page = phone.get(door)
    assert "I am here" in page.text
    answer = phone.post(f"{door}/{made}")
    assert answer.status_code == 303
    line = phone.get(answer.location)
    assert "You are checked in" in line.text
    assert "You are next" in line.text
    assert "about 30 minutes" in line.text  # the visit's time is yet to come
    assert phone.post(f"{door}/{made}").location == answer.location  # a double tap
    assert phone.get(door).location == answer.location
    assert f'href="{answer.location}"' in phone.get(f"/appointments/{made}").text


def test_the_line_follows_what_the_desk_does(
    scene: Scene, phone: Phone, made: int, door: str, at_the_store
) -> None:
    at_the_store()
    line = phone.post(f"{door}/{made}").location
    assert "This page keeps itself up to date." in phone.get(line).text
    act(scene, made, "call")
    assert "This page keeps itself up to date." not in phone.get(line).text
    said = phone.get(f"{line}/now")
    assert "It is your turn" in said.text
    assert "李明" in said.text
    act(scene, made, "start")
    assert "You are being seen" in phone.get(f"{line}/now").text
    act(scene, made, "undo_start")
    act(scene, made, "undo_check_in")
    assert phone.get(f"{line}/now").status_code == 204
    assert phone.get(line).status_code == 302


@pytest.mark.parametrize(
    ("length", "state", "words"),
    [
        (-3 * HOUR, "confirmed", "You can check in from 16:00."),
        (HOUR, "confirmed", "The time of this visit is over."),
        (-HOUR, "requested", "The clinic has not confirmed this visit yet."),
        (HOUR, "no_show", "Please speak to the front desk."),
        (HOUR, "completed", "This visit is done."),
    ],
)
def test_each_hindrance_has_its_words(
    scene: Scene,
    phone: Phone,
    made: int,
    door: str,
    at_the_store,
    length: dt.timedelta,
    state: str,
    words: str,
) -> None:
    at_the_store(length)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(Appointment).values(state=state))
    page = phone.get(door)
    assert words in page.text
    assert "I am here" not in page.text
    assert "One tap" not in page.text
    assert f'href="{phone.base}/appointments"' in page.text
    assert phone.post(f"{door}/{made}").status_code == 409
    assert state_of(scene, made) == state


def test_the_wrong_store_says_where_the_right_one_is(
    scene: Scene, phone: Phone, made: int, at_the_store
) -> None:
    at_the_store(-HOUR)
    other = add_store(scene.chain)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        theirs = services.arrival_code(session, other, now=clock.now())
    page = phone.get(f"/arrive/{theirs}")
    assert "No visit is booked at 浦东店 today" in page.text
    assert "徐汇店" in page.text
    answer = phone.post(f"/arrive/{theirs}/{made}")
    assert answer.status_code == 409
    assert "This visit is at another store." in answer.text


def test_who_has_no_visit_is_led_on(scene: Scene, phone: Phone, door: str) -> None:
    page = phone.get(door)
    assert page.status_code == 200
    assert "Book a visit" in page.text
    assert "Please speak to the front desk" in page.text


def test_a_code_of_yesterday_says_so(phone: Phone) -> None:
    page = phone.get("/arrive/nowhere")
    assert page.status_code == 404
    assert "This code is no longer used" in page.text


def test_nobody_checks_others_in_or_sees_their_turn(
    app: Flask, scene: Scene, made: int, door: str, at_the_store
) -> None:
    at_the_store()
    other = phone_of(app, scene, 1)
    assert "I am here" not in other.get(door).text
    assert other.post(f"{door}/{made}").status_code == 404
    assert other.get(f"/waiting-room/{made}").status_code == 404
    assert state_of(scene, made) == "confirmed"


def test_the_visits_page_has_a_code_for_the_desk_on_the_day(phone: Phone, made: int, at_the_store) -> None:
    at_the_store(-24 * HOUR)
    assert "front desk, or scan" not in phone.get(f"/appointments/{made}").text
    at_the_store(-HOUR)
    page = phone.get(f"/appointments/{made}").text
    assert "front desk, or scan" in page
    assert "data:image/svg+xml" in page
