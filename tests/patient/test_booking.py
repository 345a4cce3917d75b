"""Booking on the phone: what is held, what is booked, and every way it can fail."""

from __future__ import annotations

import datetime as dt
import uuid
from urllib.parse import parse_qs

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR
from engage.clinic.models import Item
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.patients import queries as patients
from engage.patients import rules, services
from engage.patients.models import FanPhone
from tests.booking.scenes import Scene
from tests.patient.phones import (
    Phone,
    add_item,
    add_store,
    appointments,
    bind,
    change_store,
    free,
    hidden,
    offered,
    phone_of,
    run_out,
    take,
    verify,
)

# Holding


def test_a_held_time_is_kept_from_others_and_stays_free_to_oneself(phone: Phone, other: Phone):
    held = phone.hold(0)
    assert phone.time(0) not in free(other.get(other.times).text)
    page = phone.get(phone.times).text
    assert phone.time(0) in free(page)
    assert f'value="{phone.time(0)}" required data-draft="starts_at"' in page
    assert phone.hold(0) == held
    phone.hold(1)
    assert phone.time(0) in free(other.get(other.times).text)


def test_the_page_of_a_held_time_asks_who_comes(phone: Phone):
    page = phone.get(phone.hold(0)).text
    assert "王小红" in page
    assert 'data-countdown="29' in page
    assert hidden(page, "starts_at") == [phone.time(0)]


def test_no_address_tells_who_comes_or_what_for(phone: Phone):
    held = phone.hold(0)
    assert set(held.partition("?")[2].replace("&", "=").split("=")[::2]) == {"store_id", "who", "starts_at"}
    phone.send(held, patient_id="", name="王小红", words="牙痛")


def test_who_speaks_for_nobody_proves_a_phone_first_and_comes_back(app: Flask, scene: Scene):
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        session.execute(sa.text(f"DELETE FROM binding WHERE tenant_id = {scene.chain.id}"))  # noqa: S608
    phone = phone_of(app, scene)
    held = phone.hold(0)
    answer = phone.get(held)
    assert answer.status_code == 302
    path, _, query = answer.location.partition("?")
    assert (path, parse_qs(query)) == (f"{phone.base}/bind", {"next": [held]})


def test_a_time_that_was_just_taken_shows_the_three_nearest_and_one_tap_holds(phone: Phone):
    take(phone.scene, 2)
    answer = phone.tap(2)
    assert answer.status_code == 409
    assert "Somebody was a moment faster" in answer.text
    assert offered(answer.text) == [phone.time(slot) for slot in (0, 1, 3)]
    assert phone.tap(3).status_code == 303


def test_a_hold_of_another_is_not_shown(phone: Phone, other: Phone):
    held = phone.hold(0)
    answer = other.get(held.partition("?")[0])
    assert answer.status_code == 404
    assert "王小红" not in answer.text


@pytest.mark.parametrize("swept", [False, True])
def test_a_hold_that_ran_out_is_offered_again(phone: Phone, swept: bool):
    held = phone.hold(1)
    run_out(phone.scene, swept=swept)
    answer = phone.get(held)
    assert answer.status_code == 404
    assert "Your time is no longer kept" in answer.text
    assert offered(answer.text) == [phone.time(1)]
    assert phone.tap(1).status_code == 303


def test_a_hold_nobody_remembers_leads_to_booking(phone: Phone):
    for query in ("", "?store_id=x", "?store_id=1&who=nobody&starts_at=1", "?who=any&store_id=1"):
        answer = phone.get(f"/booking/held/999999{query}")
        assert answer.status_code == 404
        assert f'href="{phone.base}/booking"' in answer.text


# Booking


def test_booked_is_what_was_chosen(phone: Phone):
    item, text = add_item(phone.scene.chain, minutes=30), "牙痛"
    held = phone.hold(1)
    answer = phone.send(held, slot=1, item_id=item, complaint=[text, "洗牙"], words="后牙")
    assert answer.status_code == 303
    (made,) = appointments(phone.scene)
    assert answer.location == f"{phone.base}/appointments/{made.id}"
    assert made.starts_at == phone.scene.wish(slot=1).starts_at
    assert (made.patient_id, made.fan_id) == (phone.scene.patient_ids[0], phone.scene.fan_ids[0])
    assert (made.item_id, made.complaint) == (item, "牙痛 · 洗牙 · 后牙")
    assert (made.channel, made.state) == ("wechat", "confirmed")


def test_a_double_tap_books_once(phone: Phone):
    held = phone.hold(0)
    first, second = (phone.send(held) for _tap in range(2))
    assert first.location == second.location
    assert len(appointments(phone.scene)) == 1


