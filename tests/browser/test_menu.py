"""An account's menu in a real browser: arranged, compared, on the phone, changed elsewhere, taken back."""

from __future__ import annotations

import json

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from engage.cli.demo.account import SECRET
from tests.accounts.menus import THEIRS
from tests.browser.pages import APP_ID, DESK, PHONE, findings, log_in, open_chat, opened, overflows, someone
from tests.browser.test_accounts import language
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]


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


def publish_elsewhere(system: System, buttons: list[dict[str, str]]) -> None:
    """Make a menu as WeChat's own site would, with a token of another space."""
    api = f"{system.sandbox}/cgi-bin"
    asked = {"grant_type": "client_credential", "appid": APP_ID, "secret": SECRET}
    token = requests.get(f"{api}/token", params=asked, timeout=30).json()["access_token"]
    body = json.dumps({"button": buttons}, ensure_ascii=False).encode()
    answer = requests.post(f"{api}/menu/create", params={"access_token": token}, data=body, timeout=30)
    assert answer.json()["errcode"] == 0


def on_the_phone(system: System, browser: Browser, fan: str, *names: str) -> None:
    """Look whether a person's phone shows these buttons."""
    with opened(browser, PHONE) as phone:
        open_chat(phone, system, fan)
        for name in names:
            expect(phone.locator(".menu-bar").get_by_text(name, exact=True)).to_be_visible()


def rows_of(page: Page) -> list[str]:
    """Give the names in the list of 我的, as the preview shows them."""
    return page.locator("#menu-preview .phone-list li").all_inner_texts()


def test_a_menu_is_arranged_published_changed_elsewhere_and_taken_back(
    system: System, browser: Browser, english: Page
):
    page, fan = english, someone(system, "菜单")
    page.goto(f"{system.web}/console/accounts")
    page.locator("main a.row-link", has_text="康美口腔").first.click()
    page.get_by_role("navigation", name="康美口腔").get_by_role("link", name="Menu").click()
    page.get_by_text("The saved draft is what phones show.").wait_for()

    # Limits while typing
    page.locator("#entry-book [data-open]").click()
    name = page.get_by_label("What it is called").first
    name.fill("预约看牙要快")
    expect(page.locator("#menu-preview [data-problem=book]")).to_contain_text("At most 4 Chinese characters")
    expect(page.locator("#entry-book [data-wrong=name]")).to_be_visible()
    name.fill("马上预约")
    expect(page.locator("#menu-preview [data-problem=book]")).to_have_count(0)
    expect(page.locator("#menu-preview .phone-bar")).to_contain_text("马上预约")

    # Dragged, and moved by keys
    grip = page.locator("#entry-talk [data-grip]")
    grip.drag_to(page.locator("#entry-coupons [data-grip]"))
    expect(page.locator("#menu-preview .phone-list li").first).to_have_text("联系客服")
    page.locator("#entry-hours").get_by_role("button", name="Move up").press("Enter")
    expect(page.locator("[data-said]")).to_have_text("营业时间 is in place 4 of 5")
    page.locator("#entry-me").get_by_role("button", name="Remove").click()
    page.locator("#entry-mine").get_by_role("button", name="Add to this list").click()
    added = page.locator("#entry-mine [data-rows] > li").last
    added.get_by_label("What a tap does").select_option("link")
    added.get_by_label("What it is called").fill("官网")
    added.get_by_label("Address").fill("https://kangmei.example/")
    expect(page.locator("#menu-preview .phone-list li").last).to_have_text("官网")
    expect(page.locator("#menu-preview [data-problem]")).to_have_count(0)
    arranged = rows_of(page)

    # Compared and published
    page.get_by_role("button", name="Save and compare").click()
    changes = page.locator(".menu-changes")
    changes.wait_for()
    for told in ("“微信预约” becomes “马上预约”", "“官网” in “我的”: opens https://kangmei.example/"):
        expect(changes).to_contain_text(told)
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_text("Published. Phones show it within five minutes.").wait_for()
    on_the_phone(system, browser, fan, "马上预约")

    # Changed at WeChat: noticed, and taken over
    publish_elsewhere(system, THEIRS)
    page.reload()
    page.get_by_text("The menu was changed at WeChat").wait_for()
    page.get_by_role("link", name="Compare both").click()
    page.get_by_role("button", name="Take theirs into the draft").click()
    page.get_by_text("The menu made at WeChat is the draft now.").wait_for()
    expect(page.locator("#menu-preview .phone-bar")).to_contain_text("别家")

    # Taken back to the demo's own
    page.get_by_role("link", name="Published before").click()
    page.get_by_role("link", name="微信预约 · 自助绑定 · 我的").first.click()
    assert not set(page.locator(".phone-menu").last.locator("li").all_inner_texts()) >= set(arranged)
    page.get_by_role("button", name="Go back to this menu").click()
    page.get_by_text("Published. Phones show it within five minutes.").wait_for()
    on_the_phone(system, browser, fan, "微信预约", "我的")
    page.set_viewport_size(PHONE)
    assert not overflows(page)


def test_each_line_of_the_check_up_answers_and_all_pages_read_well(system: System, browser: Browser):
    with opened(browser, DESK) as page:
        log_in(page, system)
        page.goto(f"{system.web}/console/accounts")
        page.locator("main a.row-link", has_text="康美口腔").first.click()
        account = page.url
        for path, ready in (
            ("/checkup", ".checkup li:last-child .state"),
            ("/menu", "#menu-state .state"),
            ("/menu/publish", ".menu-both"),
            ("/menu/history", "table.list"),
        ):
            for size in (DESK, PHONE):
                page.set_viewport_size(size)
                page.goto(f"{account}{path}")
                page.locator(ready).first.wait_for()
                assert (path, findings(page), overflows(page)) == (path, [], False)
        page.goto(f"{account}/checkup")
        expect(page.locator(".checkup .state")).to_have_count(10)
