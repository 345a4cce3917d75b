"""The desk's day in a browser: by mouse and by keyboard, in four widths and both languages."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import uuid

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from engage.kernel import clock
from tests.browser.pages import DESK, PHONE, findings, log_in, opened, overflows
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

WIDTHS = (DESK, {"width": 1280, "height": 800}, {"width": 1024, "height": 768}, PHONE)
ZONE = "Asia/Shanghai"

_days = itertools.count(2)


def in_days(count: int) -> str:
    """Give a day ahead, as addresses carry it."""
    return (clock.local(clock.now(), ZONE).date() + dt.timedelta(days=count)).isoformat()


def open_board(page: Page, system: System) -> None:
    """Open the board of the next day that has a free place with a doctor."""
    for _ in range(7):
        page.goto(f"{system.web}/console/appointments?view=board&day={in_days(next(_days))}")
        if page.locator(".lane:first-of-type .place").count():
            return
    raise AssertionError("no free place in a week")


@pytest.fixture
def page(system: System, browser: Browser):
    """The owner of 康美口腔 at the desk; scripts and styles must pass the content policy."""
    errors: list[str] = []
    with opened(browser, DESK, errors=errors) as page:
        log_in(page, system)
        yield page
    assert [error for error in errors if "status of 422" not in error] == []


def test_three_clicks_from_a_free_place_book_somebody_known(system: System, page: Page):
    open_board(page, system)
    frame = page.locator("[data-board]")
    place = page.locator(".place").first
    address = place.get_attribute("href")
    place.click()
    search = page.locator("#field-q")
    expect(search).to_be_focused()
    frame.evaluate("frame => { frame.scrollTop = 90 }")
    search.press_sequentially("王小红")
    page.locator(".choice", has_text="王小红").first.click()
    page.locator("#drawer form button[type=submit]").last.click()
    page.locator("#drawer .visit-when").wait_for()
    visit = page.locator("#drawer .only-drawer").get_attribute("href")
    booked = page.locator(f'.visit[href="{visit}"]')
    expect(booked).to_be_visible()
    assert page.locator(f'.place[href="{address}"]').count() == 0
    assert frame.evaluate("frame => frame.scrollTop") == 90
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).not_to_be_visible()


def test_the_button_for_a_new_one_follows_the_day(system: System, page: Page):
    page.goto(f"{system.web}/console/appointments?view=list")
    page.locator("#day-after").click()
    page.wait_for_url(f"**day={in_days(1)}**")
    button = page.locator("#page-head a.primary")
    expect(button).to_have_attribute("href", re.compile(f"day={in_days(1)}"))


def test_everything_stands_at_its_time(system: System, page: Page):
    open_board(page, system)
    step = page.locator(".lane-body").first.evaluate("body => body.clientHeight") / int(
        page.locator("[data-board]").get_attribute("data-steps")
    )
    for item in page.locator(".lane li[data-from]").all()[:20]:
        top = item.evaluate("item => item.offsetTop")
        assert abs(top - int(item.get_attribute("data-from")) * step) < 1.5


def test_arrows_walk_over_the_board(system: System, page: Page):
    open_board(page, system)
    first = page.locator(".lane:first-of-type li a").first
    first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".lane:first-of-type li a").nth(1)).to_be_focused()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.closest('.lane') !== document.querySelector('.lane')")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.closest('.lane') === document.querySelector('.lane')")


def test_a_person_at_the_keyboard_goes_from_the_list_to_an_action(system: System, page: Page):
    page.goto(f"{system.web}/console/appointments?day={in_days(1)}&state=confirmed")
    rows = page.locator("tr:not(:has(.state + .sub)) a.row-link")
    address = rows.first.get_attribute("href")
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(page.locator(f'a.row-link[href="{address}"]')).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#drawer-title")).to_be_focused()
    button = page.locator("#act-attend")
    for _ in range(12):
        if button.evaluate("button => button === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#drawer .mark-word").wait_for()
    expect(page.locator("#act-attend")).to_have_count(0)
    expect(page.locator(f'tr:has([href="{address}"]) .state + .sub')).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).not_to_be_visible()


def test_somebody_new_is_offered_with_the_words_typed(system: System, page: Page):
    open_board(page, system)
    page.locator(".place").first.click()
    name = f"端木{uuid.uuid4().hex[:6]}之"
    page.locator("#field-q").press_sequentially(name)
    expect(page.locator("#field-name")).to_have_value(name)
    expect(page.locator("#field-q")).to_be_focused()
    page.locator("#drawer form button[type=submit]").last.click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    expect(page.locator("#field-name")).to_have_value(name)
    page.locator("#field-phone").fill(f"139{uuid.uuid4().int % 10**8:08d}")
    page.locator("#drawer form button[type=submit]").last.click()
    expect(page.locator("#drawer-title")).to_have_text(name)


def test_what_is_typed_while_somebody_is_looked_for_stays(system: System, page: Page):
    page.goto(f"{system.web}/console/appointments/new")
    held: list[Route] = []
    page.route("**/appointments/patients", lambda route: held.append(route))
    with page.expect_request("**/appointments/patients"):
        page.locator("#field-q").fill("王")
    page.locator(".choice-new").click()
    page.locator("#field-name").fill("王小新")
    page.locator("#field-phone").fill("13900000000")
    held[0].continue_()
    expect(page.locator("#patients .choice")).not_to_have_count(1)
    expect(page.locator("#field-name")).to_have_value("王小新")
    expect(page.locator("#field-phone")).to_have_value("13900000000")
    expect(page.locator(".choice-new input")).to_be_checked()


def test_other_times_come_without_losing_what_was_chosen(system: System, page: Page):
    open_board(page, system)
    page.locator(".place").first.click()
    page.locator("#field-q").press_sequentially("王小红")
    page.locator(".choice", has_text="王小红").first.click()
    before = page.locator("#field-starts_at").inner_text()
    doctor = page.locator("#field-doctor")
    doctor.focus()
    doctor.select_option(index=doctor.locator("option").count() - 1)
    expect(page.locator("#field-starts_at")).not_to_have_text(before, use_inner_text=True)
    expect(page.locator("#field-doctor")).to_be_focused()
    expect(page.locator(".choice input:checked")).to_have_count(1)


@pytest.mark.parametrize(
    ("name", "dark"), [("中文", False), pytest.param("English", True, marks=pytest.mark.large)]
)
def test_the_pages_are_accessible_and_whole(system: System, browser: Browser, name: str, dark: bool):
    problems: list[str] = []
    with opened(browser, DESK, dark=dark) as page:
        log_in(page, system)
        _speak(page, system, name)
        for path in (f"?day={in_days(1)}", f"?view=board&day={in_days(1)}", "?day=2024-02-29", "/new"):
            page.goto(f"{system.web}/console/appointments{path}")
            problems += _look(page, path)
        page.goto(f"{system.web}/console/appointments?day={in_days(1)}&state=confirmed")
        page.locator("a.row-link").first.click()
        page.locator("#cancel summary").click()
        problems += _look(page, "drawer")
        page.locator(".sheet-links a", has=page.locator("use[href$='#calendar-event']")).click()
        page.locator(".change-now").wait_for()
        problems += _look(page, "change")
        page.locator(".sticky-end a").click()
        page.locator(".sheet-links a", has=page.locator("use[href$='#user-circle']")).click()
        page.locator(".person-sheet").wait_for()
        problems += _look(page, "person")
        _speak(page, system, "中文")
    assert problems == []


def _look(page: Page, what: str) -> list[str]:
    found = []
    for size in WIDTHS:
        page.set_viewport_size(size)
        found += [f"{what} at {size['width']}: {finding}" for finding in findings(page)]
        found += [f"{what} at {size['width']} scrolls sideways"] if overflows(page) else []
    page.set_viewport_size(DESK)
    return found


def _speak(page: Page, system: System, name: str) -> None:
    page.goto(f"{system.web}/console/")
    page.locator(".topbar-end details").first.click()
    page.get_by_role("button", name=name, exact=True).click()
    page.locator(f"html[lang={'en' if name == 'English' else 'zh-Hans'}]").wait_for()
