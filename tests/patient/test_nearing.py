"""Stores and doctors as patients look for them: the nearest first, open when, seen when (ST-5, BK-3)."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest
from flask import Flask, current_app

from engage.audit.services import OPERATOR
from engage.clinic import queries as clinic_queries
from engage.clinic import services as clinic
from engage.clinic.rules import Special
from engage.clinic.services import ClosureDetails, Picture
from engage.fans import queries as fans
from engage.fans import services as fan_services
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.conftest import Chain
from tests.patient.phones import Phone, add_store, queries_of, written

ZONE = "Asia/Shanghai"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
XUJIAHUI = {"latitude": "31.1955", "longitude": "121.4372"}


def told() -> dict[str, object]:
    return {"by": OPERATOR, "now": clock.now()}


def today() -> dt.date:
    return clock.local(clock.now(), ZONE).date()


def close(phone: Phone, *dates: dt.date, name: str) -> None:
    """Close the chain's store on dates."""
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        for date in dates:
            clinic.set_special_day(session, phone.scene.chain.store.id, date, Special(name), **told())


def keep(phone: Phone, content: bytes) -> str:
    return current_app.extensions["files"].put(phone.scene.chain.id, content)


def listed(page: str) -> list[int]:
    """Give the stores of a list, in order."""
    return [
        int(number) for number in re.findall(r'href="/p/[^"]*/(?:stores|booking)/(\d+)(?:\?[^"]*)?"', page)
    ]


# Stores


def test_the_nearest_store_comes_first(phone: Phone):
    base = phone.scene.chain.store.id  # without coordinates
    far = add_store(phone.scene.chain, "far", latitude=Decimal("31.2397"), longitude=Decimal("121.4998"))
    near = add_store(phone.scene.chain, "near", latitude=Decimal("31.1990"), longitude=Decimal("121.4372"))
    assert listed(phone.get("/stores").text) == [base, far, near]
    page = phone.post("/stores/nearest", to="show", **XUJIAHUI).text
    assert listed(page) == [near, far, base]
    assert re.findall(r"<span>([\d.,]+ k?m)</span>", page) == ["390 m", "7.7 km"]
    booking = phone.post("/stores/nearest", to="book", change="12", **XUJIAHUI).text
    assert f'href="{phone.base}/booking/{near}?change=12"' in booking


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"latitude": "x", "longitude": "1"},
        {"latitude": "nan", "longitude": "1"},
        {"latitude": "91", "longitude": "1"},
    ],
)
def test_a_place_that_is_none_is_refused(phone: Phone, place: dict[str, str]):
    assert phone.post("/stores/nearest", to="show", **place).status_code == 422


def test_a_store_is_hidden_until_it_is_whole(phone: Phone):
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        details = {"name": "新店", "short_name": "新店", "address": "一号", "zone": ZONE, "position": 1}
        store_id = clinic.create_store(session, slug="new", **details, **told()).id
    for page in (f"/stores/{store_id}", f"/booking/{store_id}", f"/booking/{store_id}/any"):
        assert phone.get(page).status_code == 404, page
    assert phone.post(f"/stores/{store_id}/consult").status_code == 404
    assert store_id not in listed(phone.get("/stores").text)
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        clinic.set_logo(session, store_id, keep(phone, PNG), **told())
        clinic.add_picture(session, store_id, Picture(keep(phone, PNG), 1, 1), **told())
    assert store_id in listed(phone.get("/stores").text)
    page = phone.get(f"/stores/{store_id}").text
    assert page.count("/photos/") >= 2
    assert phone.get(f"/booking/{store_id}").status_code == 200


def test_a_closed_day_says_why_and_when_it_opens_again(phone: Phone):
    days = [today() + dt.timedelta(days=number) for number in range(3)]
    close(phone, *days[:2], name="春节")
    page = phone.get(f"/stores/{phone.scene.chain.store.id}").text
    assert f"closed: 春节, open again {written(days[2])}" in page
    assert re.search(r'<div class="differs">.*?closed.*?春节', page)
    assert "closed: 春节" in phone.get("/stores").text


def test_a_closure_of_the_store_is_no_opening_time(phone: Phone):
    store_id = phone.scene.chain.store.id
    begin, end = clock.day_bounds(today(), ZONE)
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        closed = ClosureDetails(store_id=store_id, starts_at=begin, ends_at=end, reason="停电")
        clinic.add_closure(session, closed, **told())
        other = ClosureDetails(
            doctor_id=phone.scene.doctor_id, starts_at=end, ends_at=end + (end - begin), reason="培训"
        )
        clinic.add_closure(session, other, **told())
    page = phone.get(f"/stores/{store_id}").text
    assert "closed: 停电" in page
    assert "培训" not in page


