"""Wording a message and looking at what was sent, in a browser: at the desk and on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import DESK, PHONE, findings, log_in, opened, overflows
from tests.browser.test_accounts import language
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]


@pytest.fixture
def english(system: System, browser: Browser):
    """The owner of 康美口腔, reading English; the language is put back."""
    errors: list[str] = []
    with opened(browser, DESK, errors=errors) as page:
        log_in(page, system)
        language(page, system, "English")
        yield page
        language(page, system, "中文")
    # Chromium complains of a refused form, which is what one test is about.
    assert [error for error in errors if "422" not in error] == []


def open_editor(page: Page, system: System, kind: str = "Appointment changed") -> None:
    """Open the editor of a kind of message."""
    page.goto(f"{system.web}/console/notifications")
    page.get_by_role("link", name=kind).first.click()  # of the demo account
    page.locator("#field-text_thing1").wait_for()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_text_is_counted_and_shown_while_it_is_typed(system: System, english: Page, size: dict):
    page = english
    page.set_viewport_size(size)
    open_editor(page, system)
    text, shown, counter = (
        page.locator("#field-text_thing1"),
        page.locator("[data-shown=thing1]"),
        page.locator("#count-text_thing1"),
    )
    expect(shown).to_have_text("徐汇店")
    text.fill("")
    page.get_by_role("button", name="Store", exact=True).click()
    expect(text).to_have_value("{store}")
    text.press_sequentially("（请准时）")
    expect(shown).to_have_text("徐汇店（请准时）")
    expect(counter).to_have_text("8 / 20")

    text.fill("一二三四五六七八九十" * 2 + "！")
    expect(counter).to_have_text("21 / 20")
    expect(text).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("#error-text_thing1").wait_for()
    expect(text).to_have_value("一二三四五六七八九十" * 2 + "！")

    text.fill("{store}{address}{address}")
    expect(text).to_have_attribute("aria-invalid", "false")
    assert (shown.text_content() or "").endswith("…")
    text.fill("{store}")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(f"{system.web}/console/notifications")
    page.get_by_text("Saved. It holds for messages from now on.").wait_for()


def test_another_template_brings_its_own_keys(system: System, english: Page):
    page = english
    open_editor(page, system, "Appointment cancelled")
    kept = page.locator("#field-template_id").input_value()
    page.locator("#field-template_id").select_option(label="预约成功通知")
    page.locator("#field-text_phone_number4").wait_for()
    expect(page.locator("#field-text_phone_number4")).to_have_value("{phone}")
    expect(page.locator("[data-shown=phone_number4]")).not_to_have_text("")
    page.locator("#field-text_phone_number4").fill("电话")
    expect(page.locator("#field-text_phone_number4")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("link", name="Cancel", exact=True).click()
    open_editor(page, system, "Appointment cancelled")
    expect(page.locator("#field-template_id")).to_have_value(kept)


def test_what_was_sent_is_found_by_patient_and_opened(system: System, english: Page):
    page = english
    page.goto(f"{system.web}/console/messages?kind=appointment_created")  # of a patient, not of a fan alone
    page.locator("a.row-link").first.click()
    drawer = page.locator("#drawer")
    drawer.locator(".card dl").wait_for()
    name = drawer.locator(".facts dd").first.text_content() or ""
    page.keyboard.press("Escape")
    page.locator("#find").fill(name)
    page.keyboard.press("Enter")
    chosen = page.locator(".found a, .chip-pair.on").first
    chosen.wait_for()
    assert name not in page.url


@pytest.mark.parametrize(
    ("name", "dark"), [pytest.param("中文", False, marks=pytest.mark.large), ("English", True)]
)
def test_the_pages_are_accessible(system: System, browser: Browser, name: str, dark: bool):
    problems = []
    with opened(browser, DESK, dark=dark) as page:
        log_in(page, system)
        language(page, system, name)
        page.goto(f"{system.web}/console/messages")
        message = page.locator("a.row-link").first.get_attribute("href")
        page.goto(f"{system.web}/console/notifications")
        editor = page.locator("a.row-link").first.get_attribute("href")
        for path in ("/console/notifications", editor, "/console/messages", message):
            page.goto(f"{system.web}{path}")
            for size in (PHONE, DESK):
                page.set_viewport_size(size)
                problems += [f"{path} at {size['width']}: {finding}" for finding in findings(page)]
                problems += [f"{path} at {size['width']} scrolls sideways"] if overflows(page) else []
        language(page, system, "中文")
    assert problems == []
