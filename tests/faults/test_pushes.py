"""What WeChat or a forger may do to the callback: repeats, disorder, forgeries, monsters (R9, R11, R12)."""

from __future__ import annotations

import os
import random
import re
import socket
import string
import subprocess
import sys
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from engage.accounts.models import Push
from engage.config import ROOT, Config
from engage.fans.models import Fan
from engage.kernel.db import tenant_scope, unit_of_work
from engage.wechat.messages import Message
from tests.booking.scenes import make_scene
from tests.conftest import Chain
from tests.running.processes import wait_for
from tests.wechat.pushes import Sender, Signed, event, message

COPIES, THREADS = 4, 8
LARGE = pytest.mark.large
MINUTES = pytest.mark.timeout(1200)

MEMORY_MB = 20
LONGEST_MS = 50
TRIES = 5


def send_all(app: Flask, pushes: list[Signed]) -> list[TestResponse]:
    """Send them from several threads; the answers in the same order."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda push: push.send(app.test_client()), pushes))


def rows(chain: Chain, model: type) -> int:
    """Count the chain's rows."""
    with tenant_scope(chain.id), unit_of_work() as session:
        return session.scalar(sa.select(sa.func.count(model.id)).where(model.tenant_id == chain.id))


def history(count: int, chance: random.Random) -> tuple[list[bytes], dict[str, bool]]:
    """Write pushes of some fans who follow, leave and write; and who follows in the end."""
    begun, following, pushes = int(time.time()) - 10 * count, {}, []
    for number in range(count):
        openid = f"o-{chance.randrange(max(2, count // 20))}"
        name = chance.choice(["subscribe", "unsubscribe", "text"])
        at = begun + number  # WeChat's times tell the order, not the arrival
        pushes.append(message(openid, at=at) if name == "text" else event(name, openid, at=at))
        if name != "text":
            following[openid] = name == "subscribe"
    return pushes, following


def battle(
    app: Flask, chain: Chain, count: int
) -> tuple[int, list[set[str]], dict[str, bool], dict[str, bool]]:
    """Send each push four times, shuffled; give rows, answers by push, what is and what should be."""
    chance = random.Random(7)
    xmls, wanted = history(count, chance)
    signed = [Sender(chain, "safe").sign(xml) for xml in xmls]
    order = [number for number in range(count) for _ in range(COPIES)]
    chance.shuffle(order)
    answers: dict[int, set[str]] = defaultdict(set)
    for number, answer in zip(order, send_all(app, [signed[number] for number in order]), strict=True):
        assert answer.status_code == 200
        answers[number].add(answer.text if answer.text == "success" else "a reply")
    with tenant_scope(chain.id), unit_of_work() as session:
        fans = session.execute(sa.select(Fan.openid, Fan.following).where(Fan.openid.in_(wanted))).all()
    return rows(chain, Push), list(answers.values()), {fan.openid: fan.following for fan in fans}, wanted


@pytest.mark.parametrize("count", [300, pytest.param(20_000, marks=[LARGE, MINUTES])])
def test_pushes_sent_four_times_in_any_order_take_effect_once(app, chain, count):
    """R9."""
    make_scene(chain, mode="safe", welcome="您好")
    kept, answers, following, wanted = battle(app, chain, count)
    assert kept == count
    assert all(len(answer) == 1 for answer in answers)
    assert following == wanted


def test_without_the_key_the_copies_would_each_take_effect(app, chain, monkeypatch):
    """The control of R9: each copy gets a key and a stamp of its own."""
    make_scene(chain, mode="safe", welcome="您好")
    monkeypatch.setattr(Message, "key", property(lambda _message: uuid.uuid4().hex))
    monkeypatch.setattr("engage.inbound.services._digest", lambda _content: uuid.uuid4().hex)
    kept, *_ = battle(app, chain, 50)
    assert kept == 50 * COPIES


def test_two_copies_at_once_get_the_same_reply_to_the_letter(app, chain):
    """R9: in plain mode the answers are equal byte for byte."""
    make_scene(chain, welcome="您好")
    for number in range(20):
        push = Sender(chain).sign(event("subscribe", f"o-{number}"))
        answers = {answer.text for answer in send_all(app, [push] * COPIES)}
        assert len(answers) == 1
        assert "您好" in answers.pop()


def forgeries(chain: Chain, mode: str, count: int) -> Iterator[Signed]:
    """Give pushes with something wrong in each; the true one they come from was never sent."""
    chance = random.Random(11)
    wechat = Sender(chain, mode)
    for number in range(count):
        push = wechat.sign(message(f"forged-{number}"))
        query, body = dict(push.query), push.body
        match number % 8:
            case 0:
                query["signature" if mode == "plain" else "msg_signature"] = f"{chance.getrandbits(160):040x}"
            case 1:
                query.pop(
                    chance.choice(["timestamp", "nonce", "signature" if mode == "plain" else "msg_signature"])
                )
            case 2:
                query["timestamp"] = str(
                    int(time.time()) + chance.choice([-1, 1]) * chance.randrange(301, 10**9)
                )
            case 3:
                query["timestamp"] = "".join(chance.choices(string.printable, k=chance.randrange(30)))
            case 4:
                body = body[: chance.randrange(len(body))]
                query |= {} if mode != "plain" else {"nonce": "another"}
            case 5:
                yield Sender(chain, mode, token="guessed").sign(message(f"forged-{number}"))
                continue
            case 6 if mode != "plain":
                yield Sender(chain, mode, app_id="wx-somebody-else").sign(message(f"forged-{number}"))
                continue
            case 7 if mode != "plain":
                body = re.sub(rb"(\[CDATA\[)(.{9})", rb"\1AAAAAAAAA", body)
            case _:
                body = chance.randbytes(chance.randrange(2000))
                query["nonce"] = "another"
        yield Signed(push.path, query, body)


