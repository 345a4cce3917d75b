"""Two WeChats to ask: the sandbox, and one that answers what the test says."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from engage.kernel import embedded
from engage.wechat.client import HttpGateway
from engage.wechat.gateway import Credentials
from tests.sandbox.conftest import Sandbox
from tests.wechat.scripted import Scripted


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """A WeChat that answers what the test says, and gives tokens `token-1`, `token-2` …"""
    with Scripted() as running:
        yield running


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for the whole run; tests stay apart by their own accounts and people."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def valkey(servers: embedded.Servers) -> Iterator[redis.Redis]:
    """The tests' Valkey."""
    with redis.Redis.from_url(servers.redis_url) as connection:
        yield connection


@pytest.fixture
def nobody() -> Credentials:
    """An account that only `scripted` knows."""
    return Credentials(f"wx{uuid.uuid4().hex[:16]}", "secret")


@dataclass(frozen=True)
class Reached:
    """An account of the sandbox, the gateway to it, and a fan who follows."""

    sandbox: Sandbox
    gateway: HttpGateway
    account: Credentials
    fan: str
    openid: str

    def calls(self, path: str) -> list[dict[str, Any]]:
        """Give the account's calls to a path, oldest first."""
        found = self.sandbox.get("/sandbox/v1/calls", appid=self.account.app_id, path=path)
        return sorted(found, key=lambda call: call["seq"])

    def inbox(self) -> list[dict[str, Any]]:
        """Give what the fan received."""
        return self.sandbox.get(f"/sandbox/v1/fans/{self.fan}/inbox", appid=self.account.app_id)


@pytest.fixture
def reached(sandbox: Sandbox, valkey: redis.Redis) -> Reached:
    """An account of this test alone, whose callback nobody answers."""
    made = sandbox.account("http://127.0.0.1:9/")
    fan = sandbox.fan()
    sandbox.control(f"/fans/{fan}/follow", {"appid": made["appid"]})
    openid = sandbox.get(f"/sandbox/v1/fans/{fan}/openid", appid=made["appid"])["openid"]
    gateway = HttpGateway(sandbox.url, valkey, mp_url=sandbox.url)
    return Reached(sandbox, gateway, Credentials(made["appid"], made["secret"]), fan, openid)
