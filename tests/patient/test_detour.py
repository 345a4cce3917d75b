"""The rules of the detour over WeChat: whose browser is WeChat's, and where it may end."""

from __future__ import annotations

import pytest

from engage.blueprints.patient.detour import LONGEST_PAGE, is_in_wechat, own_page

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
WECHAT = f"{IPHONE} Mobile/15E148 MicroMessenger/8.0.54(0x18003630) NetType/WIFI Language/zh_CN"
SAFARI = f"{IPHONE} Version/18.1 Mobile/15E148 Safari/604.1"
DEVTOOLS = "Mozilla/5.0 wechatdevtools/1.06 MicroMessenger/8.0.5 Language/zh_CN webview/"
OURS = "clinic.example"


@pytest.mark.parametrize(
    ("agent", "host", "sandboxed", "has_person", "is_wechat"),
    [
        (WECHAT, OURS, False, False, True),
        (DEVTOOLS, OURS, False, False, True),
        (WECHAT.lower(), OURS, False, False, True),
        (SAFARI, OURS, False, False, False),
        ("", OURS, False, False, False),
        ("not MicroMessenger", OURS, False, False, False),
        # In production neither a host nor a cookie makes a browser WeChat's.
        (SAFARI, "p1.localhost:8000", False, False, False),
        (SAFARI, OURS, False, True, False),
        # On the sandbox's phone they do.
        (SAFARI, "p1.localhost:8000", True, False, True),
        (SAFARI, "p1.localhost", True, False, True),
        (SAFARI, "127.0.0.1:8000", True, True, True),
        (SAFARI, "127.0.0.1:8000", True, False, False),
        (SAFARI, "localhost:8000", True, False, False),
        (SAFARI, "p1.localhost.evil.example", True, False, False),
        (WECHAT, "127.0.0.1:8000", True, False, True),
    ],
)
def test_wechats_own_browser(agent: str, host: str, sandboxed: bool, has_person: bool, is_wechat: bool):
    assert is_in_wechat(agent, host=host, sandboxed=sandboxed, has_person=has_person) is is_wechat


@pytest.mark.parametrize(
    "address",
    [
        "/p/kangmei/booking",
        "/p/kangmei/booking?doctor=3&day=2026-11-24",
        "/p/kangmei/booking?name=%E7%8E%8B&q=a..b",
        "/p/kangmei/appointments/17",
        "/p/kangmei/authorized-partners",
    ],
)
def test_a_page_of_the_account_is_led_to(address: str):
    assert own_page(address, "kangmei") == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/p/kangmei/booking",
        "//evil.example/p/kangmei/booking",
        "/p/other/booking",
        "/p/kangmei",
        "/p/kangmei2/booking",
        "/console/",
        "/p/kangmei/../../console/",
        "/p/kangmei/%2e%2e/%2E%2e/console/",
        "/p/kangmei/\\evil.example",
        "/p/kangmei/\r\nSet-Cookie: a=b",
        "/p/kangmei/\tbooking",
        " /p/kangmei/booking",
        "/p/kangmei/booking#part",
        "/p/kangmei/预约",
        "/p/kangmei/authorized",
        "/p/kangmei/authorized?page=/p/kangmei/authorized",
        f"/p/kangmei/booking?{'x' * LONGEST_PAGE}",
    ],
)
def test_anything_else_is_not(address: str):
    assert own_page(address, "kangmei") == ""
