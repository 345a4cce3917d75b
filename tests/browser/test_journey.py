"""The main job by hand: on a phone at 390×844 in both languages, and at the desk at 1440×900."""

from __future__ import annotations

import datetime as dt

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from engage.kernel import clock
from tests.browser.pages import (
    APP_ID,
    ASKS_WHERE,
    DESK,
    PHONE,
    choose_day,
    choose_time,
    close_page,
    fresh_mobile,
    log_in,
    open_booking,
    open_chat,
    opened,
    overflows,
    pick_time,
    prove_phone,
    someone,
    submit,
    tap_menu,
)
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_a_person_binds_books_changes_and_cancels_and_is_told(system: System, browser: Browser, locale: str):
    fan, errors = someone(system, "小红"), []
    with opened(browser, PHONE, locale=locale, errors=errors) as phone:
        open_chat(phone, system, fan)
        page = tap_menu(phone, "自助绑定")
        prove_phone(page, system, fresh_mobile(), "王小红")
        expect(page.locator(".people")).to_contain_text("王小红")
        _told(phone, "绑定成功通知")

        page = tap_menu(phone, "微信预约")
        phone.locator(ASKS_WHERE).click()
        at = choose_time(page, last=True)
        page.locator("select[name=item_id]").select_option(index=1)
        page.locator(".chip").first.click()
        page.locator("textarea[name=words]").fill("后牙有点酸")
        assert not _overflows(page)
        submit(page)
        expect(page.locator(".ticket")).to_contain_text("林志远")
        expect(page.locator(".ticket")).to_contain_text("后牙有点酸")
        card = _told(phone, "预约成功通知")
        expect(card).to_contain_text(at[11:16])

        card.click()
        page = phone.frame_locator("iframe")
        page.locator("a[href$='/change']").first.click()
        choose_day(page, page.locator(".days a:not(.full):not([aria-current])").nth(1))
        moved = pick_time(page)
        expect(page.locator(".ticket")).to_contain_text("林志远")
        card = _told(phone, "预约变更通知")
        expect(card).to_contain_text(moved[11:16])

        card.click()
        page = phone.frame_locator("iframe")
        page.locator("a[href$='/cancel']").first.click()
        page.locator("label.row").first.click()
        submit(page)
        page.locator(".ticket.over").wait_for()
        _told(phone, "预约取消通知")
    assert errors == []


def test_a_time_is_kept_while_a_new_person_proves_a_phone(system: System, browser: Browser):
    fan, errors = someone(system, "新来的"), []
    with opened(browser, PHONE, errors=errors) as phone:
        page = open_booking(phone, system, fan)
        at = choose_time(page)
        prove_phone(page, system, fresh_mobile(), "新来的")
        expect(page.locator(".held-moment")).to_contain_text(at[11:16])
        submit(page)
        expect(page.locator(".ticket")).to_contain_text("新来的")
    assert errors == []


def test_two_taps_on_book_make_one_appointment(system: System, browser: Browser):
    fan = someone(system, "双击")
    with opened(browser, PHONE) as phone:
        page = _held(phone, system, fan)
        page.locator(".thumb button[type=submit]").dblclick()
        page.locator(".ticket").wait_for()
    openid = system.control("GET", f"/fans/{fan}/openid", appid=APP_ID)["openid"]
    assert system.count("appointment a join fan f on f.id = a.fan_id where f.openid = %s", openid) == 1


def test_the_name_of_a_relative_that_is_missing_is_asked_for_and_nothing_typed_is_lost(
    system: System, browser: Browser
):
    with opened(browser, PHONE) as phone:
        page = _held(phone, system, someone(system, "家人"))
        page.locator("input[name=patient_id][value=new]").check(force=True)
        page.locator("textarea[name=words]").fill("孩子第一次看牙")
        page.locator("form").first.evaluate("form => { form.noValidate = true }")
        submit(page)
        expect(page.get_by_role("alert").first).to_be_visible()
        expect(page.locator("textarea[name=words]")).to_have_value("孩子第一次看牙")
        page.locator("input[name=name]").fill("王小宝")
        submit(page)
        expect(page.locator(".ticket")).to_contain_text("王小宝")


@pytest.mark.parametrize("language", ["zh_Hans", "en"])
def test_the_desk_books_checks_in_and_cancels(system: System, browser: Browser, language: str):
    errors: list[str] = []
    with opened(browser, DESK, errors=errors) as page:
        log_in(page, system)
        _switch(page, system, language)
        name = f"前台{language[:2]}"
        _book_at_the_desk(page, system, name)
        drawer = page.locator("#drawer-content")
        expect(drawer).to_contain_text(name)
        drawer.locator("#cancel summary").click()
        drawer.locator("#cancel .pill").first.click()
        drawer.locator("#cancel button[type=submit]").click()
        expect(drawer.locator(".sheet-state")).to_be_visible()
        expect(drawer.locator("#cancel")).to_have_count(0)
        page.goto(f"{system.web}/console/appointments?view=board")
        expect(page.locator(".lane").first).to_be_visible()
        assert not overflows(page)
        page.locator("a.visit").first.click()
        drawer.locator("a[href*='/people/']").first.click()
        expect(drawer.locator(".timeline")).to_be_visible()
        _switch(page, system, "zh_Hans")
    assert errors == []


def _told(phone: Page, title: str) -> FrameLocator:
    """Go back to the chat and wait for the card of a message."""
    close_page(phone)
    card = phone.locator("a.card", has_text=title).last
    expect(card).to_be_visible()
    return card


def _held(phone: Page, system: System, fan: str) -> FrameLocator:
    """Bind, and hold a time."""
    open_chat(phone, system, fan)
    page = tap_menu(phone, "自助绑定")
    prove_phone(page, system, fresh_mobile(), "王小明")
    page.locator(".people").wait_for()
    close_page(phone)
    page = tap_menu(phone, "微信预约")
    phone.locator(ASKS_WHERE).click()
    choose_time(page, last=True)
    page.locator(".held").wait_for()
    return page


def _overflows(page: FrameLocator) -> bool:
    root = page.locator("html")
    return bool(root.evaluate("root => root.scrollWidth > root.clientWidth"))


def _book_at_the_desk(page: Page, system: System, name: str) -> None:
    page.goto(f"{system.web}/console/appointments?day={clock.now() + dt.timedelta(days=3):%F}")
    page.locator("a.button.primary[data-drawer]").first.click()
    drawer = page.locator("#drawer-content")
    drawer.locator("#field-q").fill(name)
    drawer.locator(".choice-new").click()
    drawer.locator("#field-name").fill(name)
    drawer.locator("#field-phone").fill(fresh_mobile())
    drawer.locator("#when .pill:has(input:enabled)").last.click()
    drawer.locator(".form-end button[type=submit]").click()
    drawer.locator(".visit-when").wait_for()


def _switch(page: Page, system: System, language: str) -> None:
    page.goto(f"{system.web}/console/")
    page.evaluate(
        """async ([url, language]) => {
            const token = document.querySelector('input[name=csrf_token]').value
            const body = new URLSearchParams({csrf_token: token, locale: language})
            await fetch(url, {method: 'POST', body})
        }""",
        [f"{system.web}/console/language", language],
    )
