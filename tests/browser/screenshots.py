"""The pictures of the README: `make screenshots` takes them of a fresh system with the demo chain."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from engage.config import ROOT
from tests.browser.pages import DESK, PHONE, book_first, launched, log_in, open_booking, opened
from tests.system import System, running

PICTURES = ROOT / "docs" / "pictures"
PAGES = (("today", "/console/"), ("staff", "/console/staff"), ("operations", "/console/operations"))


def take(system: System, browser: Browser) -> None:
    """Take all pictures, in the light."""
    with opened(browser, PHONE) as page:
        frame = open_booking(page, system, "xiaohong")
        page.screenshot(path=PICTURES / "booking.png")
        book_first(frame, "王小红")
        page.screenshot(path=PICTURES / "booked.png")
        page.locator("header a").first.click()
        page.get_by_text("预约成功通知").wait_for()
        page.screenshot(path=PICTURES / "phone.png")
    with opened(browser, DESK) as page:
        log_in(page, system)
        for name, path in PAGES:
            page.goto(system.web + path, wait_until="networkidle")
            page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "home") as system,
        launched() as started,
    ):
        take(system, started)
