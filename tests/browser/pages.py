"""Steps that browser tests and screenshots share."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from playwright.sync_api import Browser, FrameLocator, Page, sync_playwright

from engage import config
from engage.cli import chromium
from engage.config import ROOT
from tests.system import System

PHONE = {"width": 390, "height": 844}
TABLET = {"width": 768, "height": 1024}
DESK = {"width": 1440, "height": 900}
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PASSWORD = "engage-demo"


@contextlib.contextmanager
def opened(
    browser: Browser,
    size: dict[str, int],
    *,
    locale: str = "zh-CN",
    dark: bool = False,
    errors: list[str] | None = None,
) -> Iterator[Page]:
    """Give a page of a fresh browser profile; what the page complains of goes to `errors`."""
    # Scripts of ours must pass the content policy, the test's own need not.
    context = browser.new_context(
        viewport=size, locale=locale, color_scheme="dark" if dark else "light", bypass_csp=errors is None
    )
    page = context.new_page()
    if errors is not None:
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """Give headless Chromium, with our fonts."""
    found = chromium.find(config.load().chromium)
    if found is None:
        raise RuntimeError("no Chromium: `make browser` sets one up, ENGAGE_CHROMIUM names another")
    environment = {**os.environ, **found.environment}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(found.path), args=list(found.arguments), env=environment
        )
        yield browser
        browser.close()


def phone_url(system: System, fan: str) -> str:
    """Give the address of a person's phone."""
    return f"http://{fan}.localhost:{urlsplit(system.sandbox).port}/phone"


def open_booking(page: Page, system: System, fan: str) -> FrameLocator:
    """Open the account's chat on a person's phone, and its booking page by the link of the welcome."""
    page.goto(phone_url(system, fan))
    page.get_by_text("康美口腔").first.click()
    page.locator(".bubble a").last.click()
    frame = page.frame_locator("iframe")
    frame.locator(".slot").first.wait_for()
    return frame


def book_first(frame: FrameLocator, name: str) -> None:
    """Choose the first free time, write who comes, and book."""
    frame.locator(".slot:not(.taken)").first.click()
    frame.locator("input[name=name]").fill(name)
    frame.locator("button[type=submit]").click()
    frame.locator(".ticket").wait_for()


def log_in(page: Page, system: System, login: str = "owner@kangmei") -> None:
    """Log in to the console."""
    page.goto(f"{system.web}/console/login")
    page.fill("input[name=username]", login)
    page.fill("input[name=password]", PASSWORD)
    page.locator("main form button[type=submit]").last.click()
    page.wait_for_url(f"{system.web}/console/")


def findings(page: Page) -> list[str]:
    """Give axe-core's serious findings on a page as it stands."""
    page.add_script_tag(path=AXE)
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{found['id']}: {found['nodes'][0]['html'][:120]}"
        for found in result["violations"]
        if found["impact"] in {"serious", "critical"}
    ]


def overflows(page: Page) -> bool:
    """Whether the page scrolls sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
