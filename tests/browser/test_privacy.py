"""Two charts of one person become one, and a person looks after their own data (PT-7, PT-8)."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import DESK, PHONE, findings, log_in, opened, overflows
from tests.browser.test_bind import Somebody
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]


def sound(page: Page) -> None:
    assert findings(page) == []
    assert not overflows(page)


def test_duplicates_are_merged_and_a_patient_ends_messages_and_asks_for_a_copy(
    system: System, browser: Browser
) -> None:
    with opened(browser, PHONE) as phone, opened(browser, DESK) as desk:
        fan = Somebody.on(phone, system)
        fan.open("/me")
        phone.locator("a[href$='/privacy']").click()
        sound(phone)
        phone.locator("form[action$='/withdraw'] button").click()
        expect(phone.locator("form[action$='/give'] button")).to_be_visible()
        expect(phone.locator("form[action$='/withdraw']")).to_have_count(0)
        sound(phone)
        phone.locator("form[action$='/give'] button").click()
        expect(phone.locator("form[action$='/withdraw'] button")).to_be_visible()
        asking = phone.locator("form[action$='/ask']:has(input[value=export])")
        asking.locator("button").click()
        expect(asking).to_have_count(0)
        phone.go_back()
        phone.reload()
        expect(asking).to_have_count(0)

        log_in(desk, system)
        desk.goto(f"{system.web}/console/people/requests")
        sound(desk)
        desk.goto(f"{system.web}/console/people/duplicates")
        sound(desk)
        merging = desk.locator("a[href*='/console/people/duplicates/']")
        first = merging.first.get_attribute("href")
        merging.first.click()
        desk.wait_for_url(f"{system.web}{first}")
        sound(desk)
        desk.set_viewport_size(PHONE)
        sound(desk)
        desk.locator("form.merge button[type=submit]").click()
        desk.wait_for_url(re.compile(r"/console/people/\d+"))
        sound(desk)
        # The page that was left offers the merge again: it is told that it was done, and nothing more.
        desk.goto(f"{system.web}{first}")
        expect(desk.locator("form.merge")).to_have_count(0)
        desk.goto(f"{system.web}/console/people/duplicates")
        expect(desk.locator(f"a[href='{first}']")).to_have_count(0)
