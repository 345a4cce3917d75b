"""R7: the token dies under sixteen senders in four processes; one refresh, and no message is lost."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis

from engage import config
from engage.kernel import embedded
from engage.kernel.death import following
from tests.running.processes import wait_for
from tests.sandbox.conftest import Sandbox

SEND = "/cgi-bin/message/template/send"
TOKEN = "/cgi-bin/stable_token"
PROCESSES, THREADS = 4, 4
# Messages before the token dies, and as many after.
SMALL, FULL = 100, 10_000


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of this battery alone."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.start()
    yield running
    running.stop()


@dataclass
class Battery:
    """An account with sixteen fans, and the processes that write to them."""

    sandbox: Sandbox
    redis_url: str
    account: dict[str, Any]
    template_id: str
    people: dict[str, str]  # openid → person
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def begin(self, *, processes: int = PROCESSES, guarded: bool = True) -> None:
        """Start processes, each with a thread for every fan of its own."""
        openids, begun = iter(self.people), []
        for _ in range(processes):
            order = {
                "api_url": self.sandbox.url,
                "redis_url": self.redis_url,
                "app_id": self.account["appid"],
                "secret": self.account["secret"],
                "template_id": self.template_id,
                "openids": list(itertools.islice(openids, THREADS)),
                "guarded": guarded,
            }
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.senders"],
                cwd=config.ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                preexec_fn=following(signal.SIGKILL),
            )
            print(json.dumps(order), file=process.stdin, flush=True)
            begun.append(process)
        self.processes += begun
        for process in begun:
            assert process.stdout.readline() == "ready\n"

    def end(self) -> tuple[Counter[str], list[str]]:
        """Stop the senders; gives what they sent by openid, and what failed."""
        sent: Counter[str] = Counter()
        failed: list[str] = []
        while self.processes:
            told, _ = self.processes.pop().communicate(timeout=60)
            result = json.loads(told)
            sent.update(result["sent"])
            failed += result["failed"]
        return sent, failed

    def abandon(self) -> None:
        """Leave no process behind a test that failed."""
        for process in self.processes:
            process.kill()
            process.communicate()

    def count(self, path: str) -> int:
        """Count the account's calls to a path today."""
        counts = self.sandbox.get("/sandbox/v1/counters")["counts"]
        return int(counts.get(self.account["appid"], {}).get(path, 0))

    def wait_for_calls(self, number: int) -> None:
        """Wait until so many messages more were asked for."""
        goal = self.count(SEND) + number
        assert wait_for(lambda: self.count(SEND) >= goal, seconds=30 + number / 20)

    def kill_token(self, errcode: int) -> None:
        """End the token while all senders wait for an answer."""
        fault = {"match": {"path": SEND, "appid": self.account["appid"]}, "effect": {"latency_ms": 300}}
        made = self.sandbox.control("/faults", fault)
        self.wait_for_calls(PROCESSES * THREADS)
        self.sandbox.control(f"/accounts/{self.account['appid']}/tokens/kill", {"as": errcode})
        self.sandbox.http.delete(f"{self.sandbox.url}/sandbox/v1/faults/{made['id']}", timeout=10)

    def arrived(self) -> Counter[str]:
        """Count what the fans received, by openid."""
        return Counter({openid: self._inbox(person) for openid, person in self.people.items()})

    def _inbox(self, person: str) -> int:
        seen, after = 0, 0
        while entries := self.sandbox.get(
            f"/sandbox/v1/fans/{person}/inbox", appid=self.account["appid"], after=after
        ):
            seen += sum(entry["kind"] == "template" for entry in entries)
            after = entries[-1]["seq"]
        return seen


@pytest.fixture
def battery(sandbox: Sandbox, servers: embedded.Servers) -> Iterator[Battery]:
    account = sandbox.account("http://127.0.0.1:9/")
    token = sandbox.token(account)
    sandbox.control(f"/accounts/{account['appid']}/limits", {SEND: 1_000_000})
    wanted = {"template_id_short": "46203", "keyword_name_list": ["就诊门店", "就诊时间"]}
    template = sandbox.post("/cgi-bin/template/api_add_template", wanted, access_token=token)
    people = {}
    for _ in range(PROCESSES * THREADS):
        person = sandbox.fan()
        followed = sandbox.control(f"/fans/{person}/follow", {"appid": account["appid"]})
        people[followed["openid"]] = person
    made = Battery(sandbox, servers.redis_url, account, template["template_id"], people)
    yield made
    made.abandon()


@pytest.mark.parametrize("errcode", [40001, 42001])
@pytest.mark.parametrize(
    "size", [SMALL, pytest.param(FULL, marks=[pytest.mark.large, pytest.mark.timeout(2400)])]
)
def test_a_token_that_dies_is_refreshed_once_and_nothing_is_lost(
    battery: Battery, errcode: int, size: int
) -> None:
    battery.begin()
    battery.wait_for_calls(size)
    assert battery.count(TOKEN) == 1
    battery.kill_token(errcode)
    battery.wait_for_calls(size)
    sent, failed = battery.end()
    assert failed == []
    assert battery.count(TOKEN) == 2
    assert battery.arrived() == sent
    refused = battery.count(SEND) - sent.total()
    assert 2 <= refused <= PROCESSES * THREADS


def test_control_without_lock_and_comparison_it_is_refreshed_many_times(battery: Battery) -> None:
    battery.begin(guarded=False)
    battery.wait_for_calls(SMALL)
    before = battery.count(TOKEN)
    battery.kill_token(40001)
    battery.wait_for_calls(SMALL)
    battery.end()
    assert battery.count(TOKEN) - before > 1


def test_a_sender_killed_while_it_refreshes_holds_the_others_up_no_longer_than_its_lock(
    battery: Battery, servers: embedded.Servers
) -> None:
    lock = f"wechat:token:{battery.account['appid']}:lock"
    slow = {
        "match": {"path": TOKEN, "appid": battery.account["appid"]},
        "effect": {"latency_ms": 4000},
        "times": 1,
    }
    battery.sandbox.control("/faults", slow)
    battery.begin(processes=1)
    with redis.Redis.from_url(servers.redis_url) as valkey:
        assert wait_for(lambda: valkey.exists(lock) and battery.count(TOKEN) == 1, seconds=10)
        holder = battery.processes.pop()
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()
        assert valkey.expire(lock, 60)
        battery.begin()
        assert battery.count(SEND) == 0
        valkey.pexpire(lock, 200)
    battery.wait_for_calls(SMALL)
    sent, failed = battery.end()
    assert failed == []
    assert battery.arrived() == sent
    assert battery.count(TOKEN) == 2
