"""Messages to many reach everybody once, wherever a worker dies and however WeChat fails (R1–R8, R24)."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask

from engage import config
from engage.kernel import clock, doorbell
from engage.kernel.db import tenant_scope, unit_of_work
from engage.notifications import queries, services
from engage.notifications.services import batches
from engage.wechat.client import HttpGateway
from engage.wechat.client import bulk as client
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain, make_chain
from tests.faults.killable import Worker
from tests.notifications import crowds
from tests.notifications.scenes import COUPON
from tests.running.processes import wait_for
from tests.sandbox.conftest import Sandbox
from workers import bulk, runtime

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(600)]

SEND, TOKEN = client.PATH, "/cgi-bin/stable_token"
SIZE, BUNDLE = 25, 10
TURNS_AT_MOST = 60

# Between every two of these something is committed, sent or told.
KILLED_AT = (
    "ring heard 1",
    "marks seen 1",
    "commit 1",
    "claimed 1",
    "commit 2",
    "answer heard 1",
    "answer heard 6",
    "sent 1",
    "settled 1",
    "commit 3",
    "claimed 2",
    "commit 4",
    "sent 3",
    "settled 3",
    "commit 7",
    "claimed 4",
    "marks answered 1",
    "commit 9",
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests here."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.start()
    yield running
    running.stop()


@dataclass
class Post:
    """An account with a crowd of fans whom the sandbox knows, and a message to all of them."""

    scene: Scene
    sandbox: Sandbox
    people: dict[str, str]  # openid → person
    batch_id: int

    @property
    def app_id(self) -> str:
        """The account's app id."""
        return f"wx-{self.scene.chain.slug}"

    def posts(self) -> int:
        """Count the messages that were asked for."""
        counts = self.sandbox.get("/sandbox/v1/counters")["counts"]
        return int(counts.get(self.app_id, {}).get(SEND, 0))

    def received(self) -> Counter[int]:
        """Count the fans by how many cards they have."""
        cards: Counter[int] = Counter()
        for person in self.people.values():
            inbox = self.sandbox.get(f"/sandbox/v1/fans/{person}/inbox", appid=self.app_id)
            cards[sum(entry["kind"] == "template" for entry in inbox)] += 1
        return cards

    def strike(self, effect: dict[str, object], **more: object) -> str:
        """Let calls fail."""
        fault = {"match": {"appid": self.app_id, "path": SEND}, "effect": effect, **more}
        return str(self.sandbox.control("/faults", fault)["id"])

    def drain_all(self) -> None:
        """Let a worker drain until nothing waits, each time when the next is due."""
        for _ in range(TURNS_AT_MOST):
            with tenant_scope(self.scene.chain.id):
                bulk.drain()
                with unit_of_work() as session:
                    due_at = services.next_bulk_at(session, now=clock.now())
            if due_at is None:
                return
            clock.advance(max(0.0, (due_at - clock.now()).total_seconds()) + 0.01)
        raise AssertionError("it never ends")


def open_post(sandbox: Sandbox, chain: Chain, size: int) -> Post:
    """Let a crowd follow a chain's account, and write a message to all of them."""
    scene = make_scene(chain)
    app_id = f"wx-{chain.slug}"
    template = {"template_id": f"template-{crowds.KIND}", "title": "优惠券到账通知", "content": COUPON}
    sandbox.account("http://127.0.0.1:9/", appid=app_id, secret="secret", templates=[template])
    people = {}
    for _ in range(size):
        person = sandbox.fan()
        people[sandbox.control(f"/fans/{person}/follow", {"appid": app_id})["openid"]] = person
    with tenant_scope(chain.id):
        crowds.allow()
        batch_id = crowds.open_batch(scene)
        crowds.write(batch_id, crowds.crowd(scene, list(people)))
    return Post(scene, sandbox, people, batch_id)


@pytest.fixture
def post(
    app: Flask, chain: Chain, sandbox: Sandbox, settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Post]:
    monkeypatch.setattr(batches, "BUNDLE", BUNDLE)
    monkeypatch.setattr(runtime, "application", lambda: app)
    gateway = HttpGateway(sandbox.url, doorbell.connection(), mp_url=sandbox.url)
    monkeypatch.setitem(app.extensions, "wechat", gateway)
    yield open_post(sandbox, chain, SIZE)
    (settings.home / "clock-offset").unlink(missing_ok=True)
    doorbell.connection().flushdb()


@pytest.fixture(scope="module")
def worker(settings: config.Config, sandbox: Sandbox) -> Iterator[Worker]:
    made = Worker("tests.faults.bulk_drainer", settings, ENGAGE_WECHAT_API_URL=sandbox.url)
    yield made
    made.end()


