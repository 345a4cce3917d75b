"""The control API (design §5, contract A): faults, clock, restart, reset."""

import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.app import create_app
from tests.sandbox import wechat
from tests.sandbox.conftest import Callback, Sandbox

NOWHERE = "http://127.0.0.1:9/hooks"
ACCOUNT = {"appid": "wxodd", "secret": "s", "token": "t", "mode": "plain", "callback_url": NOWHERE}


def fault(sandbox: Sandbox, account: dict[str, Any], path: str, **rule: Any) -> int:
    match = {"appid": account["appid"], **({"path": path} if path else {})}
    return int(sandbox.control("/faults", {"match": match, "times": 1, **rule})["id"])


def test_what_people_did_survives_a_restart(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.start()
    account, fan = sandbox.account(NOWHERE), sandbox.fan(fan="xiaohong")
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"]
    token = sandbox.token(account)
    sandbox.stop()
    sandbox.start()
    try:
        (person,) = sandbox.get("/sandbox/v1/fans")
        assert (person["fan"], person["nickname"]) == ("xiaohong", "王小红")
        assert sandbox.get("/sandbox/v1/accounts") == [account]
        assert sandbox.get(f"/sandbox/v1/fans/{fan}/openid", appid=account["appid"]) == {"openid": openid}
        info = sandbox.get("/cgi-bin/user/info", access_token=token, openid=openid)
        assert info["subscribe"] == 1
    finally:
        sandbox.stop()


def test_openids_and_ids(sandbox: Sandbox) -> None:
    account, fan = sandbox.account(NOWHERE), sandbox.fan()
    openid = sandbox.get(f"/sandbox/v1/fans/{fan}/openid", appid=account["appid"])["openid"]
    assert re.fullmatch(r"[\w-]{28}", openid)
    again = sandbox.control("/fans", {"fan": fan, "nickname": "改名了"})
    assert again["fan"] == fan
    assert [f["nickname"] for f in sandbox.get("/sandbox/v1/fans") if f["fan"] == fan] == ["改名了"]


def test_an_account_is_updated_by_its_app_id(sandbox: Sandbox) -> None:
    template = {"template_id": "t1", "title": "一", "content": "{{thing1.DATA}}"}
    account = sandbox.account(NOWHERE, name="康美口腔", templates=[template])
    again = sandbox.account(NOWHERE, appid=account["appid"], secret="new", mode="compat")
    assert (again["name"], again["username"], again["templates"]) == (
        "康美口腔",
        account["username"],
        [template],
    )
    assert (again["secret"], again["mode"]) == ("new", "compat")
    assert sandbox.control("/accounts", {"appid": account["appid"], "name": ""}) == again


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("/accounts", {"appid": "wx1"}, 400),
        (
            "/accounts",
            {"appid": "a", "secret": "s", "token": "t", "callback_url": NOWHERE, "mode": "odd"},
            400,
        ),
        ("/accounts", {"appid": "a", "secret": "s", "token": "t", "callback_url": NOWHERE}, 400),
        *[
            ("/accounts", {**ACCOUNT, **change}, 400)
            for change in (
                {"callback_url": "nowhere"},
                {"callback_url": "http://["},
                {"callback_url": "http://a:99999/"},
                {"callback_url": "http://a/钩"},
                {"templates": "t1"},
                {"templates": ["t1"]},
                {"encoding_aes_key": "x" * 42, "mode": "safe"},
            )
        ],
        ("/fans", {"nickname": " "}, 400),
        ("/fans", {"nickname": "x", "fan": "desk"}, 400),
        ("/fans", {"nickname": "x", "fan": "Not A Host"}, 400),
        ("/fans/nobody/follow", {"appid": "wx1"}, 404),
        ("/faults", {"effect": {}}, 400),
        ("/faults", {"effect": {"drop": "sideways"}}, 400),
        ("/clock", {}, 400),
        ("/clock", {"advance_seconds": 1e300}, 400),
        ("/no/such", {}, 404),
    ],
)
def test_bad_input_is_refused_with_a_reason(
    sandbox: Sandbox, path: str, data: dict[str, Any], status: int
) -> None:
    response = sandbox.http.post(f"{sandbox.url}/sandbox/v1{path}", json=data, timeout=5)
    assert response.status_code == status
    assert response.json()["error"]


