"""P15: from a fan's push to the agent's screen, with 500 consoles open.

Each console is a log-in of its own with its stream. A push goes through WeChat's callback in safe mode;
its time ends when its words are in the bytes that a console received.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bench import pushes, servers
from engage.audit.services import OPERATOR
from engage.blueprints import guard
from engage.kernel import clock, directory
from engage.kernel.db import tenant_scope, unit_of_work
from engage.tenancy import services as tenancy
from engage.tenancy.rules import Grant

CONSOLES, PEOPLE = 500, 50
RATES = {1: 20, 10: 100}  # pushes a second: how many
WARM_UP = 60  # until each connection to the database knows its statement
PATIENCE = 10.0
WORDS = re.compile(rb"words-(\d+)-end")


@dataclass
class Console:
    """One open stream: what it received, when."""

    line: socket.socket
    got: dict[int, float] = field(default_factory=dict)
    _rest: bytes = b""

    def read(self) -> None:
        """Take what came."""
        chunk = self.line.recv(262_144)
        now = time.perf_counter()
        if not chunk:
            raise RuntimeError("a stream was closed")
        told = self._rest + chunk
        for found in WORDS.finditer(told):
            self.got.setdefault(int(found[1]), now)
        self._rest = told[-20:]


def main() -> None:
    """Print a row for each rate."""
    cookies: list[str] = []
    figures: dict[str, object] = {}
    print(f"push to screen, {CONSOLES} consoles; must 1000 ms at p99, stretch 200 ms, none lost")
    print(f"{'a second':12}{'p50 ms':>10}{'p99 ms':>10}{'longest':>10}{'lost':>10}")
    with (
        servers.with_streams(lambda _database: cookies.extend(_log_ins())) as (web, live),
        _consoles(live, cookies) as consoles,
    ):
        _push(web, consoles, range(WARM_UP), 20)
        first = WARM_UP
        for rate, count in RATES.items():
            sent = _push(web, consoles, range(first, first + count), rate)
            first += count
            taken = sorted(
                (console.got[number] - at) * 1000
                for number, at in sent.items()
                for console in consoles
                if number in console.got
            )
            row = [round(taken[int(len(taken) * share)], 1) for share in (0.5, 0.99)] + [round(taken[-1], 1)]
            lost = len(sent) * len(consoles) - len(taken)
            print(f"{rate:<12}" + "".join(f"{value:10}" for value in row) + f"{lost:10}")
            figures[f"P15 at {rate}/s"] = [*row, lost]
    print(json.dumps(figures))


def _log_ins() -> Iterator[str]:
    """Make the people and their log-ins; gives the cookies."""
    with unit_of_work() as session:
        tenant_id = directory.tenant_of(session, "app_id", pushes.APP_ID)
    if tenant_id is None:
        raise RuntimeError("the account is not connected")
    for person in range(PEOPLE):
        with tenant_scope(tenant_id), unit_of_work() as session:
            grants = frozenset({Grant("agent", None)})
            staff = tenancy.create_staff(
                session,
                tenancy.StaffDetails(f"agent{person}", f"Agent {person}", "zh_Hans", grants),
                password_hash="none",  # noqa: S106 nobody types one
                one_time=False,
                by=OPERATOR,
                now=clock.now(),
            )
            for _ in range(CONSOLES // PEOPLE):
                token = tenancy.finish_login(session, staff.id, browser="Bench", now=clock.now())
                yield f"{guard.staff_cookie()}={guard.cookie_value(tenant_id, token)}"


@contextmanager
def _consoles(live: servers.Address, cookies: list[str]) -> Iterator[list[Console]]:
    """Open the streams, each heard once before the load begins."""
    with ExitStack() as stack:
        consoles = []
        for cookie in cookies:
            line = stack.enter_context(socket.create_connection(live))
            line.sendall(f"GET /live/stream HTTP/1.1\r\nHost: bench\r\nCookie: {cookie}\r\n\r\n".encode())
            consoles.append(Console(line))
        for console in consoles:
            told = b""
            while b"event: pulse" not in told:
                told += console.line.recv(65536) or _refused(told)
        yield consoles


def _push(web: servers.Address, consoles: list[Console], numbers: range, rate: float) -> Mapping[int, float]:
    """Send pushes at their times and read all streams meanwhile; gives when each push was sent."""
    sent: dict[int, float] = {}
    waiting = [
        (number, pushes.text(f"words-{number}-end", f"obench-live-{number:016}", number + 1))
        for number in numbers
    ]
    begun = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for console in consoles:
            selector.register(console.line, selectors.EVENT_READ, console)
        while waiting or not _all_have(consoles, sent):
            now = time.perf_counter() - begun
            if waiting and now >= len(sent) / rate:
                number, request = waiting.pop(0)
                sent[number] = time.perf_counter()
                line = socket.create_connection(web)
                line.sendall(request)
                selector.register(line, selectors.EVENT_READ, None)
            elif not waiting and now > len(sent) / rate + PATIENCE:
                break
            for key, _events in selector.select(0.005):
                if isinstance(key.data, Console):
                    key.data.read()
                else:
                    selector.unregister(key.fileobj)
                    _end(key.fileobj)
    return sent


def _refused(told: bytes) -> bytes:
    raise RuntimeError(f"a stream was refused: {told[:200]!r}")


def _end(line: socket.socket) -> None:
    with line:
        if b" 200 " not in line.recv(64):
            raise RuntimeError("a push was refused")


def _all_have(consoles: list[Console], sent: Mapping[int, float]) -> bool:
    return all(len(console.got.keys() & sent.keys()) == len(sent) for console in consoles)
