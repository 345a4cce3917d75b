"""Daily limits, the calls about them, and request ids (WeChat §11)."""

from pathlib import Path
from typing import Any

import pytest

from sandbox.state import State
from sandbox.state.accounts import Account
from tests.sandbox.conftest import Sandbox

NOWHERE = "http://127.0.0.1:9/hooks"
IPS, QUOTA = "/cgi-bin/getcallbackip", "/cgi-bin/openapi/quota/get"
DAY = 86400


def limit(sandbox: Sandbox, account: dict[str, Any], **limits: int | None) -> None:
    paths = {f"/cgi-bin/{path}": n for path, n in limits.items()}
    sandbox.control(f"/accounts/{account['appid']}/limits", paths)


def quota(sandbox: Sandbox, token: str, path: str) -> Any:
    return sandbox.post(QUOTA, {"cgi_path": path}, access_token=token)


def test_over_the_limit_a_path_refuses_and_the_others_do_not(sandbox: Sandbox) -> None:
    account = sandbox.account(NOWHERE)
    token = sandbox.token(account)
    limit(sandbox, account, getcallbackip=2)
    codes = [sandbox.get(IPS, access_token=token).get("errcode", 0) for _ in range(4)]
    assert codes == [0, 0, 45009, 45009]
    assert "ip_list" in sandbox.get("/cgi-bin/get_api_domain_ip", access_token=token)
    assert quota(sandbox, token, IPS)["quota"] == {"daily_limit": 2, "used": 2, "remain": 0}
    limit(sandbox, account, getcallbackip=3)
    assert "ip_list" in sandbox.get(IPS, access_token=token)
    assert sandbox.get(IPS, access_token=token)["errcode"] == 45009
    limit(sandbox, account, getcallbackip=None)
    assert quota(sandbox, token, IPS)["quota"]["daily_limit"] == 5_000_000


@pytest.mark.parametrize(("kind", "daily"), [("production", 2000), ("test", 200)])
def test_tokens_are_counted_too(sandbox: Sandbox, kind: str, daily: int) -> None:
    account = sandbox.account(NOWHERE, kind=kind)
    token = sandbox.token(account)
    found = quota(sandbox, token, "/cgi-bin/token")
    assert found["quota"] == {"daily_limit": daily, "used": 1, "remain": daily - 1}
    limit(sandbox, account, token=1)
    assert sandbox.new_token(account)["errcode"] == 45009


@pytest.mark.parametrize(
    ("path", "errcode"),
    [
        ("cgi-bin/user/get", 76003),
        ("https://api.weixin.qq.com/cgi-bin/user/get", 76003),
        ("", 76003),
        ("/sns/userinfo", 76022),
        ("/cgi-bin/no/such", 76021),
        ("/sandbox/v1/fans", 76021),
        ("/cgi-bin/user/get", 0),
        ("/cgi-bin/draft/add", 0),
    ],
)
def test_paths_asked_about(sandbox: Sandbox, path: str, errcode: int) -> None:
    assert quota(sandbox, sandbox.token(sandbox.account(NOWHERE)), path)["errcode"] == errcode


def test_a_path_is_cleared_fifty_times_a_month(sandbox: Sandbox) -> None:
    account = sandbox.account(NOWHERE)
    token = sandbox.token(account)
    limit(sandbox, account, getcallbackip=1)

    def clear() -> int:
        body = {"cgi_path": IPS}
        return int(sandbox.post("/cgi-bin/openapi/quota/clear", body, access_token=token)["errcode"])

    for _ in range(50):
        assert "ip_list" in sandbox.get(IPS, access_token=token)
        assert clear() == 0
    assert clear() == 48006


