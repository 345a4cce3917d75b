"""A profile from the phone to the chart, and a second phone bound at the desk (PT-5, PT-6)."""

from __future__ import annotations

import io
import json
import subprocess
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from engage.config import ROOT
from tests.browser.pages import DESK, PHONE, findings, log_in, opened, overflows
from tests.browser.test_bind import Somebody
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

NAME = "欧阳静怡"
DECODE = """
import decode from 'qr/decode.js';
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { width, height } = JSON.parse(process.argv[1]);
process.stdout.write(decode({ width, height, data: new Uint8Array(Buffer.concat(chunks)) }));
"""


def scanned(page: Page) -> str:
    """Read the code on the screen as a phone does."""
    picture = Image.open(io.BytesIO(page.locator(".bind-picture").screenshot())).convert("RGBA")
    size = json.dumps({"width": picture.width, "height": picture.height})
    told = subprocess.run(
        [ROOT / ".venv" / "bin" / "node", "--input-type=module", "-e", DECODE, size],
        input=picture.tobytes(),
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    return told.stdout.decode()


def sound(page: Page) -> None:
    assert findings(page) == []
    assert not overflows(page)


def test_a_profile_becomes_a_chart_and_the_family_is_bound_at_the_desk(
    system: System, browser: Browser
) -> None:
    with opened(browser, PHONE) as phone, opened(browser, DESK) as desk, opened(browser, PHONE) as second:
        fan = Somebody.on(phone, system)
        fan.open("/profile")
        phone.locator(".ask-phone a").click()
        fan.ask()
        fan.type_code(fan.code())
        phone.fill("input[name=name]", " ")
        fan.submit()
        expect(phone.locator("#error-name")).to_be_visible()
        sound(phone)
        phone.fill("input[name=name]", NAME)
        phone.locator("input[name=sex][value=f]").check(force=True)
        fan.submit()
        expect(phone.locator(".done-sign.tone-waiting")).to_be_visible()

        log_in(desk, system, "desk@kangmei")
        desk.goto(f"{system.web}/console/chats?which=waiting")
        desk.locator(".chat-row:has(.chat-profile)").last.locator("a").click()
        desk.locator(".person-profile a.button").click()
        drawer = desk.locator("#drawer")
        expect(drawer.get_by_role("heading", name=NAME)).to_be_visible()
        sound(desk)
        drawer.locator("form[action$='/create'] button").click()
        drawer.locator(".sheet-links a[href*='/console/people/']").click()
        drawer.locator("form[action$='/code'] button").click()
        expect(drawer.locator(".bind-standing .tone-waiting")).to_be_visible()
        sound(desk)

        other = Somebody.on(second, system)
        page = urlsplit(scanned(desk))
        other.open(page.path.removeprefix("/p/kangmei"))
        expect(second.get_by_role("heading", name="欧*怡")).to_be_visible()
        sound(second)
        other.submit()
        second.wait_for_url("**/bind/done")
        expect(drawer.locator(".bind-standing .tone-good")).to_be_visible()

        phone.reload()
        expect(phone.locator(".done-sign.tone-good")).to_be_visible()
        desk.keyboard.press("Escape")
        expect(desk.locator("#person").get_by_role("link", name=NAME)).to_be_visible()
