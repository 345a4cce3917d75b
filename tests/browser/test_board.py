"""The board in a browser: a line typed, a visit moved by hand and by keys, taken back, seen elsewhere."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import DESK, findings, log_in, opened
from tests.browser.test_desk import in_days, open_board
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]


def free(page: Page) -> list[str]:
    """Give the times that are free on the first column, as visits may be put there."""
    return page.locator(".lane").first.locator(".place").evaluate_all("all => all.map(one => one.id)")


def drag(page: Page, visit: str, place: str) -> None:
    """Take a visit by the mouse and let it go on a free place."""
    page.locator(f"#{visit}").scroll_into_view_if_needed()
    begin, end = page.locator(f"#{visit}").bounding_box(), page.locator(f'[id="{place}"]').bounding_box()
    assert begin
    assert end
    page.mouse.move(begin["x"] + 20, begin["y"] + 8)
    page.mouse.down()
    page.mouse.move(begin["x"] + 40, begin["y"] + 20, steps=4)
    page.mouse.move(end["x"] + 40, end["y"] + 8, steps=6)
    expect(page.locator(".ghost")).to_be_visible()
    page.mouse.up()


def test_the_board_by_hand_by_keys_and_by_a_line(system: System, browser: Browser):
    errors: list[str] = []
    with opened(browser, DESK, errors=errors) as page, opened(browser, DESK) as other:
        log_in(page, system)
        open_board(page, system)
        log_in(other, system)
        other.goto(page.url)

        # A line books, and both screens show it.
        line = page.locator("#line-words")
        doctor = page.locator(".lane-head").nth(1).inner_text()
        at = page.locator(".lane").first.locator(".place-time").first.inner_text()
        words = page.locator("#day").get_attribute("value")
        line.fill(f"王小红 {words} {at} {doctor}")
        which, ready = page.locator("#line-read input[type=radio]"), page.locator(".line-ready")
        expect(ready.or_(which).first).to_be_visible()
        if which.count():  # other tests make people of this name
            which.first.check()
        expect(ready).to_be_visible()
        line.press("Enter")
        expect(page.locator("[data-line-done]")).to_be_visible()
        expect(line).to_have_value("")
        address = page.locator("[data-line-done] a").get_attribute("href") or ""
        visit = f"visit-{address.rsplit('/', 1)[1]}"
        expect(page.locator(f"#{visit}")).to_be_visible()
        expect(other.locator(f"#{visit}")).to_be_attached()

        # Dragged to another time, and taken back from the toast.
        place = free(page)[0]
        drag(page, visit, place)
        expect(page.locator(f'[id="{place}"]')).to_have_count(0)
        expect(other.locator(f'[id="{place}"]')).to_have_count(0)
        page.locator(".toast-undo").first.click()
        expect(page.locator(f'[id="{place}"]')).to_be_attached()

        # By the keyboard: told what is chosen, left with Escape, put with Enter; the focus stays on it.
        page.locator(f"#{visit}").focus()
        page.keyboard.press("m")
        expect(page.locator("[data-board-says]")).to_contain_text("王小红")
        page.keyboard.press("Escape")
        expect(page.locator(".ghost")).to_have_count(0)
        page.keyboard.press("m")
        page.keyboard.press("ArrowDown")
        expect(page.locator(".ghost")).to_be_visible()
        at = page.locator(".ghost-time").inner_text()
        page.keyboard.press("Enter")
        expect(page.locator(f"#{visit} .visit-time")).to_contain_text(at)
        expect(page.locator(f"#{visit}")).to_be_focused()

        # From the week of all to that of one, by axe's leave.
        assert findings(other) == []
        other.goto(re.sub(r"view=board", "view=week", other.url))
        assert findings(other) == []
        other.locator(".week tbody th a").first.click()
        expect(other.locator(".of-week .lane")).to_have_count(7)
        assert findings(other) == []
    assert [error for error in errors if "status of 422" not in error] == []


def test_an_open_drawer_follows_what_others_do(system: System, browser: Browser):
    with opened(browser, DESK) as page, opened(browser, DESK) as other:
        for desk in (page, other):
            log_in(desk, system)
            desk.goto(f"{system.web}/console/appointments?day={in_days(1)}&state=confirmed")
        address = page.locator("tr:not(:has(.state + .sub)) a.row-link").first.get_attribute("href")
        for desk in (page, other):
            desk.locator(f'a.row-link[href="{address}"]').click()
            desk.locator("#drawer .visit-when").wait_for()
        attend = other.locator("#act-attend")
        attend.focus()
        page.locator("#act-attend").click()
        expect(other.locator("#drawer .mark-word")).to_be_visible()
        expect(attend).to_have_count(0)
        expect(other.locator("#drawer-title")).to_be_focused()


def test_the_sheet_fills_the_paper(system: System, browser: Browser):
    with opened(browser, {"width": 794, "height": 1123}) as page:
        log_in(page, system)
        page.goto(f"{system.web}/console/appointments/sheet?day={in_days(1)}")
        page.emulate_media(media="print")
        box = page.locator(".day-sheet").bounding_box()
    assert box
    assert (box["x"], box["width"]) == (0, 794)
