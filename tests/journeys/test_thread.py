"""The main job through all layers: follow, bind, book, be told, change, cancel, be seen at the desk."""

from __future__ import annotations

import pytest
import requests

from tests.journeys.pages import Page
from tests.journeys.phone import (
    APP_ID,
    BOUND,
    CANCELLED,
    CHANGED,
    CREATED,
    ME,
    Phone,
    bind,
    cards,
    free_times,
    hold,
    inbox,
    number,
    other_day,
    person,
    settled,
    texts,
    times,
)
from tests.system import System, eventually

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(180)]


def test_a_person_follows_binds_books_changes_cancels_and_is_told_each_time(system: System):
    fan, mobile = person(system, "阿明"), number()
    assert "欢迎关注康美口腔" in inbox(system, fan)[0]["content"]
    phone = Phone(system, fan)

    bind(phone, mobile, "王小明")
    card = eventually(lambda: cards(system, fan, BOUND))[0]
    assert "王小明" not in str(card)
    assert mobile not in str(card)
    assert "王小明" in phone.tap(ME).text

    page = times(phone)
    starts_at = free_times(page)[-1]
    held = hold(phone, page, starts_at)
    item = held.form("patient_id").choices("item_id")[1]
    done = phone.submit(held, "patient_id", item_id=item, words="后牙有点酸")
    assert "/p/kangmei/appointments/" in done.url
    assert "王小明" in done.text
    card = eventually(lambda: cards(system, fan, CREATED))[0]
    assert card["data"]["time3"] == starts_at[:16].replace("T", " ")
    assert all(word not in str(card) for word in ("王小明", "后牙", mobile))
    assert card["url"].endswith(done.url.partition("/p/")[2])
    assert _desk(system, starts_at[:10]).count("王小明") == 1

    moved = other_day(phone, phone.open(f"{done.url}/change"))
    later = free_times(moved)[0]
    changed = phone.submit(moved, "starts_at", starts_at=later)
    assert changed.url == done.url
    card = eventually(lambda: cards(system, fan, CHANGED))[0]
    assert card["data"]["time3"] == later[:16].replace("T", " ")
    assert "王小明" not in _desk(system, starts_at[:10])
    assert "王小明" in _desk(system, later[:10])

    gone = phone.submit(phone.open(f"{done.url}/cancel"), "version")
    assert gone.url == done.url
    eventually(lambda: cards(system, fan, CANCELLED))
    eventually(lambda: settled(system, fan))
    assert [card["title"] for card in cards(system, fan)] == [BOUND, CREATED, CHANGED, CANCELLED]


def test_a_double_tap_and_a_way_back_book_once(system: System):
    phone = _bound(system, "双击")
    held = hold(phone, page := times(phone), free_times(page)[-1])
    done = phone.submit(held, "patient_id")
    again = phone.submit(held, "patient_id")
    assert again.url == done.url
    assert phone.open(held.url).url == done.url, "the way back leads to the visit"
    eventually(lambda: settled(system, phone.fan))
    assert len(cards(system, phone.fan, CREATED)) == 1


def test_a_lost_race_is_told_with_the_nearest_times_and_one_tap_takes_one(system: System):
    first, second = _bound(system, "先来"), _bound(system, "后到")
    seen = times(second)
    starts_at = free_times(seen)[-1]
    hold(first, times(first), starts_at)
    told = second.submit(seen, "starts_at", starts_at=starts_at)
    offered = [form for form in told.forms if form.has("starts_at")]
    assert 1 <= len(offered) <= 3
    nearest = offered[0].choices("starts_at")[0]
    assert nearest != starts_at
    held = second.submit(told, "starts_at", starts_at=nearest)
    assert "/booking/held/" in held.url


def test_whoever_is_not_bound_is_asked_for_a_phone_and_comes_back_to_the_held_time(system: System):
    fan, mobile = person(system, "新人"), number()
    phone = Phone(system, fan)
    page = times(phone)
    asked = phone.submit(page, "starts_at", starts_at=free_times(page)[-1])
    back = bind(phone, mobile, "新来的", page=asked)
    assert "/booking/held/" in back.url
    done = phone.submit(back, "patient_id")
    assert "新来的" in done.text
    assert len(texts(system, mobile)) == 1


def test_the_page_of_another_fans_appointment_is_not_found(system: System):
    first, second = _bound(system, "甲"), _bound(system, "乙")
    done = first.submit(hold(first, page := times(first), free_times(page)[-1]), "patient_id")
    path = "/p/" + done.url.partition("/p/")[2]
    for tail in ("", "/change", "/cancel", ".ics"):
        assert second.open(path + tail).status == 404
    assert first.open(path).status == 200


def test_a_visit_goes_into_the_calendar(system: System):
    phone = _bound(system, "日历")
    done = phone.submit(hold(phone, page := times(phone), free_times(page)[-1]), "patient_id")
    calendar = phone.open(f"{done.url}.ics").text
    assert "BEGIN:VEVENT" in calendar
    assert "日历" not in calendar


def test_a_repeated_push_makes_one_fan_and_gets_the_same_answer(system: System):
    fault = {"match": {"path": "push/subscribe"}, "effect": {"duplicate": 2}, "times": 1}
    system.control("POST", "/faults", fault)
    fan = person(system, "丙")
    openid = system.control("GET", f"/fans/{fan}/openid", appid=APP_ID)["openid"]
    assert system.count("fan where openid = %s", openid) == 1
    assert system.count("wechat_push where body like %s", f"%{openid}%") == 1


def _bound(system: System, name: str) -> Phone:
    phone = Phone(system, person(system, name))
    bind(phone, number(), name)
    return phone


def _desk(system: System, day: str) -> str:
    """Give the desk's list of a day."""
    console = requests.Session()
    page = Page(console.get(f"{system.web}/console/login", timeout=20))
    form = page.form("username").filled({"username": "owner@kangmei", "password": "engage-demo"})
    assert console.post(f"{system.web}/console/login", data=form, timeout=20).url.endswith("/console/")
    return console.get(f"{system.web}/console/appointments?view=list&day={day}", timeout=20).text
