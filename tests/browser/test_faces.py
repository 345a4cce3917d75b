"""Every page of both faces: accessible, no sideways scroll, light and dark, three widths, both languages."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.pages import DESK, PHONE, TABLET, findings, log_in, opened, overflows
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

CONSOLE = (
    "/console/",
    "/console/staff",
    "/console/staff/new",
    "/console/profile",
    "/console/operations",
    "/console/search",
    "/console/people",
    "/console/people/new",
    "/console/_gallery",
    "/console/nothing-here",
)


@pytest.mark.parametrize(
    ("language", "dark"), [pytest.param("zh_Hans", False, marks=pytest.mark.large), ("en", True)]
)
def test_the_console_is_accessible(system: System, browser: Browser, language: str, dark: bool):
    problems = []
    with opened(browser, DESK, dark=dark) as page:
        page.goto(f"{system.web}/console/login")
        problems += _look(page, "/console/login", DESK)
        log_in(page, system)
        _switch(page, system, language)
        for path in CONSOLE:
            page.goto(system.web + path)
            for size in (PHONE, TABLET, DESK):
                problems += _look(page, path, size)
        _switch(page, system, "zh_Hans")
    assert problems == []


@pytest.mark.parametrize(("locale", "dark"), [("zh-CN", False), ("en-GB", True)])
def test_patient_pages_are_accessible(system: System, browser: Browser, locale: str, dark: bool):
    problems = []
    with opened(browser, PHONE, locale=locale, dark=dark) as page:
        for path in ("/p/kangmei/booking", "/p/kangmei/appointments/999999"):
            page.goto(system.on_phone_of("xiaohong", path))
            for size in ({"width": 320, "height": 640}, PHONE, TABLET):
                problems += _look(page, path, size)
    assert problems == []


def _look(page: Page, path: str, size: dict[str, int]) -> list[str]:
    page.set_viewport_size(size)
    found = findings(page)
    if overflows(page):
        found.append("scrolls sideways")
    return [f"{path} at {size['width']}: {finding}" for finding in found]


def _switch(page: Page, system: System, language: str) -> None:
    page.goto(f"{system.web}/console/")
    page.evaluate(
        """async ([url, language]) => {
            const token = document.querySelector('input[name=csrf_token]').value
            const body = new URLSearchParams({csrf_token: token, locale: language})
            await fetch(url, {method: 'POST', body})
        }""",
        [f"{system.web}/console/language", language],
    )
