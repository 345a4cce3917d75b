"""Tokens in their two spaces, and the refusals of every call (WeChat §0, §2)."""

import re
from typing import Any

import pytest

from sandbox.state import State
from sandbox.state.tokens import ForceQuotaUsed
from tests.sandbox.conftest import Callback, Sandbox

NOWHERE = "http://127.0.0.1:9/hooks"


def works(sandbox: Sandbox, token: str) -> bool:
    return "ip_list" in sandbox.get("/cgi-bin/getcallbackip", access_token=token)


def stable(sandbox: Sandbox, account: dict[str, Any], **more: Any) -> Any:
    credentials = {"appid": account["appid"], "secret": account["secret"]}
    return sandbox.post("/cgi-bin/stable_token", {"grant_type": "client_credential", **credentials, **more})


def test_two_spaces_and_an_overlap(sandbox: Sandbox) -> None:
    account = sandbox.account(NOWHERE)
    first = sandbox.new_token(account)
    assert first["expires_in"] == 7200
    assert "errcode" not in first
    steady = stable(sandbox, account)
    assert stable(sandbox, account)["access_token"] == steady["access_token"]
    second = sandbox.token(account)
    assert second != first["access_token"]
    # The replaced token still works, and so does the other space's.
    assert all(works(sandbox, token) for token in (first["access_token"], second, steady["access_token"]))


def test_refusals_of_the_token_call(sandbox: Sandbox) -> None:
    account = sandbox.account(NOWHERE)
    good = {"grant_type": "client_credential", "appid": account["appid"], "secret": account["secret"]}

    def code(**change: str) -> int:
        return int(sandbox.get("/cgi-bin/token", **{**good, **change})["errcode"])

    assert code(appid="") == 41002
    assert code(appid="wx0", grant_type="") == 40013
    assert code(grant_type="password") == 40002
    assert code(secret="") == 41004
    assert code(secret="wrong") == 40125


def test_refusals_carry_text_and_rid_at_http_200(sandbox: Sandbox) -> None:
    missing = sandbox.http.get(f"{sandbox.url}/cgi-bin/getcallbackip", timeout=5)
    assert missing.status_code == 200
    assert missing.json()["errcode"] == 41001
    assert re.fullmatch(
        r"access_token missing rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}", missing.json()["errmsg"]
    )
    wrong = sandbox.get("/cgi-bin/getcallbackip", access_token="nonsense")
    assert wrong["errcode"] == 40001
    assert wrong["errmsg"].startswith("invalid credential, access_token is invalid or not latest, could get")


def test_unknown_paths_and_methods_answer_as_wechat_and_are_logged(sandbox: Sandbox) -> None:
    account = sandbox.account(NOWHERE)
    answer = sandbox.http.post(
        f"{sandbox.url}/cgi-bin/no/such", data="{}", params={"appid": account["appid"]}, timeout=5
    )
    assert (answer.status_code, answer.json()["errcode"]) == (200, 40066)
    assert sandbox.post("/cgi-bin/user/info")["errcode"] == 43001
    assert sandbox.get("/cgi-bin/message/template/send")["errcode"] == 43002
    (call,) = sandbox.get("/sandbox/v1/calls", appid=account["appid"], path="/cgi-bin/no/such")
    assert (call["errcode"], call["method"]) == (40066, "POST")
    assert sandbox.get("/sandbox/v1/counters")["counts"][account["appid"]] == {"/cgi-bin/no/such": 1}


def issued(state: State) -> list[str]:
    return [state.tokens.issue("wx1")[0] for _ in range(2)]


def test_a_replaced_token_dies_after_five_minutes() -> None:
    state = State(None)
    old, new = issued(state)
    state.clock.advance(299)
    assert state.tokens.judge(old) == "live"
    state.clock.advance(2)
    assert state.tokens.judge(old) == "invalid"
    assert state.tokens.judge(new) == "live"
    state.clock.advance(7200)
    assert state.tokens.judge(new) == "expired"


