"""A running sandbox, and a server that records its pushes."""

import json
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
PUSH_TIMEOUT = 0.4  # seconds; WeChat's own are 5
START_DEADLINE = 20


@dataclass
class Recorded:
    """One request that reached the callback."""

    target: str
    query: dict[str, str]
    body: bytes


@dataclass
class Callback:
    """An account's server: records what comes and answers what the test says."""

    url: str
    requests: list[Recorded] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    answer: Callable[[Recorded], tuple[int, bytes]] = lambda _recorded: (200, b"success")

    def wait_for(self, count: int, seconds: float = 5) -> list[Recorded]:
        """The first `count` requests, once they have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= count, seconds), self.requests
            return self.requests[:count]


class Sandbox:
    """A sandbox process and the calls that tests make to it."""

    def __init__(self, home: Path, *, push_timeout: float = PUSH_TIMEOUT) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._home = home
        self._push_timeout = push_timeout
        self.http = requests.Session()
        self.http.trust_env = False

    def start(self) -> None:
        """Start the process and wait until it answers."""
        options = ["--port", str(self.port), "--home", str(self._home)]
        pushes = ["--push-timeout", str(self._push_timeout)]
        self._process = subprocess.Popen([sys.executable, "-m", "sandbox", *options, *pushes])
        deadline = time.monotonic() + START_DEADLINE
        while time.monotonic() < deadline:
            try:
                self.http.get(f"{self.url}/sandbox/v1/fans", timeout=5)
            except requests.ConnectionError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the sandbox did not start")

    def stop(self) -> None:
        """Stop the process at once: what it was told is kept all the same."""
        self.http.close()
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=10)

    def get(self, path: str, /, **params: Any) -> Any:
        """A GET, its answer read as UTF-8 JSON."""
        return self.http.get(self.url + path, params=params, timeout=10).json()

    def post(self, path: str, data: dict[str, Any] | None = None, /, **params: Any) -> Any:
        """A POST of JSON, its answer read as UTF-8 JSON."""
        return self.http.post(self.url + path, json=data or {}, params=params, timeout=10).json()

    def control(self, path: str, data: dict[str, Any] | None = None) -> Any:
        """A POST to the control API that must succeed."""
        response = self.http.post(f"{self.url}/sandbox/v1{path}", json=data or {}, timeout=20)
        assert response.status_code == 200, response.text
        return response.json()

    def account(self, callback_url: str, **more: Any) -> dict[str, Any]:
        """A new account; `more` overrides its fields."""
        appid = f"wx{secrets.token_hex(8)}"
        fields = {
            "appid": appid,
            "secret": f"secret-of-{appid}",
            "token": "callback-token",
            "encoding_aes_key": AES_KEY,
            "mode": "safe",
            "callback_url": callback_url,
        }
        account: dict[str, Any] = self.control("/accounts", {**fields, **more})
        return account

    def fan(self, **more: Any) -> str:
        """A new person's id."""
        return str(self.control("/fans", {"nickname": "王小红", **more})["fan"])

    def token(self, account: dict[str, Any]) -> str:
        """A live token of the first space."""
        return str(self.new_token(account)["access_token"])

    def new_token(self, account: dict[str, Any]) -> Any:
        """The answer of `/cgi-bin/token`."""
        return self.get(
            "/cgi-bin/token",
            grant_type="client_credential",
            appid=account["appid"],
            secret=account["secret"],
        )


@dataclass
class Chat:
    """A follower of a plain-mode account, and the calls that both make."""

    sandbox: Sandbox
    account: dict[str, Any]
    fan: str
    openid: str
    token: str

    @property
    def appid(self) -> str:
        """The account's app id."""
        return str(self.account["appid"])

    def api(self, path: str, data: dict[str, Any] | None = None) -> Any:
        """A POST of raw UTF-8 to WeChat's API in the account's name."""
        body = json.dumps(data or {}, ensure_ascii=False).encode()
        url = f"{self.sandbox.url}{path}"
        return self.sandbox.http.post(url, params={"access_token": self.token}, data=body, timeout=10).json()

    def ask(self, path: str, **params: Any) -> Any:
        """A GET of WeChat's API in the account's name."""
        return self.sandbox.get(path, access_token=self.token, **params)

    def upload(self, path: str, content: bytes, *, name: str = "file", **params: Any) -> Any:
        """A multipart POST of the field `media`."""
        return self.sandbox.http.post(
            f"{self.sandbox.url}{path}",
            params={"access_token": self.token, **params},
            files={"media": (name, content)},
            timeout=10,
        ).json()

    def act(self, name: str, **data: Any) -> Any:
        """An act of the person through the control API that must succeed."""
        return self.sandbox.control(f"/fans/{self.fan}/{name}", {"appid": self.appid, **data})

    def try_act(self, name: str, **data: Any) -> requests.Response:
        """An act of the person that may be refused."""
        url = f"{self.sandbox.url}/sandbox/v1/fans/{self.fan}/{name}"
        return self.sandbox.http.post(url, json={"appid": self.appid, **data}, timeout=20)

    def inbox(self, *, whole: bool = False) -> list[dict[str, Any]]:
        """What the person sees of this account, oldest first."""
        entries: list[dict[str, Any]] = self.sandbox.get(
            f"/sandbox/v1/fans/{self.fan}/inbox", appid=self.appid, all="1" if whole else "0"
        )
        return entries


def begin_chat(sandbox: Sandbox, callback_url: str, **account_fields: Any) -> Chat:
    """A new account with a new follower."""
    account = sandbox.account(callback_url, **{"mode": "plain", **account_fields})
    fan = sandbox.fan()
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"]
    return Chat(sandbox, account, fan, openid, sandbox.token(account))


@pytest.fixture
def chat(sandbox: Sandbox, callback: Callback) -> Chat:
    """A person who follows an account."""
    return begin_chat(sandbox, callback.url)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for the whole run; tests stay apart by their own accounts and people."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def callback() -> Iterator[Callback]:
    """A recording server."""
    recorder = Callback(url="")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            recorded = Recorded(self.path, dict(parse_qsl(urlsplit(self.path).query)), body)
            with recorder.changed:
                recorder.requests.append(recorded)
                recorder.changed.notify_all()
            status, answer = recorder.answer(recorded)
            try:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(answer)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the sandbox hung up: that is what the test wants

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    recorder.url = f"http://127.0.0.1:{server.server_port}/hooks/wechat"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield recorder
    server.shutdown()
    server.server_close()
    thread.join()
