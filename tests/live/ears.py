"""Live processes for tests, and ears that listen to their streams over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engage.cli.running import answers
from engage.config import ROOT, Config
from tests.running.processes import wait_for

COMMAND = [sys.executable, "-m", "gunicorn", "--config", "gunicorn_live.conf.py", "live:app"]


@dataclass(frozen=True)
class Live:
    """A live process, and the origin of the pages it takes for the web's."""

    port: int
    web: str

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, str]]:
        """Give status and headers of an answer, whose body nobody reads."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as line:
            line.request("GET", path, headers=dict(headers or {}))
            answer = line.getresponse()
            return answer.status, dict(answer.getheaders())

    def streams(self) -> int:
        """Give how many streams are open, as the process counts them."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as line:
            line.request("GET", "/metrics")
            figures = line.getresponse().read().decode()
        return int(float(figures.rsplit("engage_live_streams ", 1)[1].split()[0]))


@contextlib.contextmanager
def live_process(settings: Config, **changes: str) -> Iterator[Live]:
    """Serve streams from the database of `settings` until the block is left."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = {
        "ENGAGE_ENV": "test",
        "ENGAGE_HOME": str(settings.home),
        "ENGAGE_DATABASE_URL": settings.database_url,
        "ENGAGE_REDIS_URL": settings.redis_url,
        "ENGAGE_LIVE_PORT": str(port),
        "ENGAGE_LOG_LEVEL": "WARNING",
        **changes,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENGAGE_")}
    process = subprocess.Popen(COMMAND, cwd=ROOT, env={**kept, **ours})
    try:
        assert wait_for(lambda: answers(f"http://127.0.0.1:{port}", "/healthz"), seconds=30)
        yield Live(port, f"http://127.0.0.1:{settings.port}")
    finally:
        process.terminate()
        process.wait(15)


@dataclass
class Ear:
    """A browser that listens; what it heard, in order."""

    line: http.client.HTTPConnection
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    over: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def chats(self) -> list[dict[str, Any]]:
        """What was told of conversations."""
        return [data for name, data in list(self.heard) if name == "chat"]

    def until(self, happened: Callable[[], object], *, seconds: float = 15) -> None:
        """Listen until it happened."""
        with self._changed:
            assert self._changed.wait_for(happened, seconds), self.heard

    def listen(self, answer: http.client.HTTPResponse) -> None:
        """Hear all there is, to the end."""
        name = ""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
            while line := answer.readline().decode():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ").strip()
                elif line.startswith("data: "):
                    with self._changed:
                        self.heard.append((name, json.loads(line.removeprefix("data: "))))
                        self._changed.notify_all()
        with self._changed:
            self.over = True
            self._changed.notify_all()


@contextlib.contextmanager
def listening(live: Live, cookie: str) -> Iterator[Ear]:
    """Open a stream as a browser with the log-in's cookie."""
    line = http.client.HTTPConnection("127.0.0.1", live.port, timeout=60)
    line.request("GET", "/live/stream", headers={"Cookie": cookie, "Origin": live.web})
    answer = line.getresponse()
    assert answer.status == 200, answer.read()
    kept = line.sock or answer.fp.raw._sock  # type: ignore[attr-defined]  # http.client lets go of it
    ear = Ear(line)
    thread = threading.Thread(target=ear.listen, args=(answer,), daemon=True)
    thread.start()
    try:
        yield ear
    finally:
        with contextlib.suppress(OSError):
            kept.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        line.close()
