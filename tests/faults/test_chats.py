"""What staff wrote reaches the fan at most once, wherever the worker dies; what may have is told (CH-7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

from engage import config
from engage.fans import services as fans
from engage.kernel import clock, doorbell
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.leases import LEASE
from tests.chat.scenes import Talk, make_talk, messages
from tests.faults.killable import Worker
from tests.sandbox.conftest import Sandbox

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]

SENT, UNKNOWN = ("sent", None), ("unknown", "no_answer")
WORDS = ["一", "二"]

# Between every two of these something is committed, sent or told; then what becomes of the two messages,
# and which of them are on the phone.
KILLED_AT = {
    "ring heard 1": ([SENT, SENT], WORDS),
    "marks seen 1": ([SENT, SENT], WORDS),
    "commit 1": ([SENT, SENT], WORDS),
    "claimed 1": ([SENT, SENT], WORDS),
    # From here on nobody can know whether it went: it is told as it is, and not repeated by itself.
    "commit 2": ([UNKNOWN, SENT], ["二"]),
    "sent 1": ([UNKNOWN, SENT], WORDS),
    "settled 1": ([UNKNOWN, SENT], WORDS),
    "commit 3": ([SENT, SENT], WORDS),
    "claimed 2": ([SENT, SENT], WORDS),
    "commit 4": ([SENT, UNKNOWN], ["一"]),
    "sent 2": ([SENT, UNKNOWN], WORDS),
    "settled 2": ([SENT, UNKNOWN], WORDS),
    "commit 5": ([SENT, SENT], WORDS),
    "marks answered 1": ([SENT, SENT], WORDS),
}


@dataclass(frozen=True)
class Phone:
    """A fan who wrote, and whom staff answered twice."""

    talk: Talk
    sandbox: Sandbox
    fan: str
    chat: int

    def got(self) -> list[str]:
        """Give what staff wrote, as the phone shows it."""
        app_id = f"wx-{self.talk.chain.slug}"
        inbox = self.sandbox.get(f"/sandbox/v1/fans/{self.fan}/inbox", appid=app_id)
        return [entry["content"] for entry in inbox if entry["kind"] == "custom"]

    def became(self) -> list[tuple[str, str | None]]:
        """Give what became of the answers."""
        return [(row.state, row.reason) for row in messages(self.chat) if row.direction == "out"]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests here."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def worker(settings: config.Config, sandbox: Sandbox) -> Iterator[Worker]:
    made = Worker("tests.faults.chat_drainer", settings, ENGAGE_WECHAT_API_URL=sandbox.url)
    yield made
    made.end()


@pytest.fixture
def phone(app: Flask, chain, make_staff, sandbox: Sandbox, settings: config.Config) -> Iterator[Phone]:
    """A fan who follows and wrote, inside the chain's scope."""
    talk = make_talk(chain, make_staff, fan_count=1)
    app_id = f"wx-{chain.slug}"
    sandbox.account("http://127.0.0.1:9/", appid=app_id, secret="secret")
    fan = sandbox.fan()
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": app_id})["openid"]
    sandbox.control(f"/fans/{fan}/send", {"appid": app_id, "msgtype": "text", "content": "在", "push": False})
    with tenant_scope(chain.id):
        with unit_of_work() as session:
            fan_id = fans.follow(session, talk.account_id, openid, changed_at=talk.now, now=talk.now)
        talk = Talk(chain, talk.account_id, (fan_id,), talk.lina, talk.wang, talk.now)
        chat = talk.writes()
        for words in WORDS:
            talk.replies(chat, words)
        yield Phone(talk, sandbox, fan, chat)
    Path(settings.home / "clock-offset").unlink(missing_ok=True)
    doorbell.connection().flushdb()


@pytest.mark.parametrize("step", KILLED_AT)
def test_a_worker_killed_at_a_step_doubles_nothing(worker: Worker, phone: Phone, step: str) -> None:
    tenant_id = phone.talk.chain.id
    assert worker.drain(tenant_id, stop_at=step)[-1] == step
    clock.advance(LEASE.total_seconds() + 1)
    worker.drain(tenant_id)
    became, on_the_phone = KILLED_AT[step]
    assert phone.became() == became
    assert phone.got() == on_the_phone
    assert "sent 1" not in worker.drain(tenant_id)


def test_control_a_worker_that_forgets_what_was_out_doubles(worker: Worker, phone: Phone) -> None:
    worker.drain(phone.talk.chain.id, stop_at="sent 1")
    clock.advance(LEASE.total_seconds() + 1)
    worker.drain(phone.talk.chain.id, forgetful=True)
    assert phone.got() == ["一", "一", "二"]