def test_who_asks_leaves_the_store_in_the_chat(phone: Phone):
    first, second = phone.scene.chain.store.id, add_store(phone.scene.chain)
    answer = phone.post(f"/stores/{first}/consult")
    assert answer.status_code == 303
    page = phone.get(answer.location).text
    assert "Write to us in the chat" in page
    assert "data-leave" in page
    assert phone.post(f"/stores/{second}/consult").status_code == 303
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        fan = fans.fan(session, phone.scene.fan_ids[0])
    # The first became the fan's own and stays; what is asked about is the last.
    assert (fan.store_id, fan.asked_store_id) == (first, second)
    assert fan.asked_store_at is not None


def test_the_store_of_a_fan_stays(phone: Phone):
    first, second = phone.scene.chain.store.id, add_store(phone.scene.chain)
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        fan_services.assign_store(session, [phone.scene.fan_ids[0]], second, **told())
    phone.post(f"/stores/{first}/consult")
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        fan = fans.fan(session, phone.scene.fan_ids[0])
    assert (fan.store_id, fan.asked_store_id) == (second, first)


# Doctors


def test_a_doctor_says_where_and_when_next(phone: Phone):
    doctor_id, store_id = phone.scene.doctor_id, phone.scene.chain.store.id
    add_store(phone.scene.chain)  # the doctor is not there
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        doctor = clinic_queries.doctor(session, doctor_id)
        doctor.good_at, doctor.introduction = "种植与修复", "第一行\n第二行"
        clinic.set_portrait(session, doctor_id, keep(phone, PNG), **told())
    assert f'href="{phone.base}/doctors/{doctor_id}"' in phone.get("/doctors").text
    page = phone.get(f"/doctors/{doctor_id}").text
    for shown in ("种植与修复", "第一行\n第二行", "/photos/", "Book with"):
        assert shown in page
    assert page.count('class="place"') == 1
    times = re.findall(rf'<li><a href="({phone.base}/booking/{store_id}/{doctor_id}\?day=[^"]+)"', page)
    assert len(times) == 3
    assert phone.get(times[0]).status_code == 200
    assert f'href="{phone.base}/doctors/{doctor_id}"' in phone.get(f"/stores/{store_id}").text


def test_a_doctor_whom_only_the_desk_books_offers_no_times(phone: Phone):
    doctor_id = phone.scene.doctor_id
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        clinic_queries.doctor(session, doctor_id).bookable = False
    assert f"/doctors/{doctor_id}" not in phone.get("/doctors").text
    page = phone.get(f"/doctors/{doctor_id}").text
    assert "Call us for a time" in page
    assert "?day=" not in page
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        clinic_queries.doctor(session, doctor_id).is_expert = True
    assert f"/doctors/{doctor_id}" in phone.get("/doctors").text


def test_a_doctor_of_another_chain_is_not_found(phone: Phone, other_chain: Chain):
    with tenant_scope(other_chain.id), unit_of_work() as session:
        other = clinic.create_doctor(session, name="李明", title="", position=0, **told()).id
    assert phone.get(f"/doctors/{other}").status_code == 404


def test_the_doctors_pages_ask_the_same_for_many_stores(phone: Phone, count_queries):
    page = f"/doctors/{phone.scene.doctor_id}"
    asked = queries_of(phone, page, count_queries)
    for number in range(3):
        add_store(phone.scene.chain, f"more{number}")
    assert queries_of(phone, page, count_queries) == asked


# Pictures and the script


def test_only_pictures_that_are_shown_are_given(app: Flask, phone: Phone, other_chain: Chain):
    file, secret = keep(phone, PNG), keep(phone, PNG + b"secret")
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        clinic.set_logo(session, phone.scene.chain.store.id, file, **told())
    stranger = app.test_client()
    answer = stranger.get(f"{phone.base}/photos/{file}")
    assert (answer.status_code, answer.content_type, answer.data) == (200, "image/png", PNG)
    assert "immutable" in answer.headers["Cache-Control"]
    for other in (secret, "0" * 64, "..%2f..%2fkey"):
        assert stranger.get(f"{phone.base}/photos/{other}").status_code == 404
    with tenant_scope(other_chain.id), unit_of_work() as session:
        assert not clinic_queries.is_photo(session, file)


def test_only_pages_of_the_account_are_signed(phone: Phone):
    def ask(url: str) -> int:
        return phone.get("/jssdk", url=url).status_code

    own = f"http://localhost{phone.base}"
    assert ask(f"{own}/stores?from=menu") == 200
    for other in (
        "",
        f"{own}-of-others/stores",
        "http://localhost/console/today",
        f"http://elsewhere.example{phone.base}/stores",
        f"http://localhost:81{phone.base}/stores",
        f"http://localhost@elsewhere.example{phone.base}/stores",
        "http://[::1/p",
    ):
        assert ask(other) == 404, other


def test_a_wechat_without_tickets_leaves_the_page_as_it_is(phone: Phone):
    """Nobody answers for WeChat here: the page goes on without its script."""
    answer = phone.get("/jssdk", url=f"http://localhost{phone.base}/stores")
    assert (answer.status_code, answer.json) == (200, {})
