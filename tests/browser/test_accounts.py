"""Connecting an official account, asking WeChat, and replaying a push, in a browser."""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import DESK, PHONE, findings, log_in, opened, overflows
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

SECRET = "0123456789abcdef0123456789abcdef"


def language(page: Page, system: System, name: str) -> None:
    """Choose a language in the top bar."""
    page.goto(f"{system.web}/console/")
    page.locator(".topbar-end details").first.click()
    page.get_by_role("button", name=name, exact=True).click()
    page.locator(f"html[lang={'en' if name == 'English' else 'zh-Hans'}]").wait_for()


@pytest.fixture
def english(system: System, browser: Browser):
    """The owner of 康美口腔 at a desk, reading English; the language is put back."""
    errors: list[str] = []
    with opened(browser, DESK, errors=errors) as page:
        log_in(page, system)
        language(page, system, "English")
        yield page
        language(page, system, "中文")
    assert errors == []


def test_an_account_is_connected_and_wechats_check_shows_by_itself(system: System, english: Page):
    page, app_id = english, f"wx{uuid.uuid4().hex[:16]}"
    page.goto(f"{system.web}/console/accounts")
    page.get_by_role("link", name="Connect an account").click()
    page.get_by_label("App ID").fill(app_id)
    page.locator("[name=secret]").fill(SECRET)
    page.get_by_label("Account name").fill("康美口腔静安店")
    page.get_by_label("Address of patient pages").fill(f"b{app_id[2:12]}")
    expect(page.locator("#count-slug")).to_have_text("11 / 30")
    page.get_by_role("button", name="Connect", exact=True).click()
    page.get_by_text("Waiting for WeChat’s check").wait_for()
    keys = {name: page.locator(f"#{name}").text_content() for name in ("url", "token", "aes-key")}
    system.control(
        "POST",
        "/accounts",
        {
            "appid": app_id,
            "secret": SECRET,
            "token": keys["token"],
            "encoding_aes_key": keys["aes-key"],
            "mode": "safe",
            "callback_url": keys["url"],
        },
    )
    system.control("POST", f"/accounts/{app_id}/verify")
    page.get_by_text("WeChat checked this address on").wait_for()

    page.get_by_role("button", name="Ask WeChat").click()
    page.get_by_text("WeChat accepts the app ID and the secret.").wait_for()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy Token").click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == keys["token"]


def test_a_push_is_looked_at_and_replayed(system: System, english: Page):
    page, words = english, f"words {uuid.uuid4().hex}"
    message = {"appid": "wxdemo0000kangmei", "msgtype": "text", "content": words}
    system.control("POST", "/fans/xiaohong/send", message)
    page.goto(f"{system.web}/console/journal?kind=text")
    page.locator("a.row-link").first.click()
    drawer = page.locator("#drawer")
    drawer.get_by_text(words).wait_for()
    drawer.get_by_role("button", name="Replay").click()
    page.get_by_text("It takes effect again in a moment.").wait_for()
    # A worker takes it up, and the drawer tells so by itself.
    expect(drawer.locator("#outcome .state")).to_have_text("Done", timeout=30_000)
    assert "/console/journal?kind=text" in page.url


@pytest.mark.parametrize(
    ("name", "dark"), [pytest.param("中文", False, marks=pytest.mark.large), ("English", True)]
)
def test_the_pages_are_accessible(system: System, browser: Browser, name: str, dark: bool):
    system.control(
        "POST", "/fans/xiaohong/send", {"appid": "wxdemo0000kangmei", "msgtype": "text", "content": "?"}
    )
    problems = []
    with opened(browser, DESK, dark=dark) as page:
        log_in(page, system)
        language(page, system, name)
        page.goto(f"{system.web}/console/accounts")
        account = page.locator("a.row-link").first.get_attribute("href")
        page.goto(f"{system.web}/console/journal")
        push = page.locator("a.row-link").first.get_attribute("href")
        for path in (
            "/console/accounts",
            "/console/accounts/new",
            account,
            f"{account}/edit",
            "/console/journal",
            push,
        ):
            page.goto(f"{system.web}{path}")
            for size in (PHONE, DESK):
                page.set_viewport_size(size)
                problems += [f"{path} at {size['width']}: {finding}" for finding in findings(page)]
                problems += [f"{path} at {size['width']} scrolls sideways"] if overflows(page) else []
        language(page, system, "中文")
    assert problems == []


def test_a_chain_without_an_account_is_told_what_to_do(system: System, browser: Browser):
    with opened(browser, DESK) as page:
        log_in(page, system, "owner@hanbit")
        page.goto(f"{system.web}/console/journal")
        page.locator(".empty a").click()
        page.locator("[name=app_id]").wait_for()
