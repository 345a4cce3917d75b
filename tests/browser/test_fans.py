"""Fans in a real browser: filtered, marked, tagged all at once, exported; desk and phone (PT-1, PT-2)."""

from __future__ import annotations

import io
import re

import openpyxl
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import DESK, PHONE, findings, log_in, opened, overflows
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

GROUP, TAG = "浏览器测试", "春季回访"


def make_tag(page: Page, system: System) -> None:
    """Make a group and a tag in it."""
    page.goto(f"{system.web}/console/tags")
    page.fill("#new-group", GROUP)
    page.press("#new-group", "Enter")
    panel = page.locator("section", has=page.get_by_role("heading", name=GROUP))
    panel.locator(".tag-new .input").fill(TAG)
    panel.locator(".tag-new .input").press("Enter")
    expect(panel.locator("a.tag")).to_have_text(TAG)


def choose(page: Page, argument: str, label: str) -> None:
    """Choose something in the filter bar, by a press on its words; the address and the list follow."""
    page.locator("[data-filter-add] > summary").click()
    page.locator(f"[data-filter-open={argument}]").click()
    page.locator(f"[data-filter={argument}] label span", has_text=label).click()
    expect(page.locator(f"[data-filter={argument}] details")).to_have_attribute("open", "")
    page.wait_for_url(lambda url: f"{argument}=" in url)
    page.keyboard.press("Escape")  # the open list lies over the first rows


def test_fans_are_filtered_marked_and_exported(system: System, browser: Browser):
    errors: list[str] = []
    with opened(browser, DESK, errors=errors) as page:
        log_in(page, system)
        make_tag(page, system)

        # All that match, by the worker; the page follows by itself.
        page.goto(f"{system.web}/console/fans")
        choose(page, "tag", "种植牙")
        rows = page.locator("#list tbody tr")
        expect(rows.filter(has_not_text="种植牙")).to_have_count(0)
        expect(page.locator(".fan-count")).to_have_text(re.compile(rf"^{rows.count()} "))
        many = rows.count()
        page.locator(".button-menu > summary").click()
        page.locator(".button-menu a[href*='do=tag']").click()
        page.locator("label.choosable", has_text=TAG).click()
        page.locator(".form-end button").click()
        expect(page.locator("#task .state.tone-good")).to_be_visible()
        expect(page.locator("#task .num")).to_contain_text(str(many))

        # One of them in the drawer: the remark is found by its initials, the tag goes and comes.
        page.goto(f"{system.web}/console/fans")
        choose(page, "tag", TAG)
        expect(rows).to_have_count(many)
        rows.first.locator("a.row-link").click()
        drawer = page.locator("#drawer-content")
        drawer.locator("[name=remark]").fill("张阿姨")
        drawer.locator("[name=remark]").press("Enter")
        expect(rows.first).to_contain_text("张阿姨")
        drawer.locator(".tag", has_text=TAG).locator("button").click()
        expect(rows).to_have_count(many - 1)
        page.keyboard.press("Escape")
        page.fill("#find", "zay")
        page.press("#find", "Enter")
        expect(page.locator("#list tbody tr")).to_have_count(1)

        # The Excel file of a filter.
        page.goto(f"{system.web}/console/fans?follow=any")
        choose(page, "tag", TAG)
        page.locator(".button-menu > summary").click()
        page.locator(".button-menu a[href*='do=export']").click()
        page.locator(".form-end button").click()
        with page.expect_download() as download:
            page.locator("#task a[download]").click()
        content = download.value.path().read_bytes()
        assert (
            len(list(openpyxl.load_workbook(io.BytesIO(content)).active.rows)) == many
        )  # the head, and one row less than before
    assert errors == [], errors


def test_the_pages_fit_every_width_and_read_well(system: System, browser: Browser):
    for size in (DESK, PHONE):
        with opened(browser, size) as page:
            log_in(page, system)
            for path in ("fans", "fans/bulk?do=tag", "fans/bulk?do=export", "tags"):
                page.goto(f"{system.web}/console/{path}")
                assert findings(page) == [], path
                assert not overflows(page), path
            # A list of choices stays on the screen, wherever its chip stands.
            page.goto(f"{system.web}/console/fans?sex=f")
            for argument in ("bound", "agent", "region"):
                page.locator("[data-filter-add] > summary").click()
                assert not overflows(page), argument
                page.locator(f"[data-filter-open={argument}]").click()
                expect(page.locator(f"[data-filter={argument}] .filter-choices")).to_be_visible()
                assert not overflows(page), argument
                page.locator(f"[data-filter={argument}] label span").first.click()
                page.wait_for_url(lambda url, name=argument: f"{name}=" in url)
                page.keyboard.press("Escape")
            page.goto(f"{system.web}/console/fans")
            page.locator("a.row-link").first.click()
            expect(page.locator("#drawer-content [name=remark]")).to_be_visible()
            assert findings(page) == []
