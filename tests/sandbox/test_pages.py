"""Tickets, the check of a page's signature, and where phones say to be (WeChat §9)."""

import hashlib
from typing import Any

import pytest

from tests.sandbox.conftest import Sandbox

NOWHERE = "http://127.0.0.1:9/hooks"
PAGE = "http://127.0.0.1:9/p/clinic/stores?from=menu"


def ticket(sandbox: Sandbox, account: dict[str, Any], *, kind: str = "jsapi") -> Any:
    token = sandbox.new_token(account)["access_token"]
    return sandbox.get("/cgi-bin/ticket/getticket", access_token=token, type=kind)


def signed(value: str, *, url: str = PAGE) -> dict[str, Any]:
    """What a page hands over that was signed with a ticket, computed here."""
    text = f"jsapi_ticket={value}&noncestr=abc&timestamp=1414587457&url={url}"
    signature = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 WeChat's own
    return {"timestamp": 1414587457, "nonceStr": "abc", "signature": signature, "url": PAGE}


def check(sandbox: Sandbox, account: dict[str, Any], page: dict[str, Any]) -> Any:
    return sandbox.control("/jssdk/check", {"appId": account["appid"], **page})


def test_a_ticket_stays_until_its_last_minutes(sandbox: Sandbox) -> None:
    account = sandbox.account(NOWHERE)
    first = ticket(sandbox, account)
    assert (first["errcode"], first["errmsg"], first["expires_in"]) == (0, "ok", 7200)
    assert ticket(sandbox, account)["ticket"] == first["ticket"]
    assert ticket(sandbox, account, kind="wx_card")["ticket"] != first["ticket"]
    assert ticket(sandbox, account, kind="other")["errcode"] == 40035
    sandbox.control("/clock", {"advance_seconds": 7000})
    renewed = ticket(sandbox, account)
    assert renewed["ticket"] != first["ticket"]
    # Both work while the first lives.
    assert check(sandbox, account, signed(first["ticket"])) == {"errMsg": "config:ok"}
    assert check(sandbox, account, signed(renewed["ticket"])) == {"errMsg": "config:ok"}
    sandbox.control("/clock", {"advance_seconds": 400})
    assert check(sandbox, account, signed(first["ticket"]))["errcode"] == 63002


@pytest.mark.parametrize(
    "change",
    [{"nonceStr": "other"}, {"timestamp": 1}, {"url": PAGE + "&more=1"}, {"signature": ""}, {"appId": "wx0"}],
)
def test_what_was_not_signed_is_refused(sandbox: Sandbox, change: dict[str, Any]) -> None:
    account = sandbox.account(NOWHERE)
    page = signed(ticket(sandbox, account)["ticket"])
    assert check(sandbox, account, page) == {"errMsg": "config:ok"}
    refused = check(sandbox, account, page | change)
    assert refused["errcode"] == 63002
    assert "invalid signature" in refused["errMsg"]


def test_the_fragment_is_not_signed_and_the_host_is_the_accounts(sandbox: Sandbox) -> None:
    account = sandbox.account(NOWHERE, oauth_domain="127.0.0.1")
    page = signed(ticket(sandbox, account)["ticket"])
    assert check(sandbox, account, page | {"url": PAGE + "#top"}) == {"errMsg": "config:ok"}
    other = PAGE.replace("127.0.0.1", "elsewhere.example")
    assert check(sandbox, account, page | {"url": other})["errcode"] == 40048
    assert check(sandbox, account, page | {"url": "javascript:1"})["errcode"] == 40048


def test_ended_tickets_sign_nothing(sandbox: Sandbox) -> None:
    account = sandbox.account(NOWHERE)
    page = signed(ticket(sandbox, account)["ticket"])
    sandbox.control(f"/accounts/{account['appid']}/tickets/kill", {})
    assert check(sandbox, account, page)["errcode"] == 63002


def test_a_phone_says_where_it_is(sandbox: Sandbox) -> None:
    fan = sandbox.fan()
    where = f"/fans/{fan}/place"
    assert sandbox.get(f"/sandbox/v1{where}") == {}
    here = {"latitude": 31.1955, "longitude": 121.4372}
    assert sandbox.control(where, here) == here
    assert sandbox.get(f"/sandbox/v1{where}") == here
    assert sandbox.control(where, {"refuse": True}) == {"refuse": True}
    assert sandbox.control(where, {}) == {}
    for wrong in ({"latitude": 91, "longitude": 0}, {"latitude": "31", "longitude": 0}, {"latitude": 31}):
        answer = sandbox.http.post(f"{sandbox.url}/sandbox/v1{where}", json=wrong, timeout=5)
        assert answer.status_code == 400


def test_the_script_is_served_without_being_counted(sandbox: Sandbox) -> None:
    script = sandbox.http.get(f"{sandbox.url}/open/js/jweixin-1.6.0.js", timeout=5)
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert "getLocation" in script.text
    assert not any("jweixin" in call["path"] for call in sandbox.get("/sandbox/v1/calls"))
