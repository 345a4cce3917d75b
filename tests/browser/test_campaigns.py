"""A marketer plans a push, watches it run, pauses it and looks somebody up; a phone has the coupon."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import DESK, PHONE, findings, log_in, opened, overflows, someone
from tests.browser.test_accounts import language
from tests.system import System, eventually

MARKETER = "marketer@kangmei"
SMALL_DESK = {"width": 1024, "height": 768}

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]


@pytest.fixture
def english(system: System, browser: Browser):
    """The marketer of 康美口腔, reading English; the language is put back."""
    errors: list[str] = []
    with opened(browser, DESK, errors=errors) as page:
        log_in(page, system, MARKETER)
        language(page, system, "English")
        yield page
        language(page, system, "中文")
    # Chromium complains of a refused form, which is what one test is about.
    assert [error for error in errors if "422" not in error] == []


def plan(page: Page, system: System) -> str:
    """Plan a push of the first coupon under a name of its own; gives the name."""
    name = f"Push {uuid.uuid4().hex[:6]}"
    page.goto(f"{system.web}/console/campaigns/new")
    page.locator("#field-coupon").select_option(index=1)
    page.locator(".plan-preview .coupon").wait_for()
    page.locator("#field-name").fill(name)
    page.get_by_role("button", name="Schedule", exact=True).click()
    page.wait_for_url(re.compile(r"/console/campaigns/\d+$"))
    return name


def begin(page: Page) -> None:
    """Start the campaign that is shown at once."""
    page.locator("#decide-start").click()
    page.locator("#act-start").click()
    page.locator("#progress .funnel").wait_for()


def test_the_plan_shows_what_will_happen_while_it_is_made(system: System, english: Page):
    page = english
    page.goto(f"{system.web}/console/campaigns/new")
    expect(page.locator("#consequence")).to_be_empty()
    page.locator("#field-coupon").select_option(index=1)
    expect(page.locator(".plan-preview .coupon")).to_be_visible()
    expect(page.locator(".plan-preview .card-title")).to_be_visible()
    expect(page.locator("#consequence")).to_contain_text("goes to")
    tomorrow = page.get_by_role("button", name="Tomorrow 10:00")
    expect(tomorrow).to_have_attribute("aria-pressed", "true")
    page.locator("#field-time").fill("11:30")
    page.locator("#field-time").blur()
    expect(tomorrow).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#consequence")).to_contain_text("11:30")
    tomorrow.click()
    expect(page.locator("#field-time")).to_have_value("10:00")
    expect(page.locator("#consequence")).to_contain_text("10:00")
    # A press on the words of an option chooses it, and the list stays open for the next one.
    page.locator("[data-filter-add] > summary").click()
    page.locator("[data-filter-open=tag]").click()
    options = page.locator("[data-filter=tag] .filter-option")
    for number in (0, 1):
        with page.expect_response(lambda answer: "/campaigns/preview" in answer.url and "tag=" in answer.url):
            options.nth(number).locator("span").click()
        expect(options.nth(number).locator("input")).to_be_checked()
        expect(page.locator("[data-filter=tag] details")).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    expect(page.locator("[data-filter=tag] details")).not_to_have_attribute("open", "")
    page.locator("#field-day").fill("2020-01-01")
    page.get_by_role("button", name="Schedule", exact=True).click()
    page.locator("#error-time").wait_for()
    expect(page.locator("#field-day")).to_have_value("2020-01-01")
    expect(page.locator("[data-filter=tag] input:checked")).to_have_count(2)


def test_it_is_planned_started_watched_and_looked_up(system: System, english: Page):
    page = english
    nickname = f"Rain {uuid.uuid4().hex[:5]}"
    fan = someone(system, nickname)
    eventually(lambda: system.count("fan where openid = %s", _openid(system, fan)) == 1)
    name = plan(page, system)
    expect(page.locator(".campaign-head .state")).to_have_text("Scheduled")
    begin(page)
    # The page follows by itself: nothing is reloaded from here on.
    expect(page.locator(".campaign-head .state")).to_have_text("Finished", timeout=60_000)
    expect(page.locator(".now-percent")).to_have_text("100%")
    expect(page.locator("#act-pause")).to_have_count(0)
    meant = page.locator("#step-all .funnel-count").inner_text()
    page.locator("#find").fill("nobody of this name")
    page.get_by_role("button", name="Look up").click()
    page.get_by_text("Nobody of this name was meant").wait_for()
    page.locator("#step-all").click()
    page.locator("table.list").wait_for()
    page.go_back()
    page.goto(f"{system.web}/console/campaigns")
    row = page.locator("tr", has_text=name)
    expect(row).to_contain_text("Finished")
    expect(row).to_contain_text(f"/ {meant}")
    with_it = "coupon_grant g join fan f on f.tenant_id = g.tenant_id and f.id = g.fan_id where f.openid = %s"
    assert system.count(with_it, _openid(system, fan)) == 1


def test_it_is_ended_with_its_consequence_beside_the_button(system: System, english: Page):
    page = english
    plan(page, system)
    page.locator("#decide-end").click()
    expect(page.get_by_text("It will not begin. This cannot be undone.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#act-end")).to_be_hidden()
    page.locator("#decide-end").focus()
    page.keyboard.press("Enter")
    page.locator("#act-end").press("Enter")
    expect(page.locator(".campaign-head .state")).to_have_text("Cancelled")
    expect(page.get_by_text("Nobody got anything")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "dark"), [("中文", False), pytest.param("English", True, marks=pytest.mark.large)]
)
def test_the_pages_are_accessible(system: System, browser: Browser, name: str, dark: bool):
    problems = []
    with opened(browser, DESK, dark=dark) as page:
        log_in(page, system, MARKETER)
        language(page, system, name)
        page.goto(f"{system.web}/console/campaigns")
        campaigns = [link.get_attribute("href") for link in page.locator("a.row-link").all()]
        paths = ["/console/campaigns", "/console/campaigns/new", *campaigns[:4], f"{campaigns[-1]}/people"]
        for path in paths:
            page.goto(f"{system.web}{path}")
            for size in (PHONE, SMALL_DESK, DESK):
                page.set_viewport_size(size)
                problems += [f"{path} at {size['width']}: {finding}" for finding in findings(page)]
                problems += [f"{path} at {size['width']} scrolls sideways"] if overflows(page) else []
        language(page, system, "中文")
    assert problems == []


def _openid(system: System, fan: str) -> str:
    return str(system.control("GET", f"/fans/{fan}/openid", appid="wxdemo0000kangmei")["openid"])
