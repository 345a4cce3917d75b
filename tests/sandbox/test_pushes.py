"""Pushes and passive replies (WeChat §1)."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import wechat
from tests.sandbox.conftest import PUSH_TIMEOUT, Callback, Recorded, Sandbox


def opened(account: dict[str, Any], push: Recorded) -> dict[str, str]:
    envelope = wechat.nodes(push.body)["Encrypt"]
    query = push.query
    assert query["encrypt_type"] == "aes"
    assert query["msg_signature"] == wechat.sha1_of_sorted(
        account["token"], query["timestamp"], query["nonce"], envelope
    )
    document, appid = wechat.open_envelope(account["encoding_aes_key"], envelope)
    assert appid == account["appid"]
    return wechat.nodes(document)


def test_following_pushes_a_sealed_subscribe_event(sandbox: Sandbox, callback: Callback) -> None:
    account, fan = sandbox.account(callback.url), sandbox.fan()
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"]
    (push,) = callback.requests
    assert set(wechat.nodes(push.body)) == {"ToUserName", "Encrypt"}
    assert push.query["openid"] == openid
    event = opened(account, push)
    assert abs(int(event.pop("CreateTime")) - time.time()) < 5
    assert event == {
        "ToUserName": account["username"],
        "FromUserName": openid,
        "MsgType": "event",
        "Event": "subscribe",
        "EventKey": "",
    }
    # A second time nothing happens.
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})
    assert len(callback.requests) == 1


def test_plain_mode_signs_and_hides_nothing(sandbox: Sandbox, callback: Callback) -> None:
    account, fan = sandbox.account(callback.url, mode="plain", encoding_aes_key=""), sandbox.fan()
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"], "scene": "door-7"})
    (push,) = callback.requests
    query = push.query
    assert query["signature"] == wechat.sha1_of_sorted(account["token"], query["timestamp"], query["nonce"])
    assert "msg_signature" not in query
    assert wechat.nodes(push.body)["EventKey"] == "qrscene_door-7"


def test_compat_mode_sends_both_forms(sandbox: Sandbox, callback: Callback) -> None:
    account, fan = sandbox.account(callback.url, mode="compat"), sandbox.fan()
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})
    sandbox.control(f"/fans/{fan}/unfollow", {"appid": account["appid"]})
    for push, event in zip(callback.requests, ("subscribe", "unsubscribe"), strict=True):
        shown = wechat.nodes(push.body)
        del shown["Encrypt"]
        assert shown == opened(account, push)
        assert shown["Event"] == event


def test_a_message_and_its_sealed_reply(sandbox: Sandbox, callback: Callback) -> None:
    account, fan = sandbox.account(callback.url), sandbox.fan()
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"]
    reply = wechat.seal_reply(account, wechat.text_reply(account, openid, "您好，请问有什么可以帮您？"))
    callback.answer = lambda _push: (200, reply)
    sent = sandbox.control(
        f"/fans/{fan}/send", {"appid": account["appid"], "msgtype": "text", "content": "牙疼"}
    )
    assert sent["reply"] == {"msgtype": "text", "content": "您好，请问有什么可以帮您？"}
    pushed = opened(account, callback.requests[-1])
    assert pushed["Content"] == "牙疼"
    assert pushed["MsgId"] == sent["pushed"]["MsgId"]
    assert int(pushed["MsgId"]) < 2**63
    inbox = sandbox.get(f"/sandbox/v1/fans/{fan}/inbox", appid=account["appid"])
    assert [(entry["kind"], entry["content"]) for entry in inbox] == [
        ("passive", "您好，请问有什么可以帮您？")
    ]
    assert sandbox.get(f"/sandbox/v1/fans/{fan}/inbox", after=inbox[0]["seq"]) == []


@pytest.mark.parametrize(
    "answer",
    [
        b'{"ok": true}',
        b"<xml><Encrypt>AAAA</Encrypt><MsgSignature>x</MsgSignature></xml>",
        b"<xml><MsgType>text</MsgType><Content>plain</Content></xml>",
        b"<xml>" + b"<a>" * 3000 + b"</a>" * 3000 + b"</xml>",
    ],
)
def test_a_bad_reply_leaves_a_notice(sandbox: Sandbox, callback: Callback, answer: bytes) -> None:
    account, fan = sandbox.account(callback.url), sandbox.fan()
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})
    callback.answer = lambda _push: (200, answer)
    sent = sandbox.control(f"/fans/{fan}/send", {"appid": account["appid"], "content": "hi"})
    assert sent["reply"] is None
    assert sent["problem"]
    chat = sandbox.get(f"/sandbox/v1/fans/{fan}/inbox", all="1")
    assert [entry["kind"] for entry in chat] == ["sent", "notice"]


def test_an_unanswered_push_is_repeated_byte_for_byte(sandbox: Sandbox, callback: Callback) -> None:
    account, fan = sandbox.account(callback.url), sandbox.fan()
    release = threading.Event()

    def slow(_push: Recorded) -> tuple[int, bytes]:
        release.wait(PUSH_TIMEOUT * 10)
        return 200, b"success"

    callback.answer = slow
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})
    release.set()
    assert len(callback.requests) == 3
    assert len({(push.target, push.body) for push in callback.requests}) == 1


def test_a_server_error_is_repeated_until_answered(sandbox: Sandbox, callback: Callback) -> None:
    account, fan = sandbox.account(callback.url), sandbox.fan()
    callback.answer = lambda _push: (503, b"") if len(callback.requests) < 2 else (200, b"")
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})
    (push,) = sandbox.get("/sandbox/v1/pushes", appid=account["appid"])
    assert [attempt["status"] for attempt in push["attempts"]] == [503, 200]
    assert push["problem"] == ""


def test_the_callback_is_verified_by_echostr(sandbox: Sandbox, callback: Callback) -> None:
    account = sandbox.account(callback.url)
    assert sandbox.control(f"/accounts/{account['appid']}/verify")["ok"] is False
    callback.answer = lambda request: (200, request.query["echostr"].encode())
    assert sandbox.control(f"/accounts/{account['appid']}/verify") == {"ok": True, "status": 200}


def test_only_followers_write(sandbox: Sandbox, callback: Callback) -> None:
    account, fan = sandbox.account(callback.url), sandbox.fan()
    url = f"{sandbox.url}/sandbox/v1/fans/{fan}/send"
    response = sandbox.http.post(url, json={"appid": account["appid"], "content": "hi"}, timeout=5)
    assert response.status_code == 409
    assert callback.requests == []


def test_what_waits_is_pushed_once_after_a_restart(tmp_path: Path, callback: Callback) -> None:
    template = {"template_id": "t1", "title": "一", "content": "门店:{{thing1.DATA}}"}
    sandbox = Sandbox(tmp_path)
    sandbox.start()
    account, fan = sandbox.account(callback.url, mode="plain", templates=[template]), sandbox.fan()
    appid = account["appid"]
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": appid})["openid"]
    # The process is stopped while it holds the event back.
    held = {"match": {"path": "push/TEMPLATESENDJOBFINISH"}, "effect": {"latency_ms": 60_000}}
    sandbox.control("/faults", held)
    body = {"touser": openid, "template_id": "t1", "data": {"thing1": {"value": "x"}}}
    sent = sandbox.post("/cgi-bin/message/template/send", body, access_token=sandbox.token(account))
    assert len(callback.requests) == 1
    for _ in range(2):
        sandbox.stop()
        sandbox.start()
        assert wechat.nodes(callback.wait_for(2)[1].body)["MsgID"] == str(sent["msgid"])
        wait_until_nothing_waits(tmp_path)
    try:
        sandbox.control(f"/fans/{fan}/send", {"appid": appid, "content": "在吗"})
        assert [wechat.nodes(push.body).get("Event", "text") for push in callback.requests] == [
            "subscribe",
            "TEMPLATESENDJOBFINISH",
            "text",
        ]
    finally:
        sandbox.stop()


def wait_until_nothing_waits(home: Path) -> None:
    deadline = time.monotonic() + 5
    with closing(sqlite3.connect(home / "sandbox" / "state.sqlite")) as connection:
        while connection.execute("SELECT count(*) FROM waiting_push").fetchone() != (0,):
            assert time.monotonic() < deadline


@pytest.mark.parametrize("mode", ["compat", "safe"])
def test_sealed_modes_carry_both_signatures(sandbox: Sandbox, callback: Callback, mode: str) -> None:
    account, fan = sandbox.account(callback.url, mode=mode), sandbox.fan()
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})
    (push,) = callback.requests
    query = push.query
    assert opened(account, push)["Event"] == "subscribe"
    assert query["signature"] == wechat.sha1_of_sorted(account["token"], query["timestamp"], query["nonce"])
