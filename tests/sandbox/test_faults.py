"""Faults of API calls and of pushes, beside those of `test_control.py`."""

import time
from typing import Any

import pytest
import requests

from tests.sandbox.conftest import Callback, Sandbox

NOWHERE = "http://127.0.0.1:9/hooks"
IPS = "/cgi-bin/getcallbackip"


def fault(sandbox: Sandbox, account: dict[str, Any], path: str, **rule: Any) -> None:
    sandbox.control("/faults", {"match": {"appid": account["appid"], "path": path}, **rule})


def test_an_answer_is_cut_in_the_middle(sandbox: Sandbox) -> None:
    template = {"template_id": "t1", "title": "一", "content": "门店:{{thing1.DATA}}"}
    account, fan = sandbox.account(NOWHERE, templates=[template]), sandbox.fan()
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"]
    token, path = sandbox.token(account), "/cgi-bin/message/template/send"
    body = {"touser": openid, "template_id": "t1", "data": {"thing1": {"value": "x"}}}
    fault(sandbox, account, path, effect={"drop": "during"}, times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        requests.post(sandbox.url + path, params={"access_token": token}, json=body, timeout=5)
    assert len(sandbox.get(f"/sandbox/v1/fans/{fan}/inbox")) == 1  # the work was done


def test_a_push_is_cut_in_the_middle_and_repeated_whole(sandbox: Sandbox, callback: Callback) -> None:
    account, fan = sandbox.account(callback.url, mode="plain"), sandbox.fan()
    fault(sandbox, account, "push/subscribe", effect={"drop": "during"}, times=1)
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})
    cut, whole = callback.wait_for(2)
    if len(cut.body) > len(whole.body):  # the server may note the cut one last
        cut, whole = whole, cut
    assert whole.body.startswith(cut.body)
    assert len(cut.body) == len(whole.body) // 2
    assert cut.target == whole.target
    (push,) = sandbox.get("/sandbox/v1/pushes", appid=account["appid"])
    assert [attempt.get("problem") for attempt in push["attempts"]] == ["cut by a fault", None]
    assert push["problem"] == ""


def test_pushes_are_late(sandbox: Sandbox, callback: Callback) -> None:
    account, fan = sandbox.account(callback.url, mode="plain"), sandbox.fan()
    fault(sandbox, account, "push/*", effect={"latency_ms": 200}, times=1)
    started = time.monotonic()
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})
    assert time.monotonic() - started > 0.2
    assert len(callback.requests) == 1


def test_probability_strikes_some(sandbox: Sandbox) -> None:
    account = sandbox.account(NOWHERE)
    token = sandbox.token(account)
    fault(sandbox, account, IPS, effect={"errcode": -1}, probability=0.5)
    struck = [sandbox.get(IPS, access_token=token).get("errcode", 0) == -1 for _ in range(60)]
    # All or none of them: once in 2 to the power of 59.
    assert 0 < sum(struck) < 60


@pytest.mark.parametrize(
    "effect",
    [
        {"finish": "failed", "latency_ms": 1},
        {"finish": 1},
        {"drop": "sideways"},
        {"drop": None},
        {"unknown": 1},
        {"latency_ms": -1},
        {"latency_ms": "1"},
        {"errcode": "40001"},
        {"http": 99},
        {"duplicate": 101},
        {"reorder": 1},
    ],
)
def test_effects_that_make_no_sense(sandbox: Sandbox, effect: dict[str, Any]) -> None:
    refused = sandbox.http.post(f"{sandbox.url}/sandbox/v1/faults", json={"effect": effect}, timeout=5)
    assert refused.status_code == 400
