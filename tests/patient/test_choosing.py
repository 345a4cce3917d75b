"""Choosing on the phone where, whom and when: each question's page, also where nothing is free."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR
from engage.clinic import services as clinic
from engage.clinic.models import Store
from engage.clinic.services import ClosureDetails
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import Scene
from tests.patient.phones import (
    Phone,
    add_item,
    add_store,
    appointments,
    change_store,
    free,
    queries_of,
    take,
    written,
)

# Where, whom, when


def test_where_there_is_one_store_nobody_is_asked_for_it(phone: Phone):
    answer = phone.get("/booking")
    assert answer.status_code == 302
    assert answer.location == f"{phone.base}/booking/{phone.scene.chain.store.id}"


def test_of_several_stores_one_is_chosen(phone: Phone):
    second = add_store(phone.scene.chain)
    page = phone.get("/booking").text
    for store_id in (phone.scene.chain.store.id, second):
        assert f'href="{phone.base}/booking/{store_id}"' in page
    assert "Today open around the clock" in page


def test_without_any_store_the_chat_is_the_way(app: Flask, phone: Phone):
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        for table in ("shift", "store_hours", "store"):
            session.execute(sa.text(f"DELETE FROM {table} WHERE tenant_id = {phone.scene.chain.id}"))  # noqa: S608
    page = phone.get("/booking").text
    assert "Write to us in the chat" in page
    assert f'href="{phone.base}/me"' in page


def test_each_doctor_stands_with_the_next_free_time(phone: Phone):
    take(phone.scene, 0, 1)
    page = phone.get(f"/booking/{phone.scene.chain.store.id}").text
    local = clock.local(phone.scene.wish(slot=2).starts_at, phone.scene.chain.store.zone)
    assert f"from {written(local)} {local:%H:%M}" in page
    assert "Any doctor" not in page


def test_whoever_is_free_can_be_chosen_where_the_store_allows(phone: Phone):
    change_store(phone.scene.chain, any_per_hour=2)
    store_id = phone.scene.chain.store.id
    assert f'href="{phone.base}/booking/{store_id}/any"' in phone.get(f"/booking/{store_id}").text
    page = phone.get(f"/booking/{store_id}/any")
    assert "2 places" in page.text
    held = phone.post(f"/booking/{store_id}/any", starts_at=free(page.text)[0])
    answer = phone.send(held.location, who="any", starts_at=free(page.text)[0])
    assert answer.status_code == 303
    (made,) = appointments(phone.scene)
    assert (made.doctor_id, made.ends_at - made.starts_at) == (None, dt.timedelta(hours=1))
    assert "Whoever is free" in phone.get(answer.location).text


def test_where_nobody_is_free_the_telephone_and_other_stores_lead_on(phone: Phone):
    take(phone.scene, *range(6))
    change_store(phone.scene.chain, phone="021-5401 2345")
    add_store(phone.scene.chain)
    page = phone.get(f"/booking/{phone.scene.chain.store.id}").text
    assert "Nobody is free here in the next 15 days" in page
    assert 'href="tel:02154012345"' in page
    assert f'href="{phone.base}/booking"' in page


def test_the_first_free_day_is_shown_and_full_ones_say_so(phone: Phone):
    take(phone.scene, 0)
    page = phone.get(phone.times).text
    assert free(page) == [phone.time(slot) for slot in range(1, 6)]
    assert "Evening" in page
    assert "5 free" in page
    take(phone.scene, *range(1, 6))
    day = phone.time(0)[:10]
    page = phone.get(phone.times, day=day).text
    assert "This day is full" in page
    assert f'href="{phone.base}/booking/{phone.scene.chain.store.id}"' in page


def test_a_full_day_names_the_doctors_times_at_other_stores(phone: Phone):
    elsewhere, hidden_from_all = add_store(phone.scene.chain), add_store(phone.scene.chain, "third")
    for hours, store_id in enumerate((elsewhere, hidden_from_all)):
        add_hours(phone, store_id, after=hours)
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(Store).where(Store.id == hidden_from_all).values(shown_before=False))
    take(phone.scene, *range(6))
    page = phone.get(phone.times, day=phone.time(0)[:10]).text
    assert "Free at about that time" in page
    assert "李明 · 浦东店" in page
    assert f'action="{phone.base}/booking/{elsewhere}/{phone.scene.doctor_id}"' in page
    assert f"/booking/{hidden_from_all}/" not in page


def test_a_full_day_of_anybody_names_other_stores(phone: Phone):
    elsewhere = add_store(phone.scene.chain)
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(Store).where(Store.id == elsewhere).values(any_per_hour=1))
    page = phone.get(f"/booking/{phone.scene.chain.store.id}/any").text
    assert f'action="{phone.base}/booking/{elsewhere}/any"' in page


def add_hours(phone: Phone, store_id: int, *, after: int, days: int = 1) -> None:
    """Put the scene's doctor on the roster of a store for an hour, so many days after the scene's."""
    begin = phone.scene.opens_at + dt.timedelta(days=days, hours=after)
    shift = {"starts_at": begin, "ends_at": begin + dt.timedelta(hours=1), "slot_minutes": 30, "per_slot": 1}
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        clinic.add_shift(session, doctor_id=phone.scene.doctor_id, store_id=store_id, **shift)


def test_a_day_without_times_leads_to_the_next_free_one(phone: Phone):
    today = clock.local(clock.now(), phone.scene.chain.store.zone).date()
    page = phone.get(phone.times, day=today.isoformat()).text
    assert "No times on this day" in page
    assert f"day={phone.time(0)[:10]}" in page


def close(phone: Phone, *, days: int, reason: str) -> None:
    """Close the scene's store from today on."""
    zone = phone.scene.chain.store.zone
    begin, _end = clock.day_bounds(clock.local(clock.now(), zone).date(), zone)
    times = {"starts_at": begin, "ends_at": begin + dt.timedelta(days=days)}
    closing = ClosureDetails(store_id=phone.scene.chain.store.id, reason=reason, **times)
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        clinic.add_closure(session, closing, by=OPERATOR, now=clock.now())


