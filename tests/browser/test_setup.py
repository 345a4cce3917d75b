"""Setting up the clinic in a browser: opening hours, items in order, a roster by the week."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from playwright.sync_api import Browser, Page, expect

from engage.kernel import clock
from tests.browser.pages import DESK, PHONE, findings, log_in, opened, overflows
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

TODAY = clock.now().date()
# A week that no roster of the demo reaches.
MONDAY = TODAY + dt.timedelta(days=7 * 20 - TODAY.weekday())
PAGES = (
    "stores",
    "stores/new",
    "doctors",
    "doctors/new",
    "items",
    "items/new",
    "items/categories/new",
    "items/complaints/new",
    "rosters",
    "rosters/new",
)


def language(page: Page, system: System, name: str) -> None:
    """Choose a language in the top bar."""
    page.goto(f"{system.web}/console/")
    page.locator(".topbar-end details").first.click()
    page.get_by_role("button", name=name, exact=True).click()
    page.locator(f"html[lang={'en' if name == 'English' else 'zh-Hans'}]").wait_for()


@pytest.fixture
def english(system: System, browser: Browser):
    """The manager of 康美口腔 at a desk, reading English; the language is put back."""
    errors: list[str] = []
    with opened(browser, DESK, errors=errors) as page:
        log_in(page, system, "manager@kangmei")
        language(page, system, "English")
        yield page
        language(page, system, "中文")
    # A browser reports a form that is drawn again; the test for it looks at the form itself.
    assert [error for error in errors if "422" not in error] == []


def test_the_hours_of_a_week_are_typed_once(system: System, english: Page):
    page, slug = english, f"s{uuid.uuid4().hex[:8]}"
    page.goto(f"{system.web}/console/stores")
    page.get_by_role("link", name="New store").click()
    for name, words in (("Full name", f"康美口腔{slug}"), ("Short name", slug), ("Short address", slug)):
        page.get_by_role("textbox", name=name, exact=True).fill(words)
    page.get_by_role("textbox", name="Address", exact=True).fill("世纪大道 1 号")
    monday = page.get_by_role("group", name="Monday")
    expect(monday.get_by_label("Monday, break from")).to_be_hidden()
    monday.get_by_role("checkbox", name="Break").check()
    monday.get_by_label("Monday, break from").fill("12:00")
    monday.get_by_label("Monday, break until").fill("13:00")
    monday.get_by_label("Monday, closes").fill("19:00")
    monday.get_by_role("button", name="Use the hours of Monday").click()
    expect(page.get_by_label("Sunday, closes")).to_have_value("19:00")
    page.get_by_role("group", name="Sunday").get_by_role("radio", name="Closed").check()
    expect(page.get_by_label("Sunday, closes")).to_be_hidden()
    page.get_by_role("group", name="Saturday").get_by_role("radio", name="All day").check()
    page.get_by_role("button", name="Create").click()
    page.get_by_role("heading", name=f"Pictures of {slug}").wait_for()
    page.goto(f"{system.web}/console/stores")
    row = page.get_by_role("row", name=slug)
    expect(row.locator(".week-lines")).to_have_text(
        "Mon–Fri09:00–12:00, 13:00–19:00Satopen around the clockSunclosed all day"
    )


def test_a_time_that_is_wrong_is_told_at_its_day(system: System, english: Page):
    page = english
    page.goto(f"{system.web}/console/stores")
    page.locator("a.row-link").first.click()
    page.get_by_role("group", name="Tuesday").get_by_role("radio", name="Open").check()
    page.get_by_label("Tuesday, opens").fill("19:00")
    page.get_by_label("Tuesday, closes").fill("10:00")
    page.get_by_role("button", name="Save").click()
    told = page.get_by_role("link", name="Tuesday: A store closes after it opens, on the same day.")
    told.click()
    expect(page.locator("#field-hours-1")).to_be_focused()
    expect(page.get_by_label("Tuesday, opens")).to_have_value("19:00")


def test_an_item_moves_and_its_button_keeps_the_focus(system: System, english: Page):
    page = english
    page.goto(f"{system.web}/console/items")
    rows = page.locator(".catalogue table").first.locator("a.row-link")
    first, second = (rows.nth(at).text_content() for at in (0, 1))
    page.get_by_role("button", name=f"Move {second} up").click()
    expect(rows.nth(0)).to_have_text(second)
    down = page.get_by_role("button", name=f"Move {second} down")
    down.focus()
    down.press("Enter")
    expect(rows.nth(0)).to_have_text(first)
    assert page.url.endswith("/console/items")


def test_a_roster_is_added_and_a_shift_is_removed_and_comes_back(system: System, english: Page):
    page = english
    page.goto(f"{system.web}/console/rosters?week={MONDAY}")
    page.get_by_role("link", name="Add shifts").first.click()
    page.get_by_role("checkbox", name="Fri").uncheck()
    page.get_by_label("Last day").fill(str(MONDAY + dt.timedelta(days=6)))
    page.get_by_role("button", name="Add shifts").click()
    page.get_by_text("8 shifts added.").wait_for()
    blocks = page.locator(".roster-hours .shift")
    expect(blocks).to_have_count(8)
    early, late = (blocks.nth(at).bounding_box()["height"] for at in (0, 4))
    assert early < late  # three hours before noon, four and a half after

    blocks.first.click()
    drawer = page.locator("#drawer")
    drawer.get_by_text("every 30 minutes").wait_for()
    drawer.get_by_role("button", name="Remove shift").click()
    drawer.get_by_text("Nobody can book this shift any more.").wait_for()
    expect(blocks).to_have_count(7)
    page.get_by_role("button", name="Undo").click()
    drawer.get_by_text("every 30 minutes").wait_for()
    expect(blocks).to_have_count(8)
    page.keyboard.press("Escape")
    page.set_viewport_size(PHONE)
    expect(page.locator(".roster-agenda .shift")).to_have_count(8)
    expect(page.locator(".roster-hours")).to_be_hidden()


@pytest.mark.parametrize(
    ("name", "dark"), [("中文", False), pytest.param("English", True, marks=pytest.mark.large)]
)
def test_the_pages_are_accessible(system: System, browser: Browser, name: str, dark: bool):
    problems = []
    with opened(browser, DESK, dark=dark) as page:
        log_in(page, system, "manager@kangmei")
        language(page, system, name)
        paths = [f"/console/{path}" for path in PAGES]
        for path in ("stores", "doctors", "items", "rosters"):
            page.goto(f"{system.web}/console/{path}")
            paths.append(page.locator("a.row-link").first.get_attribute("href"))
        page.goto(f"{system.web}/console/rosters")
        paths.append(page.locator("a.shift").first.get_attribute("href"))
        for path in paths:
            page.goto(f"{system.web}{path}")
            for size in (PHONE, DESK):
                page.set_viewport_size(size)
                problems += [f"{path} at {size['width']}: {finding}" for finding in findings(page)]
                problems += [f"{path} at {size['width']} scrolls sideways"] if overflows(page) else []
        language(page, system, "中文")
    assert problems == []
