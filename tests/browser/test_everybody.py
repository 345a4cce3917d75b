"""A day of everybody: two fans on their phones, two agents, a marketer and the desk, all at once."""

from __future__ import annotations

import secrets
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.pages import DESK, PHONE, log_in, open_chat, opened, someone
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

TOLD = "优惠券到账通知"


def test_fans_are_answered_and_everybody_gets_the_coupon(system: System, browser: Browser) -> None:
    errors: list[str] = []
    with ExitStack() as stack:

        def sits(login: str, path: str) -> Page:
            page = stack.enter_context(opened(browser, DESK, errors=errors))
            log_in(page, system, f"{login}@kangmei")
            page.goto(f"{system.web}/console/{path}")
            return page

        def holds(nickname: str) -> Page:
            page = stack.enter_context(opened(browser, PHONE, errors=errors))
            open_chat(page, system, someone(system, nickname))
            return page

        lina, wang = (sits(agent, "chats") for agent in ("agent1", "agent2"))
        phones = [holds(nickname) for nickname in ("小满", "大暑")]
        _talk(phones, lina, wang)
        name = _push(sits("marketer", "campaigns/new"))
        cards = [phone.locator("a.card", has_text=TOLD).last for phone in phones]
        for card in cards:
            expect(card).to_be_visible()
        _redeem(cards[0], phones[0], sits("desk", "coupons/redeem"))
        marketer = sits("marketer", "campaigns")
        marketer.get_by_role("link", name=name).first.click()
        expect(marketer.locator("#step-redeemed .funnel-count")).to_have_text("1")
    # A page that is left cuts off what it was asking for, and htmx says so.
    assert [error for error in errors if not error.startswith("htmx:")] == []


def _talk(phones: list[Page], lina: Page, wang: Page) -> None:
    """Both write; each agent answers one, and sees whom the other has."""
    for page in (lina, wang):
        page.locator("html.online").wait_for()
    said = [f"{secrets.token_hex(4)} 牙疼怎么办", f"{secrets.token_hex(4)} 想洗牙"]
    for phone, words in zip(phones, said, strict=True):
        phone.locator(".menu-bar button.round").click()
        phone.locator(".composer input").fill(words)
        phone.locator(".composer input").press("Enter")
    for agent, words in zip((lina, wang), said, strict=True):
        row = agent.locator(".chat-row", has_text=words)
        expect(row.locator(".unread")).to_contain_text("1")
        row.click()
        expect(agent.locator("#messages")).to_contain_text(words)
        expect(agent.locator("#words")).to_be_focused()
    for agent, words in zip((lina, wang), said, strict=True):
        agent.keyboard.type(f"收到：{words}")
        agent.keyboard.press("Enter")
    for phone, words in zip(phones, said, strict=True):
        expect(phone.locator(".bubble", has_text=f"收到：{words}")).to_be_visible()
    for agent, mine, others in ((lina, *said), (wang, *reversed(said))):
        expect(agent.locator(".chat-row", has_text=f"收到：{mine}").locator(".by-me")).to_be_visible()
        expect(agent.locator(".chat-row", has_text=f"收到：{others}").locator(".by-other")).to_be_visible()


def _push(marketer: Page) -> str:
    """Plan a campaign in the next minutes, and begin it now after all; gives its name."""
    name = f"大暑{secrets.token_hex(3)}"
    marketer.locator("select[name=coupon]").select_option(label="周年回馈券")
    marketer.locator(".chip[data-time]").first.click()
    marketer.fill("[name=name]", name)
    marketer.locator(".form-end button[type=submit]").click()
    marketer.locator("#decide-start").click()
    marketer.locator("#act-start").click()
    expect(marketer.locator("#progress .now-percent")).to_have_text("100%", timeout=60_000)
    return name


def _redeem(card: Locator, phone: Page, desk: Page) -> None:
    """The fan shows the coupon of the card, the desk types its code, and the phone tells that it is used."""
    card.click()
    page = phone.frame_locator("iframe")
    page.locator(".coupon-name").first.click()
    code = page.locator(".voucher-code").inner_text()[-len("ACEF GHJK MNPR") :]
    desk.locator("#code").fill(code)
    desk.keyboard.press("Enter")
    desk.locator(".redeem-confirm button").click()
    expect(desk.locator(".notice.tone-good")).to_be_visible()
    expect(page.locator(".voucher.over .stamp")).to_be_visible()