def test_back_after_booking_shows_the_booking(phone: Phone):
    held = phone.hold(0)
    visit = phone.send(held).location
    answer = phone.get(held)
    assert (answer.status_code, answer.location) == (302, visit)
    second = bind(phone.scene, "王建国")
    assert phone.send(held, patient_id=second).location == visit
    assert len(appointments(phone.scene)) == 1


def test_the_booking_of_another_fans_hold_is_not_shown(phone: Phone, other: Phone):
    held = phone.hold(0)
    phone.send(held)
    assert other.get(held).status_code == 404


def test_nobody_uses_up_the_key_of_anothers_hold(phone: Phone, other: Phone):
    held = phone.hold(0)
    assert other.send(held, slot=1).status_code == 303
    mine = phone.send(held)
    assert mine.status_code == 303
    assert phone.get(mine.location).status_code == 200
    assert [made.fan_id for made in appointments(phone.scene)] == list(reversed(phone.scene.fan_ids))


def test_the_form_of_an_earlier_hold_books_what_a_newer_one_keeps(phone: Phone):
    first = phone.hold(0)
    run_out(phone.scene, swept=True)
    second = phone.hold(0)
    assert first.partition("?")[0] != second.partition("?")[0]
    assert phone.send(first).status_code == 303
    assert len(appointments(phone.scene)) == 1


def test_an_item_that_was_taken_off_meanwhile_is_chosen_again(phone: Phone):
    item = add_item(phone.scene.chain, minutes=30)
    held = phone.hold(0)
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(Item).values(enabled=False))
    answer = phone.send(held, item_id=item, words="typed before")
    assert answer.status_code == 422
    assert "does not offer this item" in answer.text
    assert "typed before" in answer.text
    assert phone.send(held).status_code == 303


def test_what_is_held_no_longer_is_booked_if_it_is_still_free(phone: Phone):
    held = phone.hold(0)
    run_out(phone.scene, swept=True)
    assert phone.send(held).status_code == 303
    assert len(appointments(phone.scene)) == 1


def test_what_is_held_no_longer_and_taken_shows_the_nearest(phone: Phone):
    held = phone.hold(0)
    run_out(phone.scene, swept=False)
    take(phone.scene, 0)
    answer = phone.send(held)
    assert answer.status_code == 409
    assert offered(answer.text) == [phone.time(slot) for slot in (1, 2, 3)]


def test_the_other_tab_of_a_hold_books_what_it_shows(phone: Phone):
    first = phone.hold(0)
    phone.hold(1)
    assert phone.send(first, slot=0).status_code == 303
    (made,) = appointments(phone.scene)
    assert made.starts_at == phone.scene.opens_at


def test_an_item_longer_than_what_is_left_shows_other_times(phone: Phone):
    item = add_item(phone.scene.chain, minutes=60)
    take(phone.scene, 1)
    answer = phone.send(phone.hold(0), item_id=item)
    assert answer.status_code == 409
    assert phone.time(2) in offered(answer.text)
    answer = phone.send(phone.hold(5), slot=5, item_id=item)
    assert answer.status_code == 409
    assert "too short for the item" in answer.text
    assert appointments(phone.scene)[1:] == []


def test_somebody_new_is_written_down_under_the_proven_phone(phone: Phone):
    verify(phone.scene)
    answer = phone.send(phone.hold(0), patient_id="new", name=" 王  建国 ")
    assert answer.status_code == 303
    (made,) = appointments(phone.scene)
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        person = patients.patient(session, made.patient_id)
        assert (person.name, person.phone) == ("王 建国", "+8613800001234")
        assert patients.is_bound(session, phone.scene.fan_ids[0], person.id)


def test_too_many_of_one_phone_is_said_beside_the_name(phone: Phone, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rules, "CHARTS_PER_PHONE", 0)
    verify(phone.scene)
    answer = phone.send(phone.hold(0), patient_id="new", name="王建国")
    assert answer.status_code == 422
    assert "Nobody else can be added with this phone." in answer.text
    assert appointments(phone.scene) == []


def test_a_refused_booking_leaves_nobody_new_behind(phone: Phone):
    verify(phone.scene)
    held = phone.hold(0)
    run_out(phone.scene, swept=True)
    take(phone.scene, 0)
    assert phone.send(held, patient_id="new", name="王建国").status_code == 409
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        names = [person.name for person in patients.of_fan(session, phone.scene.fan_ids[0])]
    assert names == ["王小红"]


