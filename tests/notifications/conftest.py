"""A manager's browser, and a WeChat that answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from engage.kernel import doorbell
from engage.kernel.db import tenant_scope
from engage.wechat.client import HttpGateway
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain
from tests.contracts.callers import Person, log_in_directly
from tests.notifications.scenes import CONTENT, TITLE
from tests.sandbox.conftest import Sandbox

TEMPLATES = (
    {"template_id": "live-1", "title": TITLE, "content": CONTENT},
    {
        "template_id": "live-2",
        "title": "取消通知",
        "content": "状态：{{phrase1.DATA}}\n电话：{{phone_number2.DATA}}",
    },
)


@pytest.fixture
def scene(chain: Chain) -> Iterator[Scene]:
    """An account with fans, inside the chain's scope."""
    made = make_scene(chain)
    with tenant_scope(chain.id):
        yield made


@pytest.fixture
def manager(app: Flask, scene: Scene) -> Person:
    """A manager of the chain, logged in, reading English."""
    return log_in_directly(app, scene.chain, "manager")


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests here."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def wechat(app: Flask, scene: Scene, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """WeChat is the sandbox, and the account has two templates there."""
    gateway = HttpGateway(sandbox.url, doorbell.connection(), mp_url=sandbox.url)
    monkeypatch.setitem(app.extensions, "wechat", gateway)
    app_id = f"wx-{scene.chain.slug}"
    sandbox.account("http://127.0.0.1:9/", appid=app_id, secret="secret", templates=[*TEMPLATES])
    return sandbox
