"""The main job through all layers: follow, open, book, be told, be seen at the desk."""

from __future__ import annotations

import pytest
import requests

from tests.journeys.phone import APP_ID, Phone, delivered, free_times, hidden, inbox, person
from tests.system import System, eventually

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(180)]


def test_a_fan_follows_books_and_is_told_and_the_desk_sees_it(system: System):
    fan = person(system, "阿明")
    assert "欢迎关注康美口腔" in inbox(system, fan)[0]["content"]

    phone = Phone(system, fan)
    page = phone.open("/p/kangmei/booking")
    starts_at = free_times(page.text)[0]
    done = phone.book(page, starts_at, "王小明")
    assert "/p/kangmei/appointments/" in done.url
    assert "王小明" in done.text

    card = eventually(lambda: [item for item in inbox(system, fan) if item["kind"] == "template"])[0]
    assert card["data"]["time3"] == starts_at[:16].replace("T", " ")
    assert "王小明" not in str(card)
    assert card["url"].endswith(done.url.partition("/p/")[2])
    eventually(lambda: delivered(system, done.url) == 1)

    again = phone.book(page, starts_at, "王小明")
    assert again.url == done.url, "a double tap books once"
    assert len([item for item in inbox(system, fan) if item["kind"] == "template"]) == 1

    console = requests.Session()
    _log_in(system, console)
    today = console.get(f"{system.web}/console/?day={starts_at[:10]}", timeout=20).text
    assert "王小明" in today


def test_the_page_of_another_fans_appointment_is_not_found(system: System):
    first, second = Phone(system, person(system, "甲")), Phone(system, person(system, "乙"))
    page = first.open("/p/kangmei/booking")
    done = first.book(page, free_times(page.text)[-1], "甲")
    path = "/p/" + done.url.partition("/p/")[2]
    second.open("/p/kangmei/booking")
    assert second.http.get(system.web + path, timeout=20).status_code == 404


def test_a_repeated_push_makes_one_fan_and_gets_the_same_answer(system: System):
    fault = {"match": {"path": "push/subscribe"}, "effect": {"duplicate": 2}, "times": 1}
    system.control("POST", "/faults", fault)
    fan = person(system, "丙")
    openid = system.control("GET", f"/fans/{fan}/openid", appid=APP_ID)["openid"]
    assert system.count("fan where openid = %s", openid) == 1
    assert system.count("wechat_push where body like %s", f"%{openid}%") == 1


def _log_in(system: System, http: requests.Session) -> None:
    page = http.get(f"{system.web}/console/login", timeout=20).text
    form = {"csrf_token": hidden(page, "csrf_token"), "username": "owner@kangmei", "password": "engage-demo"}
    assert http.post(f"{system.web}/console/login", data=form, timeout=20).url.endswith("/console/")
