"""MarkFail: a server that keeps failing is left alone for a while (WeChat §1)."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from sandbox.app import create_app
from tests.sandbox.conftest import Callback, Recorded

TIMEOUT, MARK = 0.15, 2.0  # seconds
DEADLINE = 10


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    """A sandbox whose patience is short."""
    with create_app(push_timeout=TIMEOUT, mark_seconds=MARK).test_client() as client:
        yield client


def ask(client: FlaskClient, path: str, data: dict[str, Any]) -> Any:
    answer = client.post(f"/sandbox/v1{path}", json=data)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def account(client: FlaskClient, url: str) -> None:
    fields = {"secret": "s", "token": "t", "mode": "plain", "callback_url": url}
    ask(client, "/accounts", {"appid": "wx1", **fields})
    ask(client, "/fans", {"nickname": "王小红", "fan": "a"})
    ask(client, "/fans/a/follow", {"appid": "wx1"})


def say(client: FlaskClient, times: int = 1) -> Any:
    for _ in range(times):
        said = ask(client, "/fans/a/send", {"appid": "wx1", "content": "在吗"})
    return said


def is_marked(client: FlaskClient) -> bool:
    return bool(client.get("/sandbox/v1/accounts").get_json()[0]["markfail"])


def failing(callback: Callback, kind: str) -> threading.Event:
    """Make a server fail: with an error page, or by taking too long."""
    release = threading.Event()

    def fail(_push: Recorded) -> tuple[int, bytes]:
        if kind == "slow":
            release.wait(DEADLINE)
        return 503, b""

    callback.answer = fail
    return release


@pytest.mark.parametrize("kind", ["error", "slow"])
def test_ten_failures_in_a_row_end_the_pushes_for_a_while(
    client: FlaskClient, callback: Callback, kind: str
) -> None:
    account(client, callback.url)
    before = len(callback.requests)
    release = failing(callback, kind)
    say(client, 9)
    assert not is_marked(client)
    assert len(say(client)["attempts"]) == 3
    assert is_marked(client)
    release.set()
    callback.wait_for(before + 30)
    absent = say(client)
    assert (absent["attempts"], absent["problem"]) == ([], "markfail")
    assert client.get("/sandbox/v1/pushes").get_json()[-1]["problem"] == "markfail"
    assert len(callback.requests) == before + 30
    last = client.get("/sandbox/v1/fans/a/inbox?all=1").get_json()[-1]
    assert last["kind"] == "sent"  # no notice: the person learns nothing
    deadline = time.monotonic() + DEADLINE
    while is_marked(client):
        assert time.monotonic() < deadline
    callback.answer = lambda _push: (200, b"success")
    said = say(client)
    assert (said["problem"], said["attempts"][-1]["status"]) == ("", 200)


def test_an_answer_begins_the_count_anew(client: FlaskClient, callback: Callback) -> None:
    account(client, callback.url)
    failing(callback, "error")
    say(client, 9)
    callback.answer = lambda _push: (200, b"success")
    say(client)
    failing(callback, "error")
    say(client, 9)
    assert not is_marked(client)


def test_another_address_is_called(client: FlaskClient, callback: Callback) -> None:
    account(client, "http://127.0.0.1:9/hooks")
    say(client, 9)  # the event of following failed too
    assert is_marked(client)
    account(client, callback.url)
    assert not is_marked(client)
    assert say(client)["problem"] == ""


def test_a_fresh_start_lifts_the_mark(client: FlaskClient) -> None:
    account(client, "http://127.0.0.1:9/hooks")
    say(client, 9)
    assert is_marked(client)
    ask(client, "/reset", {})
    account(client, "http://127.0.0.1:9/hooks")
    assert not is_marked(client)
