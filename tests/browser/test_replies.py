"""A coupon by a word: written at the desk, got and taken on the phone, seen by the agent (OA-5)."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import (
    APP_ID,
    DESK,
    PHONE,
    findings,
    fresh_mobile,
    log_in,
    open_chat,
    opened,
    overflows,
    prove_phone,
    someone,
)
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

WORD, TITLE = "暗号七七", "送您一张券"


def write_reply(page: Page, replies: str) -> None:
    """Write a reply that leads to a coupon; the phone beside the form follows."""
    page.goto(f"{replies}/new")
    page.locator("[name=match][value=contains]").check(force=True)
    page.fill("[name=words]", WORD)
    page.locator("[name=kind][value=coupon]").check(force=True)
    page.locator("[name=coupon]").select_option(index=1)
    page.fill("[name=title]", TITLE)
    expect(page.locator("#reply-phone .wx-card-title")).to_have_text(TITLE)
    expect(page.locator("[name=url]")).to_be_hidden()
    assert findings(page) == []
    page.locator(".form-end button").click()
    page.locator("#field-sentence").wait_for()


def test_a_word_brings_a_coupon_that_is_taken_on_the_phone(browser: Browser, system: System) -> None:
    fan = someone(system, "领券的人")
    with opened(browser, DESK) as desk, opened(browser, PHONE) as phone:
        log_in(desk, system, "marketer@kangmei")
        ((account_id,),) = system.rows("SELECT id FROM official_account WHERE slug = 'kangmei'")
        replies = f"{system.web}/console/accounts/{account_id}/replies"
        write_reply(desk, replies)
        desk.fill("#field-sentence", f"有{WORD}吗")
        expect(desk.locator("#reply-tried .wx-card-title")).to_have_text(TITLE)

        open_chat(phone, system, fan)
        said = {"appid": APP_ID, "msgtype": "text", "content": f"有{WORD}吗"}
        system.control("POST", f"/fans/{fan}/send", said)
        phone.get_by_text(TITLE).last.click()
        frame = phone.frame_locator("iframe")
        frame.locator(".coupon-name").wait_for()
        frame.locator(".thumb a").click()
        prove_phone(frame, system, fresh_mobile(), "王小红")
        frame.locator(".coupon-name").wait_for()
        frame.locator("form.thumb button").click()
        expect(frame.locator(".voucher-code")).to_have_text(re.compile(r"\w{4} \w{4} \w{4}"))

    ((conversation_id,),) = system.rows(
        """SELECT conversation_id FROM chat_message
            WHERE direction = 'out' AND kind = 'link' ORDER BY id DESC LIMIT 1"""
    )
    with opened(browser, DESK) as agent:
        log_in(agent, system, "agent1@kangmei")
        agent.goto(f"{system.web}/console/chats/{conversation_id}")
        expect(agent.locator(".message.out.kind-link")).to_contain_text(TITLE)


def test_the_page_of_replies_fits_a_phone(browser: Browser, system: System) -> None:
    long = "很长的词" * 7
    with opened(browser, PHONE) as page:
        log_in(page, system, "marketer@kangmei")
        ((account_id,),) = system.rows("SELECT id FROM official_account WHERE slug = 'kangmei'")
        replies = f"{system.web}/console/accounts/{account_id}/replies"
        page.goto(f"{replies}/new")
        page.locator(".form-end button").click()
        expect(page.locator("[data-error-summary]")).to_be_visible()
        assert not overflows(page)
        page.fill("[name=words]", "\n".join(f"{long}{number}" for number in range(9)))
        page.fill("[name=text]", "x" * 600)
        page.locator(".form-end button").click()
        page.locator("#field-sentence").wait_for()
        assert not overflows(page)
        assert findings(page) == []