def drained(worker: Worker, post: Post, **order: object) -> list[str]:
    """Let the worker drain; what a killed one had locked is free again. Gives the steps it took."""
    steps = worker.drain(post.scene.chain.id, **order)
    worker.is_gone()
    return steps


def became() -> Counter[tuple[str, str | None]]:
    return crowds.became()


def assert_all_have_it_once(post: Post) -> None:
    with tenant_scope(post.scene.chain.id):
        assert became() == {("sent", None): len(post.people)}
        with unit_of_work() as session:
            assert not queries.under_way(session, [post.batch_id])
    assert post.received() == {1: len(post.people)}


def test_all_steps_are_taken(worker: Worker, post: Post) -> None:
    taken = drained(worker, post)
    assert set(KILLED_AT) <= set(taken)
    assert taken[-1] == "commit 9"
    assert_all_have_it_once(post)
    assert post.posts() == SIZE


@pytest.mark.parametrize("step", KILLED_AT)
def test_a_worker_killed_at_a_step_loses_and_doubles_nothing(worker: Worker, post: Post, step: str) -> None:
    assert drained(worker, post, stop_at=step)[-1] == step
    clock.advance(61)
    drained(worker, post)
    assert_all_have_it_once(post)
    assert post.posts() <= SIZE + BUNDLE


def test_control_without_a_key_a_killed_worker_doubles(worker: Worker, post: Post) -> None:
    drained(worker, post, stop_at="sent 1", unkeyed=True)
    clock.advance(61)
    drained(worker, post, unkeyed=True)
    assert post.received() == {1: SIZE - BUNDLE, 2: BUNDLE}


def test_five_killed_one_after_the_other(worker: Worker, post: Post) -> None:
    for step in ("answer heard 3", "sent 1", "settled 1", "answer heard 9", "commit 2"):
        drained(worker, post, stop_at=step)
        clock.advance(61)
    drained(worker, post)
    assert_all_have_it_once(post)
    assert post.posts() <= SIZE + 5 * BUNDLE


