"""A sandbox with people on it, and the libraries of others that speak to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.clients.calling import Library, Program, program
from tests.sandbox.conftest import Sandbox

TEMPLATE = {
    "template_id": "tpl-booked",
    "title": "预约成功通知",
    "content": "预约门店:{{thing1.DATA}}\n预约时间:{{time2.DATA}}",
}
NOWHERE = "http://127.0.0.1:9/"  # nothing listens there: pushes fail at once
LANGUAGES = {
    "wechatpy": "python",
    "werobot": "python",
    "co-wechat-api": "javascript",
    "node-easywechat": "javascript",
    "wechat-crypto": "javascript",
}


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox for the libraries; each test has accounts and people of its own."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"), push_timeout=5)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def programs(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Program]]:
    """The libraries of both languages."""
    folder = tmp_path_factory.mktemp("libraries")
    with program("python", sandbox.url, folder) as python, program("javascript", sandbox.url, folder) as node:
        yield {"python": python, "javascript": node}


@pytest.fixture(scope="session")
def library(programs: dict[str, Program]) -> Callable[[str, dict[str, Any]], Library]:
    """Give a library's object for an account: `library("wechatpy.crypto", account)`."""

    def give(name: str, account: dict[str, Any]) -> Library:
        return Library(programs[LANGUAGES[name.split(".")[0]]], name, account)

    return give


@dataclass(frozen=True)
class Scene:
    """A library, its account, and the phone of somebody who follows it."""

    api: Library
    account: dict[str, Any]
    sandbox: Sandbox
    fan: str
    openid: str

    def inbox(self) -> list[dict[str, Any]]:
        """Give what the phone shows of the account."""
        path = f"/sandbox/v1/fans/{self.fan}/inbox"
        shown: list[dict[str, Any]] = self.sandbox.get(path, appid=self.account["appid"])
        return shown

    def write(self, content: str) -> Any:
        """The person writes to the account."""
        message = {"appid": self.account["appid"], "msgtype": "text", "content": content}
        return self.sandbox.control(f"/fans/{self.fan}/send", message)

    def calls(self, path: str) -> list[dict[str, Any]]:
        """Give the calls that the account made of a path."""
        found: list[dict[str, Any]] = self.sandbox.get(
            "/sandbox/v1/calls", appid=self.account["appid"], path=path
        )
        return found


@pytest.fixture
def make_scene(sandbox: Sandbox, library: Callable[[str, dict[str, Any]], Library]) -> Callable[..., Scene]:
    """Set a scene for a library: `make_scene("wechatpy", mode="safe")`."""

    def make(name: str, callback_url: str = NOWHERE, **more: Any) -> Scene:
        account = sandbox.account(callback_url, templates=[TEMPLATE], **more)
        fan = sandbox.fan()
        openid = sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"]
        return Scene(library(name, account), account, sandbox, fan, openid)

    return make


@pytest.fixture
def wechatpy(make_scene: Callable[..., Scene]) -> Scene:
    """The Python library wechatpy 2."""
    return make_scene("wechatpy")


@pytest.fixture
def werobot(make_scene: Callable[..., Scene]) -> Scene:
    """The Python library WeRoBot."""
    return make_scene("werobot")


@pytest.fixture
def co_wechat_api(make_scene: Callable[..., Scene]) -> Scene:
    """The JavaScript library co-wechat-api."""
    return make_scene("co-wechat-api")


@pytest.fixture
def easywechat(make_scene: Callable[..., Scene]) -> Scene:
    """The JavaScript library node-easywechat: its client that adds the (stable) token to any call."""
    return make_scene("node-easywechat")