def test_unknown_qr_codes_are_not_found(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/sandbox/v1/fans/{sandbox.fan()}/scan"
    assert sandbox.http.post(url, json={"ticket": "x"}, timeout=5).status_code == 404


def test_faults_of_api_calls(sandbox: Sandbox) -> None:
    account = sandbox.account(NOWHERE)
    token, path = sandbox.token(account), "/cgi-bin/getcallbackip"

    def call() -> requests.Response:
        return requests.get(sandbox.url + path, params={"access_token": token}, timeout=5)

    fault(sandbox, account, path, effect={"errcode": -1})
    assert call().json()["errcode"] == -1
    fault(sandbox, account, "/cgi-bin/*", effect={"http": 502})
    assert call().status_code == 502
    fault(sandbox, account, path, effect={"latency_ms": 150})
    started = time.monotonic()
    assert "ip_list" in call().json()
    assert time.monotonic() - started > 0.15
    for moment in ("before", "after"):
        fault(sandbox, account, path, effect={"drop": moment})
        with pytest.raises(requests.ConnectionError):
            call()
    assert "ip_list" in call().json()  # each fault was for once
    last, seen = fault(sandbox, account, path, effect={"errcode": 45009}), sandbox.get("/sandbox/v1/faults")
    assert last in [rule["id"] for rule in seen]
    assert sandbox.http.delete(f"{sandbox.url}/sandbox/v1/faults/{last}", timeout=5).status_code == 200
    assert "ip_list" in call().json()


def test_a_dropped_call_was_made_or_not(sandbox: Sandbox) -> None:
    """`before` cuts the line before anything is done, `after` when all is done but unsaid."""
    template = {"template_id": "t1", "title": "一", "content": "门店:{{thing1.DATA}}"}
    account, fan = sandbox.account(NOWHERE, templates=[template]), sandbox.fan()
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"]
    token, path = sandbox.token(account), "/cgi-bin/message/template/send"
    body = {"touser": openid, "template_id": "t1", "data": {"thing1": {"value": "x"}}}
    for moment, shown in (("before", 0), ("after", 1)):
        fault(sandbox, account, path, effect={"drop": moment})
        with pytest.raises(requests.ConnectionError):
            requests.post(sandbox.url + path, params={"access_token": token}, json=body, timeout=5)
        assert len(sandbox.get(f"/sandbox/v1/fans/{fan}/inbox")) == shown


def test_faults_of_pushes(sandbox: Sandbox, callback: Callback) -> None:
    account, fan = sandbox.account(callback.url, mode="plain"), sandbox.fan()
    appid = account["appid"]
    fault(sandbox, account, "push/subscribe", effect={"drop": "before"})
    sandbox.control(f"/fans/{fan}/follow", {"appid": appid})
    assert callback.requests == []
    fault(sandbox, account, "", effect={"duplicate": True})
    sandbox.control(f"/fans/{fan}/send", {"appid": appid, "content": "一"})
    assert len({(push.target, push.body) for push in callback.requests}) == 1
    assert len(callback.requests) == 2
    fault(sandbox, account, "push/text", effect={"drop": "after"})
    sent = sandbox.control(f"/fans/{fan}/send", {"appid": appid, "content": "二"})
    assert len(sent["attempts"]) == 2
    assert callback.requests[2].body == callback.requests[3].body


def test_pushes_change_places(sandbox: Sandbox, callback: Callback) -> None:
    account, fan = sandbox.account(callback.url, mode="plain"), sandbox.fan()
    appid = account["appid"]
    sandbox.control(f"/fans/{fan}/follow", {"appid": appid})
    fault(sandbox, account, "push/text", effect={"reorder": True})
    say = {"appid": appid, "content": "先"}
    first = threading.Thread(
        target=lambda: requests.post(f"{sandbox.url}/sandbox/v1/fans/{fan}/send", json=say, timeout=10)
    )
    first.start()
    deadline = time.monotonic() + 5
    # Used up: the first push is being held.
    while appid in [rule["appid"] for rule in sandbox.get("/sandbox/v1/faults")]:
        assert time.monotonic() < deadline
    sandbox.control(f"/fans/{fan}/send", {"appid": appid, "content": "后"})
    first.join()
    said = [wechat.nodes(push.body)["Content"] for push in callback.requests[1:]]
    assert said == ["后", "先"]


def test_clock_and_reset_in_memory() -> None:
    app = create_app()
    with app.test_client() as client:
        client.post("/sandbox/v1/fans", json={"nickname": "x"})
        moved = client.post("/sandbox/v1/clock", json={"advance_seconds": 3600}).get_json()
        assert moved["offset_seconds"] == 3600
        assert moved["now"] - time.time() > 3590
        assert client.post("/sandbox/v1/reset").status_code == 200
        assert client.get("/sandbox/v1/fans").get_json() == []
        again = client.post("/sandbox/v1/clock", json={"advance_seconds": 0}).get_json()
        assert again["offset_seconds"] == 0


def test_a_gh_id_belongs_to_one_account(sandbox: Sandbox) -> None:
    first, second = sandbox.account(NOWHERE), sandbox.account(NOWHERE)
    taken = {"appid": second["appid"], "username": first["username"]}
    refused = sandbox.http.post(f"{sandbox.url}/sandbox/v1/accounts", json=taken, timeout=5)
    assert (refused.status_code, refused.json()) == (400, {"error": "username is another account's"})
