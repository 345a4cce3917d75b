"""The main job by hand: on a phone at 390×844, and at the desk at 1440×900."""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.pages import DESK, PHONE, book_first, log_in, open_booking, opened
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

APP_ID = "wxdemo0000kangmei"


def test_a_person_books_on_the_phone_and_is_told_and_the_desk_sees_it(system: System, browser: Browser):
    fan, errors = _person(system), []
    with opened(browser, PHONE, errors=errors) as phone:
        frame = open_booking(phone, system, fan)
        book_first(frame, "王小红")
        expect(frame.locator(".ticket")).to_contain_text("林志远")
        phone.locator("header a").first.click()
        expect(phone.get_by_text("预约成功通知")).to_be_visible(timeout=20_000)
    with opened(browser, DESK, errors=errors) as desk:
        log_in(desk, system)
        desk.goto(f"{system.web}/console/")
        bars = desk.locator("[data-chart]")
        expect(bars.first).to_be_visible()
    assert errors == []


def test_two_taps_on_book_make_one_appointment(system: System, browser: Browser):
    fan = _person(system)
    with opened(browser, PHONE) as phone:
        frame = open_booking(phone, system, fan)
        frame.locator(".slot:not(.taken)").last.click()
        frame.locator("input[name=name]").fill("双击")
        frame.locator("button[type=submit]").dblclick()
        frame.locator(".ticket").wait_for()
    openid = system.control("GET", f"/fans/{fan}/openid", appid=APP_ID)["openid"]
    assert system.count("appointment a join fan f on f.id = a.fan_id where f.openid = %s", openid) == 1


def test_a_name_too_long_is_refused_and_nothing_typed_is_lost(system: System, browser: Browser):
    fan = _person(system)
    with opened(browser, PHONE) as phone:
        frame = open_booking(phone, system, fan)
        frame.locator(".slot:not(.taken)").first.click()
        name = frame.locator("input[name=name]")
        name.evaluate("field => { field.removeAttribute('maxlength'); field.form.noValidate = true }")
        name.fill("很长的名字" * 6)
        frame.locator("button[type=submit]").click()
        expect(frame.get_by_role("alert").first).to_be_visible()
        expect(frame.locator("input[name=name]")).to_have_value("很长的名字" * 6)


def _person(system: System) -> str:
    fan = f"p{uuid.uuid4().hex[:8]}"
    system.control("POST", "/fans", {"fan": fan, "nickname": "小红"})
    system.control("POST", f"/fans/{fan}/follow", {"appid": APP_ID})
    return fan
