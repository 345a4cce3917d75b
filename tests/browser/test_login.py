"""Log-in of patients in a real browser (OA-6): on the phone, outside WeChat, after a long pause."""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import (
    DESK,
    PHONE,
    book_first,
    choose_day,
    findings,
    fresh_mobile,
    opened,
    overflows,
    phone_url,
    submit,
)
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

APP_ID = "wxdemo0000kangmei"
NARROW = {"width": 320, "height": 640}
BOOKING = "/p/kangmei/booking"
ME = "/p/kangmei/me"


def _person(system: System, nickname: str, *, follows: bool = True, **more: bool) -> str:
    fan = f"p{uuid.uuid4().hex[:8]}"
    system.control("POST", "/fans", {"fan": fan, "nickname": nickname, **more})
    if follows:
        system.control("POST", f"/fans/{fan}/follow", {"appid": APP_ID})
    return fan


def _open_times(page: Page, system: System, fan: str) -> None:
    """Open a doctor's days and times on a person's phone."""
    page.goto(system.on_phone_of(fan, BOOKING))
    page.get_by_text("徐汇店").first.click()
    page.locator(".choices").get_by_text("林志远").first.click()
    page.locator(".days").wait_for()


def _choose(page: Page) -> str:
    """Choose the last free time of the day shown; gives the time."""
    page.locator(".slot:not(.taken)").last.click()
    return page.locator(".slot input:checked").get_attribute("value") or ""


def test_the_code_on_a_desks_screen_opens_the_page_on_the_phone(system: System, browser: Browser):
    """The scanner reads the whole address off the screen, and it survives the log-in."""
    fan, errors = _person(system, "扫码"), []
    with opened(browser, DESK, errors=errors) as desk:
        path = _second_day(browser, system)
        desk.goto(system.web + path)
        code = desk.locator(".qr img").screenshot()
        address = desk.locator("#link").inner_text()
        assert desk.url == address
    with opened(browser, PHONE, errors=errors) as phone:
        phone.goto(f"{phone_url(system, fan)}#/scan")
        with phone.expect_file_chooser() as chooser:
            phone.locator(".finder").click()
        chooser.value.set_files({"name": "code.png", "mimeType": "image/png", "buffer": code})
        frame = phone.frame_locator("iframe")
        expect(frame.locator(".days a[aria-current]")).to_have_attribute("href", path)
        frame.locator(".to-me").click()
        expect(frame.locator("h1")).to_have_text("扫码")
    assert [error for error in errors if "401" not in error] == []


def _second_day(browser: Browser, system: System) -> str:
    with opened(browser, PHONE) as phone:
        _open_times(phone, system, _person(system, "前一位"))
        return phone.locator(".days a").nth(1).get_attribute("href") or ""


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_outside_wechat_the_link_can_be_copied(system: System, browser: Browser, size: dict[str, int]):
    with opened(browser, size) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(f"{system.web}{BOOKING}?day=2026-11-24")
        expect(page.locator(".qr img")).to_be_in_viewport()
        code, link = (page.locator(part).bounding_box() for part in (".qr", ".doors .next"))
        # No phone scans its own screen.
        assert link["y"] < code["y"] if size is PHONE else code["x"] < link["x"]
        page.locator("[data-copy]").click()
        expect(page.locator("[data-copy]")).to_have_text(
            page.locator("[data-copy]").get_attribute("data-done")
        )
        assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_somebody_new_agrees_to_show_name_and_picture(system: System, browser: Browser):
    with opened(browser, PHONE) as phone:
        phone.goto(system.on_phone_of(_person(system, "阿芳", follows=False), ME))
        phone.locator("a[href*=sandbox_consent]").first.click()
        expect(phone.locator(".me h1")).to_have_text("阿芳")
        phone.locator(".thumb a").click()
        book_first(phone, system, "阿芳")
        phone.locator(".to-me").click()
        expect(phone.locator(".person-card")).to_contain_text("阿芳")
        phone.locator(".visit").click()
        phone.locator(".ticket").wait_for()


def test_somebody_new_who_refuses_is_served_all_the_same(system: System, browser: Browser):
    with opened(browser, PHONE) as phone:
        phone.goto(system.on_phone_of(_person(system, "阿静", follows=False), ME))
        phone.get_by_role("link", name="拒绝").click()
        expect(phone.locator(".me")).not_to_contain_text("阿静")
        phone.locator(".thumb a").click()
        phone.locator(".to-me").click()  # and is not asked a second time
        expect(phone.locator(".me")).to_be_visible()


def test_what_was_filled_in_survives_the_end_of_the_log_in(system: System, browser: Browser):
    with opened(browser, PHONE) as phone:
        _open_times(phone, system, _person(system, "慢慢"))
        choose_day(phone, phone.locator(".days a").nth(1))
        at = _choose(phone)
        phone.context.clear_cookies()
        submit(phone)
        phone.locator(".way-on a").click()
        expect(phone.locator(".slot input:checked")).to_have_value(at)
        submit(phone)
        mobile = fresh_mobile()
        phone.locator("input[name=phone]").wait_for()
        phone.wait_for_load_state()  # a draft is kept by a script
        phone.locator("input[name=phone]").fill(mobile)
        phone.context.clear_cookies()
        submit(phone)
        phone.locator(".way-on a").click()
        expect(phone.locator("input[name=phone]")).to_have_value(mobile)
        submit(phone)
        phone.locator("input[name=code]").wait_for()


def test_a_time_that_somebody_else_took_meanwhile_is_not_chosen_again(system: System, browser: Browser):
    with opened(browser, PHONE) as phone:
        _open_times(phone, system, _person(system, "慢慢"))
        at = _choose(phone)
        phone.reload()
        expect(phone.locator(".slot input:checked")).to_have_value(at)
        phone.evaluate("sessionStorage.setItem('booking.starts_at', '1999-01-01T00:00:00+00:00')")
        phone.reload()
        phone.locator(".slot").first.wait_for()
        expect(phone.locator(".slot input:checked")).to_have_count(0)


@pytest.mark.parametrize(
    ("locale", "dark"), [pytest.param("zh-CN", False, marks=pytest.mark.large), ("en-GB", True)]
)
def test_the_pages_around_the_log_in_are_accessible(
    system: System, browser: Browser, locale: str, dark: bool
):
    problems = []
    known = _person(system, "A name so long that it has to break in two somewhere")
    pages = {
        "outside": f"{system.web}{BOOKING}",
        "snapshot": system.on_phone_of(_person(system, "快照", follows=False, snapshot=True), BOOKING),
        "unknown": system.on_phone_of(known, "/p/kangmei/authorized?again=1&code=x&state=x"),
        "me": system.on_phone_of(known, ME),
    }
    with opened(browser, PHONE, locale=locale, dark=dark) as page:
        for name, address in pages.items():
            page.goto(address)
            problems += _look(page, name)
        _open_times(page, system, known)
        _choose(page)
        page.context.clear_cookies()
        submit(page)
        page.locator(".message").wait_for()
        problems += _look(page, "again")
    assert problems == []


def _look(page: Page, name: str) -> list[str]:
    found = []
    for size in (NARROW, PHONE, DESK):
        page.set_viewport_size(size)
        found += findings(page) + (["scrolls sideways"] if overflows(page) else [])
    page.set_viewport_size(PHONE)
    return [f"{name}: {finding}" for finding in found]