def test_a_closed_store_says_why_and_until_when(phone: Phone):
    add_store(phone.scene.chain)
    close(phone, days=30, reason="装修")
    page = phone.get(f"/booking/{phone.scene.chain.store.id}").text
    assert "This store is closed for now" in page
    assert re.search("Closed: .*, open again", page)
    assert "All places are taken" not in page
    assert f'href="{phone.base}/booking"' in page
    hours = phone.get(f"/stores/{phone.scene.chain.store.id}").text
    assert 1 <= hours.count("装修") < 10


def test_a_store_that_opens_again_while_one_may_book_is_not_called_closed(phone: Phone):
    take(phone.scene, *range(6))
    change_store(phone.scene.chain, any_per_hour=0)
    close(phone, days=1, reason="装修")
    page = phone.get(f"/booking/{phone.scene.chain.store.id}").text
    assert "All places are taken" in page


def test_a_later_day_leads_on_rather_than_back(phone: Phone):
    first = dt.date.fromisoformat(phone.time(0)[:10])
    add_hours(phone, phone.scene.chain.store.id, after=0, days=7)
    between = phone.get(phone.times, day=(first + dt.timedelta(days=1)).isoformat()).text
    assert "No times on this day" in between
    next_free = between.partition('class="way-on"')[2]
    assert f"day={first + dt.timedelta(days=7)}" in next_free
    assert f"day={first}" not in next_free


def test_a_doctor_whom_patients_do_not_choose_has_no_times(phone: Phone):
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        told = {"name": "李明", "title": "", "introduction": "", "by": OPERATOR, "now": clock.now()}
        told |= {"good_at": "", "is_expert": False}
        clinic.update_doctor(session, phone.scene.doctor_id, bookable=False, **told)
    assert free(phone.get(phone.times).text) == []
    assert phone.tap(0).status_code == 409


@pytest.mark.parametrize("who", ["none", "-1", "１", "9" * 30, "any/", "%00"])
def test_who_is_nobody_is_not_found(phone: Phone, who: str):
    assert phone.get(f"/booking/{phone.scene.chain.store.id}/{who}").status_code == 404


def test_a_time_must_be_chosen(phone: Phone):
    for chosen in ("", "now", "0001-01-01T00:00:00+00:00"):
        answer = phone.post(phone.times, starts_at=chosen)
        assert answer.status_code == 422
        assert "Choose a time." in answer.text


# What a page asks of the database


def test_no_page_asks_more_the_more_there_is(app: Flask, phone: Phone, count_queries):
    change_store(phone.scene.chain, any_per_hour=2)
    add_store(phone.scene.chain)
    held = phone.hold(0)
    pages = {
        "/booking": 4,
        f"/booking/{phone.scene.chain.store.id}": 12,
        phone.times: 7,
        held: 9,
    }
    counted = {page: queries_of(phone, page, count_queries) for page in pages}
    _crowd(phone.scene)
    assert {page: queries_of(phone, page, count_queries) for page in pages} == counted
    assert counted == pages


def _crowd(scene: Scene) -> None:
    """Add doctors with rosters, items and visits."""
    told = {"by": OPERATOR, "now": clock.now()}
    take(scene, 3, 4)
    add_item(scene.chain, minutes=30)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        for number in range(4):
            doctor = clinic.create_doctor(session, name=f"医生{number}", title="", position=number, **told)
            for day in range(5):
                begin = scene.opens_at + dt.timedelta(days=day)
                clinic.add_shift(
                    session,
                    doctor_id=doctor.id,
                    store_id=scene.chain.store.id,
                    starts_at=begin,
                    ends_at=begin + dt.timedelta(hours=3),
                    slot_minutes=30,
                    per_slot=2,
                )
