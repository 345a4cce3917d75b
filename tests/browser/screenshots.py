"""The pictures of the README: `make screenshots` takes them of a fresh system with the demo chain."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page

from engage.cli.demo.offers import FINISHED, PLANNED
from engage.config import ROOT
from tests.browser.pages import (
    APP_ID,
    ASKS_WHERE,
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
    ("coupons-list", "/console/coupons"),
    ("fans", "/console/fans"),
    ("people", "/console/people"),
    ("duplicates", "/console/people/duplicates"),
    ("codes", "/console/codes"),
    ("attendance", "/console/reports/attendance"),
    ("tags", "/console/tags"),
    ("messages", "/console/messages"),
    ("rosters", "/console/rosters"),
    ("staff", "/console/staff"),
    ("operations", "/console/operations"),
    ("accounts", "/console/accounts"),
    ("journal", "/console/journal"),
)
DARK = (("today", "/console/"), ("chats", "/console/chats?which=waiting"))
# 小红's, who has a chart at the clinic that is not bound yet.
MOBILE = "13800000001"


def take(system: System, browser: Browser) -> None:
    """Take all pictures in the light, some in the dark too.

    The conversations come first: one that an agent of the demo holds is held for some minutes only.
    """
    with _still(browser, DESK) as page:
        log_in(page, system, "agent1@kangmei")
        _take_chats(page, system)
    with _still(browser, PHONE) as page, _still(browser, DESK) as agent:
        _take_phone(page, agent, system)
        code = _take_coupons(page, system)
    with _still(browser, PHONE, dark=True) as page:
        open_chat(page, system, "xiaohong")
        _open_coupon(page)
        _shoot(page, "coupon-dark")
    with _still(browser, DESK) as page:
        _take_desk_of_phones(page, system)
    with _still(browser, DESK) as page:
        log_in(page, system)
        for name, path in PAGES:
            _shoot_page(page, system, path, name)
        _take_drawers(page, system)
        _take_marketing(page, system)
        _take_account(page, system)
        _take_redeeming(page, system, code)
    for size, suffix in ((DESK, "dark"), (PHONE, "phone-dark")):
        with _still(browser, size, dark=True) as page:
            log_in(page, system)
            for name, path in DARK:
                _shoot_page(page, system, path, f"{name}-{suffix}")


@contextlib.contextmanager
def _still(browser: Browser, size: dict[str, int], *, dark: bool = False) -> Iterator[Page]:
    """Give a page on which nothing moves."""
    with opened(browser, size, dark=dark) as page:
        page.emulate_media(reduced_motion="reduce")
        yield page


def _take_chats(page: Page, system: System) -> None:
    for nickname, name in (("苏苏", "chat-held"), ("阿峰", "chats")):
        page.goto(f"{system.web}/console/chats")
        page.locator(".chat-row", has_text=nickname).first.click()
        page.locator("#talk-title", has_text=nickname).wait_for()
        page.wait_for_load_state("networkidle")
        _shoot(page, name)


def _take_phone(page: Page, agent: Page, system: System) -> None:
    open_chat(page, system, "xiaohong")
    frame = tap_menu(page, "自助绑定")
    frame.locator("input[name=phone]").wait_for()
    _shoot(page, "bind")
    prove_phone(frame, system, MOBILE, "")
    frame.locator(".people").wait_for()
    close_page(page)
    frame = tap_menu(page, "微信预约")
    page.locator(ASKS_WHERE).click()
    frame.get_by_text("徐汇店").first.click()
    frame.locator(".choices").get_by_text("林志远").wait_for()
    _shoot(page, "doctors")
    frame.locator(".choices").get_by_text("林志远").click()
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
    _ask_and_answer(agent, system, "洗牙前需要空腹吗？", "不需要空腹，照常吃饭，饭后刷牙再来就好。")
    page.get_by_text("饭后刷牙再来就好").wait_for()
    _shoot(page, "phone")
    frame = tap_menu(page, "我的", "个人中心")
    frame.locator(".me h1").wait_for()
    _shoot(page, "me")
    frame.locator("a[href$='/appointments']").first.click()
    frame.locator(".visits").first.wait_for()
    _shoot(page, "visits")


def _ask_and_answer(agent: Page, system: System, question: str, answer: str) -> None:
    """Let 小红 write, and an agent answer in the console."""
    system.control("POST", "/fans/xiaohong/send", {"appid": APP_ID, "msgtype": "text", "content": question})
    log_in(agent, system, "agent2@kangmei")
    agent.goto(f"{system.web}/console/chats")
    agent.locator(".chat-row", has_text=question).first.click()
    agent.locator("#words").fill(answer)
    agent.locator("#words").press("Enter")
    agent.locator(".message.out.is-sent", has_text=answer).wait_for()


def _take_coupons(page: Page, system: System) -> str:
    """Take 小红's coupons and one of them; gives its code."""
    close_page(page)
    frame = tap_menu(page, "我的", "我的卡券")
    frame.locator(".coupon-link").first.wait_for()
    _shoot(page, "coupons")
    close_page(page)
    _open_coupon(page)
    _shoot(page, "coupon")
    openid = system.control("GET", "/fans/xiaohong/openid", appid=APP_ID)["openid"]
    held = (
        "select code from coupon_grant g join fan on fan.id = g.fan_id where openid = %s and state = 'held'"
    )
    return str(system.rows(held, openid)[0][0])


def _open_coupon(page: Page) -> None:
    frame = tap_menu(page, "我的", "我的卡券")
    frame.locator(".coupon-link").first.click()
    frame.locator("#terms-title").wait_for()


def _take_marketing(page: Page, system: System) -> None:
    page.goto(f"{system.web}/console/campaigns", wait_until="networkidle")
    _shoot(page, "campaigns")
    page.get_by_role("link", name=FINISHED).click()
    page.get_by_role("heading", name=FINISHED).wait_for()
    page.wait_for_load_state("networkidle")
    _shoot(page, "campaign")
    page.goto(f"{system.web}/console/campaigns/new", wait_until="networkidle")
    page.locator("select[name=coupon]").select_option(label=PLANNED)
    page.locator("main .coupon-name").first.wait_for()
    _shoot(page, "campaign-new")
    ((coupon_id,),) = system.rows("select id from coupon where name = %s", PLANNED)
    _shoot_page(page, system, f"/console/coupons/{coupon_id}/edit", "coupon-form")


def _take_account(page: Page, system: System) -> None:
    """Take a channel code's page, and the menu and replies of the account."""
    ((code_id,),) = system.rows("select min(id) from channel_code")
    _shoot_page(page, system, f"/console/codes/{code_id}", "code")
    ((account_id,),) = system.rows("select id from official_account where app_id = %s", APP_ID)
    _shoot_page(page, system, f"/console/accounts/{account_id}/menu", "menu")
    _shoot_page(page, system, f"/console/accounts/{account_id}/replies", "replies")


def _take_redeeming(page: Page, system: System, code: str) -> None:
    page.goto(f"{system.web}/console/coupons/redeem", wait_until="networkidle")
    page.locator("#code").fill(code)
    page.locator("#code").press("Enter")
    page.locator(".redeem-coupon").wait_for()
    _shoot(page, "redeem")


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


def _shoot_page(page: Page, system: System, path: str, name: str) -> None:
    page.goto(system.web + path)
    page.wait_for_load_state("networkidle")
    _shoot(page, name)


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
