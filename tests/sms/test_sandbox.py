"""The provider: what arrives, what it refuses, and what stays open when it does not answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from engage.sms.gateway import SmsRefused, SmsUnreachable
from engage.sms.sandbox import PATH, SandboxSms
from tests.sandbox.conftest import Sandbox

PARAMS = {"code": "123456"}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A running sandbox."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def provider(sandbox: Sandbox) -> Iterator[SandboxSms]:
    """The gateway to it; no fault outlives a test."""
    yield SandboxSms(sandbox.url + "/")
    sandbox.http.delete(f"{sandbox.url}/sandbox/v1/faults", timeout=5)


def inbox(sandbox: Sandbox, phone: str) -> list[dict]:
    return sandbox.get("/sandbox/v1/sms", phone=phone)


@pytest.mark.parametrize(
    ("phone", "arrives_at"), [("+8613800001234", "13800001234"), ("+821012345678", "+821012345678")]
)
def test_a_text_message_arrives(sandbox: Sandbox, provider: SandboxSms, phone: str, arrives_at: str):
    sent = provider.send(phone, "phone_code", PARAMS, "【康美口腔】验证码 123456")
    (text,) = inbox(sandbox, arrives_at)
    assert text["text"] == "【康美口腔】验证码 123456"
    assert (text["template"], text["params"], str(text["seq"])) == ("phone_code", PARAMS, sent)


def test_what_the_provider_refuses_was_not_sent(sandbox: Sandbox, provider: SandboxSms):
    with pytest.raises(SmsRefused, match="HTTP 400"):
        provider.send("+8613800009999", "phone_code", PARAMS, "")
    assert inbox(sandbox, "13800009999") == []


def test_a_provider_in_trouble_leaves_it_open(sandbox: Sandbox, provider: SandboxSms):
    sandbox.control("/faults", {"match": {"path": PATH}, "effect": {"http": 502}})
    with pytest.raises(SmsUnreachable, match="HTTP 502"):
        provider.send("+8613800009998", "phone_code", PARAMS, "text")


@pytest.mark.parametrize(
    ("url", "why"),
    [("http://127.0.0.1:9", "no connection"), ("", "MissingSchema"), ("http://", "InvalidURL")],
)
def test_a_provider_that_is_not_there_was_sent_nothing(url: str, why: str):
    with pytest.raises(SmsRefused, match=why):
        SandboxSms(url).send("+8613800001234", "phone_code", PARAMS, "text")


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """Serve one request with some bytes, and hang up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: "


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        HEAD + b"2\r\n\r\n[]",
        HEAD + b"2\r\n\r\n{}",
        HEAD + b"4\r\n\r\n{{{{",
        HEAD + b"99\r\n\r\n{",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_answer_that_cannot_be_read_leaves_it_open(answer: bytes):
    with answering(answer) as url, pytest.raises(SmsUnreachable):
        SandboxSms(url).send("+8613800001234", "phone_code", PARAMS, "text")


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", HEAD + b"4\r\n\r\n{{{{"])
def test_no_refusal_tells_what_was_sent(answer: bytes):
    with answering(answer) as url, pytest.raises(SmsUnreachable) as silence:
        SandboxSms(url).send("+8613800001234", "phone_code", PARAMS, "secret text")
    told: BaseException | None = silence.value
    while told:
        assert "13800001234" not in str(told)
        assert "secret" not in str(told)
        told = told.__cause__
