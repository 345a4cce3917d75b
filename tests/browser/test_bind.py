"""Binding a number on the phone, looked at by a real browser (PT-4, PT-5)."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from engage.config import ROOT
from tests.browser.pages import PHONE, findings, opened, overflows
from tests.system import System, eventually

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

APP_ID = "wxdemo0000kangmei"
SMALLEST = {"width": 320, "height": 568}
LOOKS = [("zh-CN", False), ("en", True)]


@dataclass(frozen=True)
class Somebody:
    """A person with a number nobody has, who follows the account, and their browser."""

    system: System
    page: Page
    fan: str
    mobile: str

    @classmethod
    def on(cls, page: Page, system: System) -> Somebody:
        """Make somebody."""
        fan, mobile = f"b{uuid.uuid4().hex[:8]}", f"137{random.SystemRandom().randrange(10**8):08}"
        system.control("POST", "/fans", {"fan": fan, "nickname": "韩梅梅", "phone": mobile})
        system.control("POST", f"/fans/{fan}/follow", {"appid": APP_ID})
        return cls(system, page, fan, mobile)

    def open(self, path: str) -> None:
        """Open a patient page; consent to show the name is given."""
        self.page.goto(self.system.on_phone_of(self.fan, f"/p/kangmei{path}"))
        allow = self.page.get_by_role("link", name=re.compile("^(允许|Allow)$"))
        if allow.count():
            allow.click()

    def ask(self) -> None:
        """Ask for a code."""
        self.page.fill("input[name=phone]", self.mobile)
        self.submit()
        self.page.locator("input[name=code]").wait_for()

    def code(self, count: int = 1) -> str:
        """Give the code of the latest of so many text messages."""

        def come() -> list[dict[str, Any]] | None:
            messages = self.system.control("GET", "/sms", phone=self.mobile)
            return messages if len(messages) >= count else None

        return str(eventually(come)[-1]["params"]["code"])

    def type_code(self, code: str) -> None:
        """Type a code and send it."""
        self.page.fill("input[name=code]", code)
        self.submit()

    def submit(self) -> None:
        """Press the main button."""
        self.page.locator(".thumb button[type=submit]").click()

    def bind(self, name: str = "韩梅梅") -> None:
        """Go the whole way."""
        self.ask()
        self.type_code(self.code())
        self.page.fill("input[name=name]", name)
        self.submit()


@pytest.fixture
def somebody(system: System, browser: Browser) -> Iterator[Somebody]:
    with opened(browser, PHONE) as page:
        yield Somebody.on(page, system)


def not_the(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def looks_right(page: Page, look: str = "") -> None:
    """Fail where the page has serious findings, scrolls sideways, or has a target that is too small."""
    assert findings(page) == [], look
    assert not overflows(page), look
    small = page.locator("main :is(a, button):visible").evaluate_all(
        "found => found.filter(one => one.getBoundingClientRect().height < 44).map(one => one.outerHTML)"
    )
    assert small == [], look


@pytest.mark.parametrize(("locale", "dark"), LOOKS)
def test_from_the_number_to_ones_own_page(system: System, browser: Browser, locale: str, dark: bool) -> None:
    with opened(browser, PHONE, locale=locale, dark=dark) as page:
        one = Somebody.on(page, system)
        one.open("/bind")
        looks_right(page, "number")
        page.fill("input[name=phone]", "138")
        one.submit()
        expect(page.locator(".wrong")).to_be_visible()
        expect(page.locator("input[name=phone]")).to_have_value("138")
        looks_right(page, "no number")
        one.ask()
        expect(page.locator(".question")).to_contain_text(f"{one.mobile[:3]}****{one.mobile[-4:]}")
        assert one.mobile not in page.content()
        assert one.mobile not in page.url
        looks_right(page, "code")
        wrong = not_the(one.code())
        one.type_code(wrong)
        expect(page.locator(".wrong")).to_be_visible()
        expect(page.locator("input[name=code]")).to_have_value(wrong)
        looks_right(page, "wrong code")
        one.type_code(one.code())
        expect(page.locator("input[name=name]")).to_be_visible()
        looks_right(page, "name")
        page.fill("input[name=name]", "韩梅梅")
        one.submit()
        expect(page.locator(".person-name")).to_have_text("韩梅梅")
        looks_right(page, "done")
        one.open("/me")
        expect(page.locator(".person-phone")).to_have_text(f"{one.mobile[:3]}****{one.mobile[-4:]}")
        looks_right(page, "me")
        page.locator(".person .other").click()
        button = page.locator("main form button")
        expect(button).to_contain_text("韩梅梅")
        looks_right(page, "unbind")
        button.click()
        expect(page.locator(".told")).to_be_visible()
        expect(page.locator(".person")).to_have_count(0)
        looks_right(page, "unbound")


def test_the_pages_complain_of_nothing(system: System, browser: Browser) -> None:
    errors: list[str] = []
    with opened(browser, PHONE, errors=errors) as page:
        one = Somebody.on(page, system)
        one.open("/bind")
        one.bind()
        one.open("/me")
        expect(page.locator(".person-name")).to_be_visible()
    assert errors == []


@pytest.mark.parametrize("interrupted", ["/booking", "/appointments"])
def test_the_interrupted_page_continues_and_what_was_typed_stays(
    somebody: Somebody, interrupted: str
) -> None:
    page = somebody.page
    somebody.open(f"/bind?next=/p/kangmei{interrupted}")
    page.fill("input[name=phone]", somebody.mobile)
    page.reload()
    expect(page.locator("input[name=phone]")).to_have_value(somebody.mobile)
    somebody.submit()
    page.locator("input[name=code]").wait_for()
    page.reload()  # as after a look at the text message
    page.locator(".question .other").click()
    expect(page.locator("input[name=phone]")).to_have_value(somebody.mobile)
    page.go_back()
    somebody.type_code(somebody.code())
    page.fill("input[name=name]", "韩梅梅")
    page.reload()
    expect(page.locator("input[name=name]")).to_have_value("韩梅梅")
    somebody.submit()
    page.wait_for_url(f"**/p/kangmei{interrupted}")


def test_the_seconds_to_another_code_are_counted(somebody: Somebody) -> None:
    page = somebody.page
    page.clock.install()
    somebody.open("/bind")
    somebody.ask()
    left, words = page.locator(".again b"), page.locator(".again p")
    first, sentence = int(left.inner_text()), words.inner_text()
    page.clock.run_for(20_000)
    assert int(left.inner_text()) <= first - 20
    assert words.inner_text() == sentence.replace(str(first), left.inner_text()), "the page's words stay"
    expect(page.locator(".again button")).to_be_hidden()
    page.clock.run_for(41_000)
    expect(words).to_be_hidden()
    expect(page.locator(".again button")).to_be_visible()
    looks_right(page)
    page.locator(".again button").click()  # the phone's clock runs ahead of ours
    expect(page.locator(".wrong")).to_be_visible()
    expect(page.locator("input[name=code]")).to_be_visible()


def test_the_script_has_no_words_to_show() -> None:
    script = (ROOT / "static/patient/bind.js").read_text()
    shown = re.sub(r"//.*|'use strict'|querySelector\('[^']*'\)|addEventListener\('[^']*'", "", script)
    assert re.findall(r"['\"`]", shown) == []


@pytest.mark.parametrize("what", ["over", "spent", "unsent"])
def test_a_code_of_no_use_is_told_and_the_way_on_is_a_new_one(somebody: Somebody, what: str) -> None:
    page, system = somebody.page, somebody.system
    somebody.open("/bind")
    somebody.ask()
    code = somebody.code()
    ((code_id,),) = system.rows("select max(id) from phone_code")
    change = {
        "over": "expires_at = created_at, created_at = created_at - interval '5 minutes'",
        "spent": "tries = 5",
        "unsent": "state = 'failed', reason = 'refused'",
    }
    system.rows(f"update phone_code set {change[what]} where id = %s returning id", code_id)  # noqa: S608
    if what == "unsent":
        page.reload()
    else:
        somebody.type_code(code)
    expect(page.locator(".wrong")).to_be_visible()
    expect(page.locator("input[name=code]")).to_have_count(0)
    looks_right(page, what)
    long_ago = "update phone_limit set last_at = last_at - interval '2 minutes' returning tenant_id"
    system.rows(long_ago)
    system.rows(
        "update phone_code set created_at = created_at - interval '2 minutes' where id = %s returning id",
        code_id,
    )
    page.reload()
    somebody.submit()
    somebody.type_code(somebody.code(2))
    expect(page.locator("input[name=name]")).to_be_visible()


def test_a_second_tap_changes_nothing(somebody: Somebody) -> None:
    page = somebody.page
    somebody.open("/bind")
    page.fill("input[name=phone]", somebody.mobile)
    page.locator(".thumb button").dblclick()
    page.locator("input[name=code]").wait_for()
    assert somebody.code()
    page.fill("input[name=code]", somebody.code())
    page.locator(".thumb button").dblclick()
    expect(page.locator("input[name=name]")).to_be_visible()
    page.go_back()
    expect(page.locator("input[name=code]")).to_have_count(0)
    assert len(somebody.system.control("GET", "/sms", phone=somebody.mobile)) == 1


def test_the_smallest_phone_and_the_largest_letters_hold_it(system: System, browser: Browser) -> None:
    with opened(browser, SMALLEST) as page:
        one = Somebody.on(page, system)

        def fits(look: str) -> None:
            page.add_style_tag(content="html { font-size: 200%; }")
            assert not overflows(page), look

        one.open("/bind")
        fits("number")
        one.ask()
        fits("code")
        one.type_code(one.code())
        page.locator("input[name=name]").wait_for()
        fits("name")
        page.fill("input[name=name]", "阿不都热西提·买买提明 Abdurixit Memtimin")
        one.submit()
        page.locator(".person-name").wait_for()
        fits("done")
        one.open("/me")
        page.locator(".person-name").wait_for()
        fits("me")
        page.locator(".person .other").click()
        page.locator("main form button").wait_for()
        fits("unbind")