def test_the_stable_token_changes_in_its_last_five_minutes() -> None:
    state = State(None)
    first, _ = state.tokens.stable("wx1", force=False)
    state.clock.advance(6890)
    again, left = state.tokens.stable("wx1", force=False)
    assert again == first
    assert 300 <= left <= 310
    state.clock.advance(15)
    second, _ = state.tokens.stable("wx1", force=False)
    assert second != first
    assert state.tokens.judge(first) == "live"


def test_a_forced_refresh_kills_at_once_but_not_twice_in_thirty_seconds() -> None:
    state = State(None)
    first, _ = state.tokens.stable("wx1", force=False)
    second, _ = state.tokens.stable("wx1", force=True)
    assert state.tokens.judge(first) == "invalid"
    assert state.tokens.stable("wx1", force=True)[0] == second
    for _ in range(19):
        state.clock.advance(31)
        state.tokens.stable("wx1", force=True)
    state.clock.advance(31)
    with pytest.raises(ForceQuotaUsed):
        state.tokens.stable("wx1", force=True)


@pytest.mark.parametrize("errcode", [40001, 42001, 40014])
def test_tokens_can_be_killed(sandbox: Sandbox, errcode: int) -> None:
    account = sandbox.account(NOWHERE)
    first, steady = sandbox.token(account), stable(sandbox, account)["access_token"]
    second = sandbox.token(account)
    kill = f"/accounts/{account['appid']}/tokens/kill"
    sandbox.control(kill, {"space": "token", "as": errcode})
    for token in (first, second):
        assert sandbox.get("/cgi-bin/getcallbackip", access_token=token)["errcode"] == errcode
    assert works(sandbox, steady)
    assert works(sandbox, sandbox.token(account))
    sandbox.control(kill, {"as": errcode})
    assert not works(sandbox, steady)
    # Nobody is left with the dead one.
    assert works(sandbox, stable(sandbox, account)["access_token"])


@pytest.mark.parametrize("data", [{"space": "sideways"}, {"as": 1}])
def test_a_kill_that_makes_no_sense(sandbox: Sandbox, data: dict[str, Any]) -> None:
    url = f"{sandbox.url}/sandbox/v1/accounts/{sandbox.account(NOWHERE)['appid']}/tokens/kill"
    assert sandbox.http.post(url, json=data, timeout=5).status_code == 400


def test_addresses_of_both_directions(sandbox: Sandbox) -> None:
    token = sandbox.token(sandbox.account(NOWHERE))
    for path in ("getcallbackip", "get_api_domain_ip"):
        assert sandbox.get(f"/cgi-bin/{path}", access_token=token) == {"ip_list": ["127.0.0.1"]}


def test_the_callback_check_reaches_for_the_host(sandbox: Sandbox, callback: Callback) -> None:
    def check(url: str, action: str = "all", operator: str = "DEFAULT") -> Any:
        body = {"action": action, "check_operator": operator}
        token = sandbox.token(sandbox.account(url))
        return sandbox.post("/cgi-bin/callback/check", body, access_token=token)

    found = check(callback.url)
    assert [entry["ip"] for entry in found["dns"]] == ["127.0.0.1"]
    assert [(entry["ip"], entry["package_loss"]) for entry in found["ping"]] == [("127.0.0.1", "0%")]
    assert check(NOWHERE, "ping")["ping"][0]["package_loss"] == "100%"
    assert check("http://nowhere.invalid/", "dns") == {"dns": []}
    assert check(NOWHERE, "smoke")["errcode"] == check(NOWHERE, "all", "BT")["errcode"] == 40035


def test_secrets_are_not_kept(sandbox: Sandbox) -> None:
    account = sandbox.account(NOWHERE)
    body = {"appid": account["appid"], "appsecret": "wrong"}
    refused = sandbox.post("/cgi-bin/clear_quota/v2", body)
    stable(sandbox, account)
    token = sandbox.token(account)
    calls = sandbox.get("/sandbox/v1/calls", appid=account["appid"])
    assert calls[0]["body"] == {"appid": account["appid"], "appsecret": "…"}
    assert calls[1]["body"]["secret"] == calls[2]["query"]["secret"] == "…"
    asked = {"rid": refused["errmsg"].split("rid: ")[1]}
    told = sandbox.post("/cgi-bin/openapi/rid/get", asked, access_token=token)["request"]
    assert "wrong" not in told["request_body"]
