"""WeChat libraries that others wrote, called line by line: JSON asked on stdin, JSON answered on stdout.

Runs in an environment of its own (`build/clients`) that knows neither Engage nor its sandbox:
`python libraries.py <address of the sandbox>`. Of each library the host is changed, nothing else.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import requests
import werobot.utils
from wechatpy import WeChatClient, WeChatOAuth
from wechatpy.crypto import WeChatCrypto
from werobot import WeRoBot
from werobot.client import Client
from werobot.crypto import MessageCrypt

SANDBOX = sys.argv[1]


class OnSandbox(requests.adapters.HTTPAdapter):
    """Sends every request to the sandbox; WeRoBot and wechatpy have their hosts in hundreds of addresses."""

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Change the host, keep the rest."""
        asked = urlsplit(request.url)
        request.url = f"{SANDBOX}{asked.path}?{asked.query}" if asked.query else f"{SANDBOX}{asked.path}"
        return super().send(request, *arguments, **options)


requests.sessions.HTTPAdapter = OnSandbox


class Quiet(WSGIRequestHandler):
    """Leaves stderr to what went wrong."""

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


class RobotServer:
    """A server written with WeRoBot as its documentation shows, on a port of its own."""

    def __init__(self, account: dict[str, str]) -> None:
        robot = WeRoBot(
            config={
                "TOKEN": account["token"],
                "APP_ID": account["appid"],
                "ENCODING_AES_KEY": account["encoding_aes_key"],
                "SESSION_STORAGE": False,
            }
        )
        robot.text(lambda message: f"WeRoBot read {message.content}")
        robot.subscribe(lambda message: f"WeRoBot greets from {message.key}")
        self._server = make_server("127.0.0.1", 0, robot.wsgi, handler_class=Quiet)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self) -> str:
        """Give the callback address."""
        return f"http://127.0.0.1:{self._server.server_port}/"


LIBRARIES = {
    "wechatpy": lambda account: WeChatClient(account["appid"], account["secret"]),
    "wechatpy.oauth": lambda account: WeChatOAuth(
        account["appid"], account["secret"], "http://127.0.0.1:8000/p/x", "snsapi_userinfo", "abc"
    ),
    "wechatpy.crypto": lambda account: WeChatCrypto(
        account["token"], account["encoding_aes_key"], account["appid"]
    ),
    "werobot": lambda account: Client({"APP_ID": account["appid"], "APP_SECRET": account["secret"]}),
    "werobot.crypto": lambda account: MessageCrypt(
        account["token"], account["encoding_aes_key"], account["appid"]
    ),
    "werobot.server": RobotServer,
    "werobot.utils": lambda _account: werobot.utils,
}


def plain(value: Any) -> Any:
    """Give what JSON cannot say in words it can."""
    if isinstance(value, requests.Response):
        body = base64.b64encode(value.content).decode()
        return {"status": value.status_code, "type": value.headers["Content-Type"], "body": body}
    return value.decode() if isinstance(value, bytes) else list(value)


def call(made: Any, asked: dict[str, Any]) -> Any:
    """Call the method, found by its dotted name; an argument `{"file": path}` is the open file."""
    for name in asked["method"].split("."):
        made = getattr(made, name)
    with ExitStack() as files:
        arguments = [opened(argument, files) for argument in asked["with"]]
        return made(*arguments) if callable(made) else made


def opened(argument: Any, files: ExitStack) -> Any:
    """Open the file if the argument names one."""
    if isinstance(argument, dict) and "file" in argument:
        return files.enter_context(Path(argument["file"]).open("rb"))
    return argument


def main() -> None:
    """Answer until stdin ends."""
    made: dict[str, Any] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        key = json.dumps([asked["library"], asked["account"]])
        try:
            if key not in made:
                made[key] = LIBRARIES[asked["library"]](asked["account"])
            answer = {"gave": call(made[key], asked)}
        except Exception as error:  # noqa: BLE001 the test that asked judges it
            answer = {"failed": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer, default=plain) + "\n")
        sys.stdout.flush()


main()
