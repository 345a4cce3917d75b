"""What happens by itself on every page of the console: who waits, one line for all tabs, the line down."""

from __future__ import annotations

import os
import re
import signal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import APP_ID, DESK, PASSWORD, PHONE, log_in, opened, someone
from tests.system import System, eventually

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]


@pytest.fixture
def console(system: System, browser: Browser):
    """The console as an agent has it open."""
    errors: list[str] = []
    with opened(browser, DESK, errors=errors) as page:
        log_in(page, system, "agent1@kangmei")
        yield page
    # A line that is cut is complained of by the browser itself, which is what one test is about.
    assert [error for error in errors if "/live/stream" not in error and "ERR_" not in error] == []


def writes(system: System, fan: str, words: str = "您好") -> None:
    system.control("POST", f"/fans/{fan}/send", {"appid": APP_ID, "msgtype": "text", "content": words})


def waiting(page: Page) -> int:
    shown = page.locator("[data-waiting-count]").inner_text()
    return int(shown or 0)


def ready(page: Page) -> None:
    """Wait for the line."""
    page.locator("html.online").wait_for()


def test_who_waits_is_counted_on_every_page(system: System, console: Page) -> None:
    ready(console)
    before = waiting(console)
    writes(system, someone(system, "徽章一"))
    expect(console.locator("[data-waiting-count]")).to_have_text(str(before + 1))
    expect(console).to_have_title(re.compile(rf"^\({before + 1}\) "))
    console.goto(f"{system.web}/console/profile")
    expect(console.locator("[data-waiting-count]")).to_have_text(str(before + 1))
    console.set_viewport_size(PHONE)
    expect(console.locator("html.has-waiting")).to_be_attached()


def test_all_tabs_share_one_line_and_another_takes_it_over(system: System, console: Page) -> None:
    ready(console)
    asked: list[str] = []
    console.context.on("request", lambda request: asked.append(request.url))
    tabs = [console.context.new_page() for _ in range(2)]
    for tab in tabs:
        tab.goto(f"{system.web}/console/profile")
    before = waiting(console)
    fan = someone(system, "徽章二")
    writes(system, fan)
    for tab in (console, *tabs):
        expect(tab.locator("[data-waiting-count]")).to_have_text(str(before + 1))
    assert not [url for url in asked if url.startswith(system.live)]

    console.close()  # which held the line
    writes(system, someone(system, "徽章三"))
    for tab in tabs:
        expect(tab.locator("[data-waiting-count]")).to_have_text(str(before + 2))


def test_a_line_that_is_down_is_told_and_comes_back(system: System, console: Page) -> None:
    ready(console)
    before = waiting(console)
    console.evaluate(
        "window.opens = 0; document.addEventListener('engage:live-open', () => { window.opens += 1; })"
    )
    down = console.locator("#line-down")
    expect(down).to_be_empty()
    (worker,) = _children(system.pid("live"))
    os.kill(system.pid("live"), signal.SIGSTOP)  # so that nobody starts another
    os.kill(worker, signal.SIGKILL)
    try:
        expect(down).not_to_be_empty()
        writes(system, someone(system, "徽章四"))
    finally:
        os.kill(system.pid("live"), signal.SIGCONT)
    expect(down).to_be_empty()
    expect(console.locator("[data-waiting-count]")).to_have_text(str(before + 1))
    eventually(lambda: console.evaluate("window.opens"))


def test_whoever_is_logged_out_elsewhere_is_led_to_the_log_in(system: System, browser: Browser) -> None:
    with opened(browser, DESK) as page, opened(browser, DESK) as other:
        for each in (page, other):
            log_in(each, system, "agent2@kangmei")
        ready(page)
        page.evaluate("window.kept = true")
        system_end = "update staff_session set ended_at = now() where id = %s returning id"
        log_in_id = page.locator("body").get_attribute("data-log-in")
        assert system.rows(system_end, log_in_id)
        page.wait_for_url("**/console/login**", timeout=60_000)
        assert PASSWORD not in page.content()


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