@pytest.mark.large
@pytest.mark.timeout(2400)
def test_twenty_killed_at_random_moments(
    worker: Worker, sandbox: Sandbox, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R1, at the size that the sandbox can show on phones."""
    monkeypatch.setattr(batches, "BUNDLE", 100)
    chance, size, kills = random.Random(1), 3000, 20
    crowded = open_post(sandbox, make_chain(), size)
    for _ in range(kills):
        drained(worker, crowded, stop_at=f"answer heard {chance.randint(1, 200)}")
        clock.advance(61)
    while drained(worker, crowded).count("sent"):
        clock.advance(61)
    crowded.drain_all()
    with tenant_scope(crowded.scene.chain.id):
        counted = became()
    # Who was out when nine minutes were over is listed as unknown, and is not written to again.
    assert set(counted) <= {("sent", None), ("unknown", "no_answer")}
    assert counted.total() == size
    received = crowded.received()
    assert set(received) <= {0, 1}
    assert received[1] >= counted["sent", None]
    assert crowded.posts() <= size + kills * 100


@pytest.mark.parametrize(
    "size", [60, pytest.param(3000, marks=[pytest.mark.large, pytest.mark.timeout(1800)])]
)
def test_a_failing_api_ends_each_message_in_one_state(
    app: Flask, sandbox: Sandbox, post: Post, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R5: 5 % 5xx, 5 % time-outs, 1 % cut in the middle of the body."""
    monkeypatch.setattr(client, "CALL_MS", 700)
    crowded = open_post(sandbox, make_chain(), size)
    crowded.strike({"http": 502}, probability=0.05)
    crowded.strike({"latency_ms": 2000}, probability=0.05)
    crowded.strike({"drop": "during"}, probability=0.01)
    crowded.drain_all()
    with tenant_scope(crowded.scene.chain.id):
        counted = became()
    assert counted.total() == size
    assert set(counted) <= {("sent", None), ("unknown", "no_answer")}
    assert counted["sent", None] >= size * 0.98
    received = crowded.received()
    assert set(received) <= {0, 1}
    assert received[1] >= counted["sent", None]
    assert crowded.posts() <= size * (1.15 if size > 1000 else 1.4)


def test_a_spent_quota_stops_one_account_alone_until_the_next_day(
    sandbox: Sandbox, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R6: the day's calls are spent at 40 %."""
    monkeypatch.setattr(bulk, "CONNECTIONS_AT_MOST", 3)
    limits = f"/accounts/{post.app_id}/limits"
    sandbox.control(limits, {SEND: SIZE * 2 // 5})
    other = open_post(sandbox, make_chain(), 5)
    with tenant_scope(post.scene.chain.id):
        bulk.drain()
        bulk.drain()
        counted = became()
        with unit_of_work() as session:
            assert services.spent(session, now=clock.now()) == {post.scene.account_id}
    assert counted["sent", None] == SIZE * 2 // 5
    assert post.posts() <= SIZE * 2 // 5 + 1 + 3
    other.drain_all()
    assert_all_have_it_once(other)
    sandbox.control(limits, {SEND: 100_000})  # the sandbox's own day goes on
    post.drain_all()
    assert_all_have_it_once(post)


@pytest.mark.parametrize("errcode", [40001, 42001])
def test_a_token_that_dies_under_senders_is_refreshed_once(
    app: Flask, sandbox: Sandbox, post: Post, errcode: int
) -> None:
    """R7, small: four workers; sixteen senders of single messages are in `test_token`."""
    asked = sandbox.get("/sandbox/v1/counters")["counts"].get(post.app_id, {}).get(TOKEN, 0)
    slow = post.strike({"latency_ms": 300})
    workers = [threading.Thread(target=drain_in, args=(app, post)) for _ in range(4)]
    for thread in workers:
        thread.start()
    assert wait_for(lambda: post.posts() >= 3, seconds=30)
    sandbox.control(f"/accounts/{post.app_id}/tokens/kill", {"as": errcode})
    sandbox.http.delete(f"{sandbox.url}/sandbox/v1/faults/{slow}", timeout=10)
    for thread in workers:
        thread.join()
    post.drain_all()
    assert_all_have_it_once(post)
    assert sandbox.get("/sandbox/v1/counters")["counts"][post.app_id][TOKEN] == asked + 2


def drain_in(app: Flask, post: Post) -> None:
    """Drain in a thread, as a process of its own would."""
    with app.app_context(), tenant_scope(post.scene.chain.id):
        bulk.drain()


def test_who_cannot_be_reached_is_told_by_reason_and_counts_are_exact(sandbox: Sandbox, post: Post) -> None:
    """R8: left (43004), unknown (40003), on the black list (43019), and a busy WeChat (-1)."""
    left, blocked, *_others = post.people
    sandbox.control(f"/fans/{post.people[left]}/unfollow", {"appid": post.app_id})
    token = post.sandbox.get(
        "/cgi-bin/token", grant_type="client_credential", appid=post.app_id, secret="secret"
    )["access_token"]
    listed = {"openid_list": [blocked]}
    sandbox.post("/cgi-bin/tags/members/batchblacklist", listed, access_token=token)
    with tenant_scope(post.scene.chain.id):
        crowds.write(post.batch_id, crowds.crowd(post.scene, ["o-nobody"]))
    post.strike({"errcode": -1}, times=3)
    post.drain_all()
    with tenant_scope(post.scene.chain.id):
        counted = Counter({(state, reason and reason[:5]): n for (state, reason), n in became().items()})
    assert counted == {
        ("sent", None): SIZE - 2,
        ("failed", "43004"): 1,
        ("failed", "43019"): 1,
        ("failed", "40003"): 1,
    }


def test_a_pause_is_heard_within_two_seconds_and_going_on_doubles_nothing(
    app: Flask, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R24; counted in messages, ten of which take two seconds."""
    monkeypatch.setattr(bulk, "CONNECTIONS_AT_LEAST", 1)
    monkeypatch.setattr(bulk, "CONNECTIONS_AT_MOST", 1)
    slow = post.strike({"latency_ms": 200})
    sender = threading.Thread(target=drain_in, args=(app, post))
    sender.start()
    assert wait_for(lambda: post.posts() >= 3, seconds=30)
    with tenant_scope(post.scene.chain.id), unit_of_work() as session:
        services.pause(session, [post.batch_id])
    paused_at = post.posts()
    sender.join()
    stopped_at = post.posts()
    assert stopped_at <= paused_at + 10
    assert stopped_at < SIZE
    with tenant_scope(post.scene.chain.id):
        bulk.drain()
        assert post.posts() == stopped_at
        with unit_of_work() as session:
            services.resume(session, [post.batch_id], now=clock.now())
    post.sandbox.http.delete(f"{post.sandbox.url}/sandbox/v1/faults/{slow}", timeout=10)
    post.drain_all()
    assert_all_have_it_once(post)
    assert post.posts() == SIZE


def test_redis_emptied_between_any_two_bundles_loses_nothing(post: Post) -> None:
    with tenant_scope(post.scene.chain.id):
        while queries_under_way(post):
            doorbell.connection().flushdb()
            with unit_of_work() as session:
                allowed = services.limits(session)
            bulk._send(bulk._claimed(post.batch_id, allowed), 3)
    assert_all_have_it_once(post)


def queries_under_way(post: Post) -> bool:
    with unit_of_work() as session:
        return queries.under_way(session, [post.batch_id])
