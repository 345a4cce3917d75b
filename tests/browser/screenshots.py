"""The pictures of the README: `make screenshots` takes them of a fresh system with the demo chain."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from engage.config import ROOT
from tests.browser.pages import DESK, PHONE, book_first, launched, log_in, open_booking, opened
from tests.system import System, running

PICTURES = ROOT / "docs" / "pictures"
PAGES = (
    ("today", "/console/"),
    ("staff", "/console/staff"),
    ("operations", "/console/operations"),
    ("accounts", "/console/accounts"),
    ("journal", "/console/journal"),
)


def take(system: System, browser: Browser) -> None:
    """Take all pictures, in the light."""
    with opened(browser, PHONE) as page:
        page.emulate_media(reduced_motion="reduce")
        frame = open_booking(page, system, "xiaohong")
        page.screenshot(animations="disabled", path=PICTURES / "booking.png")
        book_first(frame, "王小红")
        page.screenshot(animations="disabled", path=PICTURES / "booked.png")
        page.locator("header a").first.click()
        page.get_by_text("预约成功通知").wait_for()
        page.screenshot(animations="disabled", path=PICTURES / "phone.png")
    system.control("POST", "/fans", {"fan": "jianguo", "nickname": "建国"})
    system.control("POST", "/fans/jianguo/follow", {"appid": "wxdemo0000kangmei"})
    with opened(browser, DESK) as page:
        page.emulate_media(reduced_motion="reduce")
        page.goto(f"{system.sandbox}/")
        page.wait_for_url("http://desk.localhost:*/**")
        page.get_by_role("button", name="加一部手机").click()
        page.locator("#others").get_by_text("建国").click()
        for fan in ("xiaohong", "jianguo"):
            page.frame_locator(f'.seat[data-fan="{fan}"] iframe').get_by_text("康美口腔").first.click()
            page.frame_locator(f'.seat[data-fan="{fan}"] iframe').get_by_text("欢迎关注").wait_for()
        page.screenshot(animations="disabled", path=PICTURES / "desk.png")
    with opened(browser, DESK) as page:
        log_in(page, system)
        for name, path in PAGES:
            page.goto(system.web + path, wait_until="networkidle")
            page.screenshot(animations="disabled", path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "home") as system,
        launched() as started,
    ):
        take(system, started)
