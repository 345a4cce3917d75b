"""Visits are moved on the phone, where there is time and a place."""

from __future__ import annotations

import datetime as dt

from engage.audit.services import OPERATOR
from engage.clinic import services as clinic
from engage.clinic.models import ItemStore
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.patient.phones import (
    Phone,
    add_item,
    add_store,
    appointments,
    begin_in,
    change_store,
    free,
    hidden,
    move,
    offered,
    take,
)


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
    change_store(phone.scene.chain, phone="021-5401 2345")
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


def test_the_time_one_holds_is_free_to_move_to(phone: Phone):
    visit = phone.book(0)
    phone.hold(1)
    assert phone.time(1) in free(phone.get(f"{visit}/change").text)
    assert move(phone, visit, 1).status_code == 303
