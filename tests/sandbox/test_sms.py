"""The SMS provider, and the text messages on phones."""

from typing import Any

import pytest

from sandbox.state.faults import Faults
from tests.sandbox.conftest import Sandbox

SEND = "/sandbox/sms/send"


def test_a_text_message_reaches_its_number(sandbox: Sandbox) -> None:
    first = {
        "phone": "13900000001",
        "template": "SMS_1",
        "params": {"code": "123456"},
        "text": "验证码123456",
    }
    sandbox.post(SEND, {**first, "phone": "13900000002"})
    seq = sandbox.post(SEND, first)["id"]
    (entry,) = sandbox.get("/sandbox/v1/sms", phone="13900000001")
    assert abs(entry.pop("at") - sandbox.control("/clock", {"advance_seconds": 0})["now"]) < 60
    assert entry == {"seq": seq, **first}
    assert sandbox.get("/sandbox/v1/sms", phone="13900000001", after=seq) == []
    every = sandbox.get("/sandbox/v1/sms")
    assert {"13900000001", "13900000002"} <= {one["phone"] for one in every}


@pytest.mark.parametrize(
    "change",
    [{"phone": ""}, {"phone": "abc"}, {"phone": 139}, {"text": ""}, {"text": "x" * 1001}, {"params": [1]}],
)
def test_what_the_provider_refuses(sandbox: Sandbox, change: dict[str, Any]) -> None:
    body = {"phone": "13900000003", "text": "x", **change}
    refused = sandbox.http.post(sandbox.url + SEND, json=body, timeout=5)
    assert refused.status_code == 400
    assert refused.json()["error"]
    assert sandbox.get("/sandbox/v1/sms", phone="13900000003") == []


def test_a_fault_of_all_api_calls_spares_the_provider() -> None:
    faults = Faults()
    faults.add({"effect": {"http": 502}, "times": 1})
    assert faults.strike("", SEND) == {}
    assert faults.strike("wx1", "/cgi-bin/token") == {"http": 502}


def test_the_provider_can_fail(sandbox: Sandbox) -> None:
    rule = {"match": {"path": SEND}, "effect": {"http": 503}, "times": 1}
    sandbox.control("/faults", rule)
    body = {"phone": "13900000004", "text": "x"}
    assert sandbox.http.post(sandbox.url + SEND, json=body, timeout=5).status_code == 503
    assert sandbox.http.post(sandbox.url + SEND, json=body, timeout=5).status_code == 200
    assert len(sandbox.get("/sandbox/v1/sms", phone="13900000004")) == 1
