"""The pictures of the README: `make screenshots` takes them of a fresh system with the demo chain."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from engage.config import ROOT
from tests.browser.pages import (
    DESK,
    PHONE,
    close_page,
    launched,
    log_in,
    open_chat,
    opened,
    pick_time,
    prove_phone,
    submit,
    tap_menu,
)
from tests.system import System, running

PICTURES = ROOT / "docs" / "pictures"
PAGES = (
    ("today", "/console/"),
    ("appointments", "/console/appointments"),
    ("board", "/console/appointments?view=board"),
    ("messages", "/console/messages"),
    ("rosters", "/console/rosters"),
    ("staff", "/console/staff"),
    ("operations", "/console/operations"),
    ("accounts", "/console/accounts"),
    ("journal", "/console/journal"),
)
# 小红's, who has a chart at the clinic that is not bound yet.
MOBILE = "13800000001"


def take(system: System, browser: Browser) -> None:
    """Take all pictures, in the light."""
    with opened(browser, PHONE) as page:
        page.emulate_media(reduced_motion="reduce")
        _take_phone(page, system)
    with opened(browser, DESK) as page:
        page.emulate_media(reduced_motion="reduce")
        _take_desk_of_phones(page, system)
    with opened(browser, DESK) as page:
        page.emulate_media(reduced_motion="reduce")
        log_in(page, system)
        for name, path in PAGES:
            page.goto(system.web + path, wait_until="networkidle")
            _shoot(page, name)
        _take_drawers(page, system)


def _take_phone(page: Page, system: System) -> None:
    open_chat(page, system, "xiaohong")
    frame = tap_menu(page, "自助绑定")
    frame.locator("input[name=phone]").wait_for()
    _shoot(page, "bind")
    prove_phone(frame, system, MOBILE, "")
    frame.locator(".people").wait_for()
    close_page(page)
    frame = tap_menu(page, "微信预约")
    frame.get_by_text("徐汇店").first.click()
    frame.get_by_text("林志远").wait_for()
    _shoot(page, "doctors")
    frame.get_by_text("林志远").click()
    frame.locator(".slot").first.wait_for()
    _shoot(page, "booking")
    pick_time(frame)
    frame.locator(".held").wait_for()
    frame.locator("label.row").first.click()
    _shoot(page, "held")
    submit(frame)
    frame.locator(".ticket").wait_for()
    _shoot(page, "booked")
    close_page(page)
    page.locator("a.card", has_text="预约成功通知").wait_for()
    _shoot(page, "phone")
    frame = tap_menu(page, "我的")
    frame.locator(".me h1").wait_for()
    _shoot(page, "me")
    frame.locator("a[href$='/appointments']").first.click()
    frame.locator(".visits").first.wait_for()
    _shoot(page, "visits")


def _take_desk_of_phones(page: Page, system: System) -> None:
    page.goto(f"{system.sandbox}/")
    page.wait_for_url("http://desk.localhost:*/**")
    page.get_by_role("button", name="加一部手机").click()
    page.locator("#others").get_by_text("建国").click()
    for fan in ("xiaohong", "jianguo"):
        seat = page.frame_locator(f'.seat[data-fan="{fan}"] iframe')
        seat.get_by_text("康美口腔").first.click()
        seat.get_by_text("欢迎关注").wait_for()
    _shoot(page, "desk")


def _take_drawers(page: Page, system: System) -> None:
    drawer = page.locator("#drawer-content")
    page.goto(f"{system.web}/console/appointments", wait_until="networkidle")
    page.locator("#list tbody a[data-drawer], #list tbody th a").first.click()
    drawer.locator(".visit-when").wait_for()
    _shoot(page, "appointment")
    drawer.locator("a[href*='/people/']").first.click()
    drawer.locator(".timeline").wait_for()
    _shoot(page, "person")
    page.goto(f"{system.web}/console/notifications", wait_until="networkidle")
    page.locator("a[href$='/appointment_created']").first.click()
    page.locator("form").last.wait_for()
    page.wait_for_load_state("networkidle")
    _shoot(page, "wording")


def _shoot(page: Page, name: str) -> None:
    page.screenshot(animations="disabled", path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "home") as system,
        launched() as started,
    ):
        take(system, started)
