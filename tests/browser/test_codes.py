"""A channel code from the form to the phone and back to its figures, in a real browser (OA-7)."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.pages import DESK, PHONE, findings, log_in, opened, overflows
from tests.running.processes import wait_for
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]


def test_a_code_is_made_scanned_and_counted(system: System, browser: Browser) -> None:
    with opened(browser, DESK) as page:
        log_in(page, system, "marketer@kangmei")
        page.goto(f"{system.web}/console/codes")
        expect(page.locator(".list tbody tr")).not_to_have_count(0)
        assert findings(page) == []
        page.locator("#page-head .button.primary").click()
        page.fill("[name=name]", "秋季义诊海报")
        page.fill("[name=caption]", "免费检查一次")
        page.fill("[name=cost]", "300")
        page.fill("[name=welcome]", "您好，义诊登记请回复姓名")
        assert findings(page) == []
        page.locator(".form-end button").click()
        expect(page.locator("h1")).to_have_text("秋季义诊海报")
        expect(page.locator("#code-picture img")).to_be_visible()  # made by WeChat meanwhile
        code_id = int(re.search(r"/codes/(\d+)", page.url)[1])
        ((url,),) = system.rows(
            "SELECT url FROM channel_ticket WHERE code_id = %s AND url IS NOT NULL", code_id
        )
        fan = system.control("POST", "/fans", {"nickname": "扫码的人"})["fan"]
        for _ in range(2):  # the first scan makes them follow
            system.control("POST", f"/fans/{fan}/scan", {"url": url})
        assert wait_for(lambda: system.count("scan WHERE code_id = %s", code_id) == 2, seconds=60)
        page.reload()
        expect(page.locator(".funnel strong").first).to_have_text("1")
        expect(page.locator(".of-new")).to_contain_text("1")
        assert findings(page) == []
        inbox = system.control("GET", f"/fans/{fan}/inbox", appid="wxdemo0000kangmei")
        assert any("义诊登记请回复姓名" in str(message) for message in inbox)
        page.locator(".funnel a").first.click()
        expect(page.locator(".list tbody tr")).to_have_count(1)
        page.goto(f"{system.web}/console/codes")
        page.locator("[data-select-all]").check()
        with page.expect_download() as fetched:
            page.locator(".bulk .button.primary").click()
        assert fetched.value.suggested_filename == "qr-codes.zip"


def test_the_pages_fit_a_phone(system: System, browser: Browser) -> None:
    with opened(browser, PHONE, locale="en-US") as page:
        log_in(page, system, "owner@kangmei")
        ((code_id,),) = system.rows(
            "SELECT code_id FROM scan GROUP BY code_id ORDER BY count(*) DESC LIMIT 1"
        )
        for path in (
            "",
            f"/{code_id}?span=90",
            f"/{code_id}/people?span=90",
            "/new",
            f"/{code_id}/edit",
            "/logo",
        ):
            page.goto(f"{system.web}/console/codes{path}")
            assert not overflows(page), path
            assert findings(page) == [], path
