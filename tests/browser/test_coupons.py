"""A coupon from the form to the desk, in a real browser: console and phone, in both lights (CP-1 to CP-4)."""

from __future__ import annotations

import re
import secrets
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from engage.coupons.rules import grouped, new_code
from tests.browser.pages import DESK, PHONE, findings, log_in, opened, overflows, someone
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

SMALLEST = {"width": 320, "height": 568}
TABLET = {"width": 1024, "height": 768}


def make(page: Page, system: System, name: str) -> int:
    """Make a coupon in the console, and publish it online; gives its id."""
    page.goto(f"{system.web}/console/coupons/new")
    page.fill("[name=name]", name)
    page.get_by_label("满减券").check()
    page.fill("[name=amount]", "100")
    page.fill("[name=minimum]", "500")
    expect(page.locator("#coupon-preview .coupon-name")).to_have_text(name)
    expect(page.locator("#coupon-preview .coupon-figure b")).to_have_text("100")
    expect(page.locator("#coupon-preview .phone-sentence")).to_contain_text("满 500 元减 100 元")
    page.locator(".form-end button").click()
    page.get_by_role("button", name="发布").click()
    expect(page.locator("#page-head .state")).to_have_text("已发布")
    return int(re.search(r"/coupons/(\d+)", page.url)[1])


def give(system: System, coupon_id: int, fan: str) -> tuple[int, str]:
    """Let somebody hold a coupon, as after a campaign; gives the grant and its code."""
    code = new_code()
    openid = system.control("GET", f"/fans/{fan}/openid", appid="wxdemo0000kangmei")["openid"]
    ((grant_id,),) = system.rows(
        """INSERT INTO coupon_grant (tenant_id, coupon_id, terms_id, fan_id, cause, cause_id, number, code,
                  state, granted_at, valid_from, valid_until)
           SELECT coupon.tenant_id, coupon.id, coupon.terms_id, fan.id, 'campaign', %s, 1, %s, 'held', now(),
                  now() - interval '1 minute', now() + interval '30 days'
             FROM coupon JOIN fan USING (tenant_id) WHERE coupon.id = %s AND fan.openid = %s
        RETURNING id""",
        secrets.randbelow(10**9),
        code,
        coupon_id,
        openid,
    )
    return grant_id, code


def open_phone(page: Page, system: System, fan: str, path: str) -> None:
    """Open a patient page as somebody; consent is given."""
    page.goto(system.on_phone_of(fan, f"/p/kangmei{path}"))
    allow = page.get_by_role("link", name=re.compile("^(允许|Allow)$"))
    if allow.count():
        allow.click()
    page.locator("main").wait_for()


def test_a_coupon_from_the_form_to_the_desk(system: System, browser: Browser) -> None:
    """The phone, which nobody touches, tells within seconds that the desk has redeemed it."""
    fan, name, errors = someone(system, "小雨"), f"满减{secrets.randbelow(10**6)}", []
    with opened(browser, DESK, errors=errors) as desk, opened(browser, PHONE, errors=errors) as phone:
        log_in(desk, system)
        open_phone(phone, system, fan, "/coupons")
        expect(phone.get_by_text("暂时没有卡券")).to_be_visible()
        grant_id, code = give(system, make(desk, system, name), fan)
        phone.reload()
        phone.get_by_text(name).click()
        expect(phone.locator(".voucher-code")).to_contain_text(grouped(code))
        expect(phone.locator(".voucher-qr")).to_be_visible()
        desk.goto(f"{system.web}/console/coupons/redeem")
        expect(desk.locator("#code")).to_be_focused()
        desk.keyboard.type(grouped(code).lower())
        desk.keyboard.press("Enter")
        expect(desk.locator(".redeem-code")).to_have_text(grouped(code))
        expect(desk.locator(".redeem-coupon")).to_be_focused()
        desk.keyboard.press("Enter")  # a scanner may send it twice
        desk.keyboard.press("Enter")
        assert system.count("coupon_grant WHERE id = %s AND state = 'held'", grant_id) == 1
        expect(desk.locator(".redeem-code")).to_have_text(grouped(code))
        desk.select_option("[name=store]", label="徐汇店")
        desk.locator(".redeem-confirm button").click()
        expect(desk.locator(".notice.tone-good")).to_contain_text("徐汇店")
        expect(phone.locator(".voucher .stamp")).to_have_text("已使用")
        expect(phone.locator("#coupon-said")).to_have_text("已使用")
        expect(phone.locator(".voucher-end")).to_contain_text("徐汇店")
        desk.locator("#code").fill(code)
        desk.keyboard.press("Enter")
        expect(desk.locator(".notice.tone-bad")).to_contain_text("已使用过")
        open_phone(phone, system, fan, "/coupons?which=used")
        expect(phone.get_by_text(name)).to_be_visible()
    # A refusal of the desk's page is one of HTTP too, and the browser says so.
    assert [said for said in errors if "409" not in said] == []
    assert system.count("coupon_grant WHERE id = %s AND state = 'redeemed'", grant_id) == 1


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.large)])
def test_the_phone_in_both_lights_and_on_a_small_screen(system: System, browser: Browser, dark: bool) -> None:
    fan = someone(system, "小雪")
    with opened(browser, DESK) as desk:
        log_in(desk, system)
        coupon_id = make(desk, system, "周年感恩回馈满减优惠券")
    grant_id, _code = give(system, coupon_id, fan)
    for size in (PHONE, SMALLEST):
        with opened(browser, size, dark=dark) as page:
            for path in ("/coupons", "/coupons?which=used", f"/coupons/{grant_id}"):
                open_phone(page, system, fan, path)
                assert not findings(page), path
                assert not overflows(page), path
            page.add_style_tag(content="html { font-size: 200% !important }")
            assert not overflows(page)
            open_phone(page, system, fan, "/coupons")
            page.add_style_tag(content="html { font-size: 200% !important }")
            assert not overflows(page)


@pytest.mark.parametrize(
    ("size", "dark"),
    [
        (DESK, True),
        pytest.param(DESK, False, marks=pytest.mark.large),
        pytest.param(TABLET, False, marks=pytest.mark.large),
        (PHONE, False),
    ],
)
def test_the_pages_of_the_console(system: System, browser: Browser, size: dict, dark: bool) -> None:
    with opened(browser, size, dark=dark) as page:
        log_in(page, system)
        coupon_id = make(page, system, "周年满减")
        for path in ("", f"/{coupon_id}", f"/{coupon_id}/edit", "/new", "/redeem"):
            page.goto(f"{system.web}/console/coupons{path}", wait_until="networkidle")
            assert urlsplit(page.url).path == f"/console/coupons{path}"
            assert not findings(page), path
            assert not overflows(page), path


def test_only_what_belongs_to_the_kind_is_asked_for(system: System, browser: Browser) -> None:
    with opened(browser, DESK) as page:
        log_in(page, system)
        page.goto(f"{system.web}/console/coupons/new")
        shown = {"代金券": "amount", "折扣券": "percent", "兑换券": "item"}
        for label, field in shown.items():
            page.get_by_label(label).check()
            for other in shown.values():
                expect(page.locator(f"[name={other}]")).to_be_visible(visible=other == field)
        page.get_by_label("固定日期").check()
        expect(page.locator("[name=valid_until]")).to_be_visible()
        expect(page.locator("[name=valid_days]")).to_be_hidden()
