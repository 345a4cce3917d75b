"""The main job through all layers: follow, open, book, be told, be seen at the desk."""

from __future__ import annotations

import re
import uuid

import pytest
import requests

from tests.system import System, eventually

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(180)]

APP_ID = "wxdemo0000kangmei"


class Phone:
    """A person's WeChat browser: the sandbox knows the person by a cookie."""

    def __init__(self, system: System, fan: str) -> None:
        self.system, self.http = system, requests.Session()
        self.http.cookies.set("sandbox_fan", fan, domain="127.0.0.1")

    def open(self, path: str) -> requests.Response:
        """Open a patient page, through web authorization where it asks for it."""
        answer = self.http.get(self.system.web + path, timeout=20)
        answer.raise_for_status()
        return answer

    def book(self, page: requests.Response, starts_at: str, name: str) -> requests.Response:
        """Send the booking form of a page."""
        form = {
            "csrf_token": _hidden(page.text, "csrf_token"),
            "doctor_id": _hidden(page.text, "doctor_id"),
            "key": _hidden(page.text, "key"),
            "starts_at": starts_at,
            "name": name,
        }
        return self.http.post(f"{self.system.web}/p/kangmei/booking", data=form, timeout=20)


def test_a_fan_follows_books_and_is_told_and_the_desk_sees_it(system: System):
    fan = _person(system, "阿明")
    assert "欢迎关注康美口腔" in _inbox(system, fan)[0]["content"]

    phone = Phone(system, fan)
    page = phone.open("/p/kangmei/booking")
    starts_at = _free_times(page.text)[0]
    done = phone.book(page, starts_at, "王小明")
    assert "/p/kangmei/appointments/" in done.url
    assert "王小明" in done.text

    card = eventually(lambda: [item for item in _inbox(system, fan) if item["kind"] == "template"])[0]
    assert card["data"]["time3"] == starts_at[:16].replace("T", " ")
    assert "王小明" not in str(card)
    assert card["url"].endswith(done.url.partition("/p/")[2])
    eventually(lambda: _delivered(system, done.url))

    again = phone.book(page, starts_at, "王小明")
    assert again.url == done.url, "a double tap books once"
    assert len([item for item in _inbox(system, fan) if item["kind"] == "template"]) == 1

    console = requests.Session()
    _log_in(system, console)
    today = console.get(f"{system.web}/console/?day={starts_at[:10]}", timeout=20).text
    assert "王小明" in today


def test_the_page_of_another_fans_appointment_is_not_found(system: System):
    first, second = Phone(system, _person(system, "甲")), Phone(system, _person(system, "乙"))
    page = first.open("/p/kangmei/booking")
    done = first.book(page, _free_times(page.text)[-1], "甲")
    path = "/p/" + done.url.partition("/p/")[2]
    second.open("/p/kangmei/booking")
    assert second.http.get(system.web + path, timeout=20).status_code == 404


def test_a_repeated_push_makes_one_fan_and_gets_the_same_answer(system: System):
    fault = {"match": {"path": "push/subscribe"}, "effect": {"duplicate": 2}, "times": 1}
    system.control("POST", "/faults", fault)
    fan = _person(system, "丙")
    openid = system.control("GET", f"/fans/{fan}/openid", appid=APP_ID)["openid"]
    assert system.count("fan where openid = %s", openid) == 1
    assert system.count("wechat_push where body like %s", f"%{openid}%") == 1


def _person(system: System, nickname: str) -> str:
    fan = f"p{uuid.uuid4().hex[:8]}"
    system.control("POST", "/fans", {"fan": fan, "nickname": nickname})
    system.control("POST", f"/fans/{fan}/follow", {"appid": APP_ID})
    return fan


def _inbox(system: System, fan: str) -> list[dict]:
    return system.control("GET", f"/fans/{fan}/inbox", appid=APP_ID)


def _free_times(page: str) -> list[str]:
    inputs = re.findall(r'<input type="radio" name="starts_at"[^>]*>', page)
    return [re.search(r'value="([^"]+)"', tag)[1] for tag in inputs if "disabled" not in tag]


def _hidden(page: str, name: str) -> str:
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1]


def _log_in(system: System, http: requests.Session) -> None:
    page = http.get(f"{system.web}/console/login", timeout=20).text
    form = {"csrf_token": _hidden(page, "csrf_token"), "username": "owner@kangmei", "password": "engage-demo"}
    assert http.post(f"{system.web}/console/login", data=form, timeout=20).url.endswith("/console/")


def _delivered(system: System, url: str) -> bool:
    appointment_id = int(url.rpartition("/")[2])
    return (
        system.count("notification_delivery where subject_id = %s and state = 'delivered'", appointment_id)
        == 1
    )
