"""A patient finds the nearest store on the phone, its pictures, the map, a doctor, and back to the chat."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.browser.pages import PHONE, findings, open_chat, opened, overflows, phone_url, someone
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

LUJIAZUI = {"latitude": 31.2397, "longitude": 121.4998}


def test_the_way_to_the_nearest_store_and_to_the_chat(system: System, browser: Browser):
    fan = someone(system, "小满")
    system.control("POST", f"/fans/{fan}/place", LUJIAZUI)
    asked_before = system.count("fan where asked_store_id is not null")
    errors: list[str] = []
    with opened(browser, PHONE, locale="en-US", errors=errors) as page:
        frame = open_stores(page, system, fan)
        nearest = frame.locator(".choice").first
        expect(nearest).to_contain_text("浦东")
        expect(nearest.locator(".choice-near")).to_be_visible()
        nearest.click()
        expect(frame.locator(".gallery img").first).to_be_visible()
        frame.get_by_role("link", name="Route").click()
        card = page.get_by_role("dialog")
        expect(card).to_contain_text("31.")
        card.get_by_role("button").click()
        frame.locator(".faces a").first.click()
        expect(frame.locator(".place").first).to_be_visible()
        assert errors == []
    with opened(browser, PHONE, locale="en-US") as page:
        frame = open_stores(page, system, fan)
        frame.locator(".choice").first.click()
        frame.locator(".actions").wait_for()
        inner = page.frames[-1]
        assert findings(inner) == []
        assert not overflows(inner)
        frame.get_by_role("button", name="Ask us").click()
        # The script closes the page: the chat stands behind it.
        expect(page.locator(".menu-bar")).to_be_visible()
    assert system.count("fan where asked_store_id is not null") == asked_before + 1


def open_stores(page: Page, system: System, fan: str) -> FrameLocator:
    """Open the list of stores on a person's phone, from the chat; it is in the order of the way."""
    open_chat(page, system, fan)
    page.goto(f"{phone_url(system, fan)}#/page/{quote(f'{system.web}/p/kangmei/stores', safe='')}")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("The nearest store comes first.")).to_be_visible()
    return frame