def test_everything_is_cleared_ten_times_a_month_by_either_call(sandbox: Sandbox) -> None:
    account = sandbox.account(NOWHERE)
    appid, token = account["appid"], sandbox.token(account)
    limit(sandbox, account, getcallbackip=1)

    def clear() -> int:
        return int(sandbox.post("/cgi-bin/clear_quota", {"appid": appid}, access_token=token)["errcode"])

    def clear_by_secret(**change: str) -> int:
        body = {"appid": appid, "appsecret": account["secret"], **change}
        return int(sandbox.post("/cgi-bin/clear_quota/v2", body)["errcode"])

    other = {"appid": "wx0"}
    assert sandbox.post("/cgi-bin/clear_quota", other, access_token=token)["errcode"] == 40013
    assert clear_by_secret(appid="") == 41002
    assert clear_by_secret(appid="wx0") == 40013
    assert clear_by_secret(appsecret="") == 41004
    assert clear_by_secret(appsecret="wrong") == 40125
    for _ in range(5):
        for one in (clear, clear_by_secret):
            assert "ip_list" in sandbox.get(IPS, access_token=token)
            assert sandbox.get(IPS, access_token=token)["errcode"] == 45009
            assert one() == 0
    assert clear() == clear_by_secret() == 48006


def test_a_new_day_and_a_new_month_begin_in_china() -> None:
    state = State(None)
    account = Account("wx1", "s", "t", "", "plain", NOWHERE, "production", "n", "gh_1", "", None)
    state.counters.set_limits("wx1", {"/a": 1})
    assert state.counters.count("wx1", "/a", limit=state.counters.limit(account, "/a"))
    assert not state.counters.count("wx1", "/a", limit=1)
    assert state.counters.count_in_month("wx1", "clear", limit=1)
    midnight = DAY - (state.clock.now() + 8 * 3600) % DAY
    state.clock.advance(midnight - 60)
    assert not state.counters.count("wx1", "/a", limit=1)
    state.clock.advance(61)
    assert state.counters.count("wx1", "/a", limit=1)
    state.clock.advance(31 * DAY)
    assert state.counters.count_in_month("wx1", "clear", limit=1)


@pytest.mark.parametrize("limits", [{"no/slash": 1}, {"/a": -1}, {"/a": "many"}])
def test_limits_that_make_no_sense(sandbox: Sandbox, limits: dict[str, Any]) -> None:
    url = f"{sandbox.url}/sandbox/v1/accounts/{sandbox.account(NOWHERE)['appid']}/limits"
    refused = sandbox.http.post(url, json=limits, timeout=5)
    assert refused.status_code == 400
    assert refused.json()["error"]


def test_counts_and_limits_survive_a_restart(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.start()
    account = sandbox.account(NOWHERE)
    token = sandbox.token(account)
    limit(sandbox, account, getcallbackip=2)
    assert "ip_list" in sandbox.get(IPS, access_token=token)
    sandbox.stop()
    sandbox.start()
    try:
        assert "ip_list" in sandbox.get(IPS, access_token=token)
        assert sandbox.get(IPS, access_token=token)["errcode"] == 45009
        counts = sandbox.get("/sandbox/v1/counters")["counts"][account["appid"]]
        assert counts == {"/cgi-bin/token": 1, IPS: 2}
    finally:
        sandbox.stop()


def test_a_rid_tells_what_was_asked(sandbox: Sandbox) -> None:
    account, other = sandbox.account(NOWHERE), sandbox.account(NOWHERE)
    token = sandbox.token(account)
    refused = sandbox.post("/cgi-bin/tags/create", {"tag": {"name": ""}}, access_token=token)
    rid = refused["errmsg"].split("rid: ")[1]

    def ask(rid: str, token: str = token) -> Any:
        return sandbox.post("/cgi-bin/openapi/rid/get", {"rid": rid}, access_token=token)

    told = ask(rid)["request"]
    assert told["request_body"] == '{"tag": {"name": ""}}'
    assert str(refused["errcode"]) in told["response_body"]
    assert token not in told["request_url"]
    assert ask("nonsense")["errcode"] == 76002
    assert ask("66bdb248-1fa23ff9-58483015")["errcode"] == 76001
    assert ask(rid, sandbox.token(other))["errcode"] == 76003


def test_a_rid_is_kept_seven_days() -> None:
    state = State(None)
    state.refusals.add("r1", "wx1", {})
    for days, expired in ((6.9, False), (0.2, True)):
        state.clock.advance(days * DAY)
        found = state.refusals.get("r1")
        assert found is not None
        assert found.expired is expired
    state.clock.advance(7 * DAY)
    state.refusals.add("r2", "wx1", {})
    assert state.refusals.get("r1") is None