@pytest.mark.parametrize("mode", ["plain", "compat", "safe"])
@pytest.mark.parametrize("count", [400, pytest.param(34_000, marks=[LARGE, MINUTES])])
def test_forgeries_get_4xx_and_leave_no_row(app, chain, mode, count):
    """R11; together 100,000 at full size."""
    make_scene(chain, mode=mode)
    fans = rows(chain, Fan)
    statuses = Counter(answer.status_code for answer in send_all(app, list(forgeries(chain, mode, count))))
    assert set(statuses) <= {400, 403}
    assert (rows(chain, Push), rows(chain, Fan)) == (0, fans)


def test_true_pushes_of_the_same_kind_are_taken(app, chain):
    """The control of R11: what the forgeries are made from is good."""
    make_scene(chain, mode="safe")
    pushes = [Sender(chain, "safe").sign(message(f"true-{number}")) for number in range(20)]
    assert {answer.status_code for answer in send_all(app, pushes)} == {200}
    assert rows(chain, Push) == 20


MONSTERS = {
    "a document type": b"<!DOCTYPE x>" + message(),
    "an external entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml>&e;</xml>',
    "a billion laughs": b"<!DOCTYPE x [<!ENTITY a 'ha'>"
    + b"".join(b"<!ENTITY %c '%s'>" % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><xml>&j;</xml>",
    "depth": b"<a>" * 15_000,
    "many nodes": b"<xml>" + b"<a/>" * 15_000 + b"</xml>",
    "many attributes": b"<xml " + b" ".join(b'a%d="1"' % n for n in range(6_000)) + b"/>",
    "bad UTF-8": message().replace(b"hi", b"\xff\xfe\x80"),
    "UTF-16": message().decode().encode("utf-16"),
    "a NUL": message().replace(b"hi", b"h\0i"),
    "nothing": b"",
    "no MsgType": message().replace(b"MsgType", b"MsgTipe"),
    "two roots": message() + message(),
    "numbers too large": message(at=10**15),
}


@pytest.fixture
def web(app: Flask, settings: Config, chain: Chain) -> Iterator[tuple[int, int]]:
    """A web process of its own, in front of the test's database; its port and process id."""
    make_scene(chain)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "ENGAGE_ENV": "test",
        "ENGAGE_HOME": str(settings.home),
        "ENGAGE_DATABASE_URL": settings.database_url,
        "ENGAGE_REDIS_URL": settings.redis_url,
        "ENGAGE_PORT": str(port),
        "ENGAGE_WEB_PROCESSES": "1",
        "ENGAGE_LOG_LEVEL": "CRITICAL",
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        assert wait_for(lambda: asked(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == 200, seconds=30)
        (worker,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield port, int(worker)
    finally:
        process.terminate()
        process.wait(20)


def asked(port: int, *parts: bytes) -> int:
    """Send raw bytes and give the status; 0 while nobody listens."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            for part in parts:
                connection.sendall(part)
            return int(connection.recv(65536)[9:12] or 0)
    except ConnectionRefusedError:
        return 0


def raw(push: Signed, *, length: int | None = None, **headers: str) -> bytes:
    """Write the head of a push's request."""
    query = "&".join(f"{key}={value}" for key, value in push.query.items())
    lines = [f"POST {push.path}?{query} HTTP/1.1", "Host: x"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if "TransferEncoding" not in headers:
        lines.append(f"Content-Length: {len(push.body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).replace("TransferEncoding", "Transfer-Encoding").encode()


def memory(pid: int) -> float:
    """Give the largest resident memory of a process so far, in MB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def worked(pid: int) -> float:
    """Give the milliseconds of the processor that a process has used; a tick is 10 of them."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK") * 1000


def test_monsters_are_refused_quickly_and_without_memory(app, chain, web):
    """R12; counted is the process's own work, which does not grow with the tests beside this one."""
    port, pid = web
    wechat = Sender(chain)
    first = wechat.sign(message())
    assert asked(port, raw(first), first.body) == 200  # what is loaded once is loaded
    before, slow = memory(pid), {}
    for name, xml in MONSTERS.items():
        begun = worked(pid)
        for _ in range(TRIES):
            push = wechat.sign(xml)
            assert 400 <= asked(port, raw(push), push.body) < 500, name
        slow[name] = (worked(pid) - begun) / TRIES
    large = wechat.sign(b"")
    assert asked(port, raw(large, length=30 * 2**20), b"x" * 4096) == 400
    chunked = raw(wechat.sign(b""), TransferEncoding="chunked")
    assert asked(port, chunked, b"1000\r\n" + b"x" * 4096) == 400
    assert {name: taken for name, taken in slow.items() if taken > LONGEST_MS} == {}
    assert memory(pid) - before < MEMORY_MB
    assert rows(chain, Push) == 1