def test_who_proved_no_phone_adds_nobody(phone: Phone):
    held = phone.hold(0)
    assert f'href="{phone.base}/bind?next=' in phone.get(held).text
    answer = phone.send(held, patient_id="new", name="王建国")
    assert answer.status_code == 303
    assert answer.location.startswith(f"{phone.base}/bind?next=")
    assert appointments(phone.scene) == []


def test_whose_proof_is_old_proves_the_phone_again_for_a_chart_that_has_it(phone: Phone):
    verify(phone.scene)
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        told = {"by": OPERATOR, "now": clock.now()}
        session.execute(sa.update(FanPhone).values(verified_at=clock.now() - rules.PROOF_LIFE))
        services.create_chart(session, services.NewChart("王建国", phone="13800001234"), **told)
    held = phone.hold(0)
    answer = phone.send(held, patient_id="new", name="王建国")
    assert answer.status_code == 303
    assert parse_qs(answer.location.partition("?")[2])["next"] == [held]
    page = phone.get(answer.location)
    assert page.status_code == 200
    assert 'name="phone"' in page.text
    assert appointments(phone.scene) == []


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"patient_id": ""}, "Please say who is coming."),
        ({"patient_id": "x"}, "Please say who is coming."),
        ({"patient_id": "new"}, "Please write the name of who is coming."),
        ({"patient_id": "new", "name": "x" * 41}, "At most 40 characters."),
        ({"item_id": "x"}, "Please choose again."),
        ({"words": "x" * 201}, "At most 200 characters."),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_stays(phone: Phone, form: dict[str, str], sentence: str):
    verify(phone.scene)
    answer = phone.send(phone.hold(0), **{"words": "typed before"} | form)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert form.get("words", "typed before") in answer.text
    assert appointments(phone.scene) == []


def test_nobody_books_for_strangers(phone: Phone):
    stranger = phone.scene.patient_ids[1]
    assert phone.send(phone.hold(0), patient_id=stranger).status_code == 404
    assert appointments(phone.scene) == []


def test_a_patient_is_not_at_two_places_at_once(phone: Phone, app: Flask):
    store_id = add_store(phone.scene.chain, any_per_hour=5)
    phone.book(0)
    answer = phone.post(f"/booking/{store_id}/any", starts_at=phone.time(0))
    answer = phone.send(answer.location, store_id=store_id, who="any")
    assert answer.status_code == 409
    assert "There is a visit at that time already" in answer.text
    assert f'href="{phone.base}/appointments"' in answer.text


def test_too_many_open_visits_lead_to_those_there_are(phone: Phone):
    for slot in range(3):
        phone.book(slot)
    answer = phone.send(phone.hold(4), slot=4)
    assert answer.status_code == 409
    assert "Several visits are booked already" in answer.text
    assert f'href="{phone.base}/appointments"' in answer.text
    assert len(appointments(phone.scene)) == 3


def test_days_beyond_the_horizon_are_not_booked(phone: Phone):
    change_store(phone.scene.chain, any_per_hour=2)
    far = phone.scene.opens_at + dt.timedelta(days=20)
    answer = phone.post(f"/booking/{phone.scene.chain.store.id}/any", starts_at=far.isoformat())
    assert answer.status_code == 409
    assert "up to 14 days ahead" in answer.text


def test_a_time_that_is_no_slot_is_refused(phone: Phone):
    answer = phone.post(phone.times, starts_at=phone.time(0).replace(":00+", ":07+"))
    assert answer.status_code == 409
    assert "This time cannot be booked" in answer.text


def test_everything_at_once_books_once_per_key(phone: Phone):
    form = {"key": str(uuid.uuid4()), "starts_at": phone.time(0), "patient_id": phone.scene.patient_ids[0]}
    first, second = (phone.post(f"{phone.times}/book", **form) for _tap in range(2))
    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    assert len(appointments(phone.scene)) == 1
    assert phone.post(f"{phone.times}/book", **form | {"key": "x"}).status_code == 422
    answer = phone.post(f"{phone.times}/book", **form | {"key": str(uuid.uuid4())})
    assert answer.status_code == 409


def test_a_key_of_another_fan_is_another_key(phone: Phone, other: Phone):
    key = str(uuid.uuid4())
    for slot, who in enumerate((phone, other)):
        form = {"key": key, "starts_at": phone.time(slot), "patient_id": phone.scene.patient_ids[slot]}
        answer = who.post(f"{phone.times}/book", **form)
        assert answer.status_code == 303
        assert who.get(answer.location).status_code == 200
    assert len(appointments(phone.scene)) == 2
