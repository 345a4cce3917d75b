"""WeChat fails in every way it can: each message ends in one state with its reason, and none comes twice."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.fans.models import Fan
from engage.kernel import clock, doorbell
from engage.kernel.db import tenant_scope, unit_of_work
from engage.notifications import services
from engage.notifications.models import Delivery
from engage.wechat.client import HttpGateway
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain
from tests.notifications.scenes import CONTENT, TITLE
from tests.sandbox.conftest import Sandbox
from workers import deliveries

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(600)]

SEND = "/cgi-bin/message/template/send"
EFFECTS = (
    {"errcode": -1},
    {"errcode": 45009},
    {"errcode": 40001},
    {"errcode": 43004},
    {"http": 502},
    {"drop": "before"},
    {"drop": "after"},
)
ENDS = {"sent", "delivered", "failed", "skipped", "unknown"}
TURNS_AT_MOST = 400


@dataclass
class Office:
    """A chain whose account and fan the sandbox knows, and a clock that is moved on by hand."""

    scene: Scene
    sandbox: Sandbox
    app_id: str
    fan: str
    now: dt.datetime

    def write(self, count: int) -> None:
        """Write messages down, each about another thing; some are of no use after a while."""
        for subject in range(1, count + 1):
            message = services.Message(
                "appointment_created",
                "template",
                subject,
                1,
                self.scene.account_id,
                self.scene.fan_ids[0],
                "template",
                {"thing1": f"门店 {subject}", "thing2": "林志远", "time3": "2026-01-31 15:00"},
                f"/p/x/appointments/{subject}",
                expires_at=self.now + dt.timedelta(hours=subject % 3 * 30 + 1),
            )
            with unit_of_work() as session:
                services.write(session, message, now=self.now)

    def strike(self, effect: dict[str, object], *, times: int) -> None:
        """Let the next calls fail."""
        fault = {"match": {"appid": self.app_id, "path": SEND}, "effect": effect, "times": times}
        self.sandbox.control("/faults", fault)

    def turn(self) -> bool:
        """Let a worker drain, then move the clock to what is due next; False if nothing is."""
        deliveries.drain()
        with unit_of_work() as session:
            due_at = services.next_at(session)
        self.now = max(self.now, due_at or self.now)
        return due_at is not None

    def received(self) -> Counter[str]:
        """Count the cards in the fan's chat, by what they are about."""
        inbox = self.sandbox.get(f"/sandbox/v1/fans/{self.fan}/inbox", appid=self.app_id)
        return Counter(card["data"]["thing1"] for card in inbox if card["kind"] == "template")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests here."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def office(app: Flask, chain: Chain, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    scene = make_scene(chain)
    app_id = f"wx-{chain.slug}"
    template = {"template_id": "template", "title": TITLE, "content": CONTENT}
    sandbox.account("http://127.0.0.1:9/", appid=app_id, secret="secret", templates=[template])
    fan = sandbox.fan()
    sandbox.control(f"/fans/{fan}/follow", {"appid": app_id})
    openid = sandbox.get(f"/sandbox/v1/fans/{fan}/openid", appid=app_id)["openid"]
    gateway = HttpGateway(sandbox.url, doorbell.connection(), mp_url=sandbox.url)
    monkeypatch.setitem(app.extensions, "wechat", gateway)
    made = Office(scene, sandbox, app_id, fan, clock.now())
    monkeypatch.setattr(clock, "now", lambda: made.now)
    with tenant_scope(chain.id):
        with unit_of_work() as session:
            session.execute(sa.update(Fan).where(Fan.id == scene.fan_ids[0]).values(openid=openid))
        yield made


def storm(office: Office, count: int, chance: random.Random) -> list[tuple[str, str, str | None]]:
    """Send while calls fail in every way; gives what each message was about, its state and reason."""
    office.write(count)
    for _ in range(TURNS_AT_MOST):
        if chance.random() < 0.8:
            office.strike(chance.choice(EFFECTS), times=chance.randint(1, count))
        if not office.turn():
            break
    with unit_of_work() as session:
        rows = session.execute(sa.select(Delivery.fields, Delivery.state, Delivery.reason))
        return [(row.fields["thing1"], row.state, row.reason) for row in rows]


@pytest.mark.parametrize("effect", EFFECTS, ids=str)
def test_one_fault_leaves_one_message_or_a_reason(office: Office, effect: dict[str, object]) -> None:
    office.strike(effect, times=1)
    ((about, state, reason),) = storm(office, 1, random.Random(0))
    assert state in ENDS
    assert reason or state in {"sent", "delivered"}
    assert office.received()[about] <= 1


@pytest.mark.parametrize("seed", [1, 4, pytest.param(3, marks=pytest.mark.large)])
def test_of_many_messages_none_is_lost_or_doubled(office: Office, seed: int) -> None:
    count = 15 if seed != 3 else 150
    ended = storm(office, count, random.Random(seed))
    received = office.received()
    assert len(ended) == count
    assert max(received.values()) == 1
    for about, state, reason in ended:
        assert state in ENDS
        assert reason or state in {"sent", "delivered"}
        assert received[about] == 1 or state != "sent"
        assert received[about] == 0 or state not in {"failed", "skipped"}
    assert len({state for _about, state, _reason in ended}) > 1, "the storm was none"
