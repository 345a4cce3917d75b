"""Steps that browser tests and screenshots share."""

from __future__ import annotations

import contextlib
import os
import random
import re
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect, sync_playwright

from engage import config
from engage.cli import chromium
from engage.config import ROOT
from tests.system import System, eventually

PHONE = {"width": 390, "height": 844}
TABLET = {"width": 768, "height": 1024}
DESK = {"width": 1440, "height": 900}
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PASSWORD = "engage-demo"
APP_ID = "wxdemo0000kangmei"
# The button that refuses, on the sheet with which the phone asks for its place.
ASKS_WHERE = "section.sheet .button-plain"


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


def someone(system: System, nickname: str) -> str:
    """Make a person who follows the account."""
    fan = f"p{uuid.uuid4().hex[:8]}"
    system.control("POST", "/fans", {"fan": fan, "nickname": nickname})
    system.control("POST", f"/fans/{fan}/follow", {"appid": APP_ID})
    return fan


def open_chat(page: Page, system: System, fan: str) -> None:
    """Open the account's chat on a person's phone."""
    page.goto(phone_url(system, fan))
    page.get_by_text("康美口腔").first.click()
    page.locator(".menu-bar").wait_for()


def tap_menu(page: Page, *names: str) -> FrameLocator:
    """Tap a button of the account's menu, then one of its list; gives the page that opens."""
    for name in names:
        page.get_by_role("button", name=name, exact=True).click()
    frame = page.frame_locator("iframe")
    frame.locator("main").wait_for()
    frame.locator("body").evaluate(
        "() => document.readyState === 'complete' || new Promise(loaded => addEventListener('load', loaded))"
    )
    return frame


def close_page(page: Page) -> None:
    """Go back from a page to the chat."""
    page.locator("header a").first.click()
    page.locator(".menu-bar").wait_for()


def open_booking(page: Page, system: System, fan: str) -> FrameLocator:
    """Open the account's chat on a person's phone, and its booking page by the link of the welcome.

    The page asks where the phone is; that is refused.
    """
    open_chat(page, system, fan)
    page.locator(".bubble a", has_text="微信预约").last.click()
    frame = page.frame_locator("iframe")
    frame.get_by_text("徐汇店").first.wait_for()
    page.locator(ASKS_WHERE).click()
    return frame


def choose_time(frame: FrameLocator, *, doctor: str = "林志远", last: bool = False) -> str:
    """Choose store, doctor and the first or last free time of the day shown; gives the time."""
    frame.get_by_text("徐汇店").first.click()
    frame.locator(".choices").get_by_text(doctor).first.click()
    return pick_time(frame, last=last)


def choose_day(frame: FrameLocator | Page, link: Locator) -> None:
    """Tap a day and wait for its page: the one before marks the tapped day while it leaves."""
    day = link.get_attribute("href")
    link.click()
    expect(frame.locator(".days a[aria-current]")).to_have_attribute("href", day or "")
    expect(frame.locator("body.leaving")).to_have_count(0)


def pick_time(frame: FrameLocator, *, last: bool = False) -> str:
    """Pick a free time of the day shown and send it; gives the time as the form has it."""
    free = frame.locator(".slot:not(.taken)")
    free.first.wait_for()
    slot = free.last if last else free.first
    slot.click()
    at = slot.locator("input").get_attribute("value")
    submit(frame)
    return at or ""


def submit(frame: FrameLocator) -> None:
    """Tap what the page is for."""
    frame.locator(".thumb button[type=submit]").click()


def prove_phone(frame: FrameLocator, system: System, mobile: str, name: str) -> None:
    """Type the phone, the code of the text message and, where there is no chart, the name."""
    frame.locator("input[name=phone]").fill(mobile)
    submit(frame)
    frame.locator("input[name=code]").wait_for()
    messages = eventually(lambda: system.control("GET", "/sms", phone=mobile))
    frame.locator("input[name=code]").fill(re.search(r"\d{6}", messages[-1]["text"])[0])
    submit(frame)
    frame.locator("#field-name, .people").first.wait_for()
    if not frame.locator(".people, .held").count():
        frame.locator("input[name=name]").fill(name)
        submit(frame)


def book_first(frame: FrameLocator, system: System, name: str, *, mobile: str = "") -> None:
    """Choose the first free time, prove a phone where it is asked for, and book."""
    choose_time(frame)
    frame.locator(".held, input[name=phone]").first.wait_for()
    if frame.locator("input[name=phone]").count():
        prove_phone(frame, system, mobile or fresh_mobile(), name)
        frame.locator(".held").wait_for()
    submit(frame)
    frame.locator(".ticket").wait_for()


def fresh_mobile() -> str:
    """Give a mobile number nobody has."""
    return f"139{random.SystemRandom().randrange(10**8):08}"


def log_in(page: Page, system: System, login: str = "owner@kangmei") -> None:
    """Log in to the console."""
    page.goto(f"{system.web}/console/login")
    page.fill("input[name=username]", login)
    page.fill("input[name=password]", PASSWORD)
    page.locator("main form button[type=submit]").last.click()
    page.wait_for_url(f"{system.web}/console/")


def findings(page: Page) -> list[str]:
    """Give axe-core's serious findings on a page as it stands."""
    if not page.evaluate("'axe' in window"):
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
