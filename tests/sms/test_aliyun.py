"""Aliyun: what is asked of it, and what each of its answers says of the message."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from engage.kernel import logs
from engage.sms import aliyun
from engage.sms.aliyun import AliyunAccount, AliyunSms
from engage.sms.gateway import SmsRefused, SmsUnreachable

ACCOUNT = AliyunAccount("key", "secret", "康美口腔", {"phone_code": "SMS_154950909"})
PARAMS = {"clinic": "一个名字很长很长很长很长很长很长很长的口腔门诊部", "code": "123456", "minutes": "5"}


class Aliyun(ThreadingHTTPServer):
    """Answers each request alike, and keeps what was asked."""

    def __init__(self, status: int, body: bytes, *, silent: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.status, self.body, self.over = status, body, threading.Event()
        self.silent, self.asked = silent, list[dict[str, Any]]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Asked(BaseHTTPRequestHandler):
    """One request."""

    server: Aliyun

    def do_POST(self) -> None:
        """Answer."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.server.asked.append(
            query | {"action": self.headers["x-acs-action"], "sign": self.headers["Authorization"]}
        )
        if self.server.silent:
            self.server.over.wait(30)
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def standing(
    status: int = 200, *, silent: bool = False, body: bytes | None = None, **answer: str
) -> Iterator[Aliyun]:
    """Let Aliyun stand and answer."""
    server = Aliyun(status, json.dumps(answer).encode() if body is None else body, silent=silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def send(server: Aliyun, phone: str = "+8613800001234") -> str:
    return AliyunSms(ACCOUNT, server.url).send(phone, "phone_code", PARAMS, "text")


@pytest.mark.parametrize(
    ("phone", "named"), [("+8613800001234", "13800001234"), ("+821012345678", "821012345678")]
)
def test_a_code_is_asked_for_with_the_approved_template_and_nothing_that_is_not_in_it(phone: str, named: str):
    with standing(Code="OK", BizId="900619746936498440^0") as server:
        assert send(server, phone) == "900619746936498440^0"
    (asked,) = server.asked
    assert asked.pop("sign").startswith("ACS3-HMAC-SHA256 Credential=key,")
    assert asked == {
        "action": "SendSms",
        "PhoneNumbers": named,
        "SignName": "康美口腔",
        "TemplateCode": "SMS_154950909",
        "TemplateParam": '{"code": "123456"}',
    }


@pytest.mark.parametrize(
    ("status", "code"),
    [(200, "isv.BUSINESS_LIMIT_CONTROL"), (400, "InvalidAccessKeyId.NotFound"), (429, "Throttling.User")],
)
def test_what_aliyun_refuses_was_not_sent(status: int, code: str):
    with standing(status, Code=code, Message="no") as server, pytest.raises(SmsRefused, match=code):
        send(server)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "body"), [(503, b'{"Code": "ServiceUnavailable"}'), (200, b"<html>"), (200, b"{}")]
)
def test_an_answer_that_says_nothing_certain_leaves_it_open_and_is_not_asked_again(status: int, body: bytes):
    with standing(status, body=body) as server, pytest.raises(SmsUnreachable):
        send(server)
    assert len(server.asked) == 1


def test_silence_leaves_it_open(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(aliyun, "READ_MS", 200)
    with standing(silent=True) as server, pytest.raises(SmsUnreachable):
        send(server)
    assert len(server.asked) == 1


def test_who_is_not_there_was_sent_nothing():
    with pytest.raises(SmsRefused, match="no connection"):
        AliyunSms(ACCOUNT, "http://127.0.0.1:9").send("+8613800001234", "phone_code", PARAMS, "text")


def test_neither_phone_nor_code_nor_secret_is_written_anywhere(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("DEBUG", "sdk")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    logs.configure(level="DEBUG", as_json=True)
    logging.getLogger("told").debug("this is written")
    with standing(Code="OK", BizId="1") as server:
        send(server)
        with pytest.raises(SmsRefused) as refusal:
            AliyunSms(ACCOUNT, "http://127.0.0.1:9").send("+8613800001234", "phone_code", PARAMS, "text")
    written = "".join(capfd.readouterr()) + repr(ACCOUNT) + repr(refusal.value.__cause__)
    assert "this is written" in written
    assert not any(told in written for told in ("13800001234", "123456", "'secret'"))
