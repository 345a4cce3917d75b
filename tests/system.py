"""A whole Engage of its own for a test: started by `engage up`, driven over HTTP, stopped."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import requests

from engage.config import ROOT
from tests.running.processes import wait_for

UP = [sys.executable, "-m", "engage.cli", "up"]

# What a home is made of: with all of it unchanged, a home of today is as good as a new one.
_SOURCES = ("engage", "workers", "sandbox", "migrations", "requirements")
_HOMES = ROOT / "build" / "homes"


@dataclass(frozen=True)
class System:
    """Where everything answers."""

    home: Path
    web: str
    live: str
    sandbox: str
    owner_database: str
    redis: str

    def pid(self, name: str) -> int:
        """Give the process id of a program that runs now: web, live, worker, clock, sandbox."""
        return int(json.loads((self.home / "run.json").read_text())["pids"][name])

    def control(self, method: str, path: str, body: dict[str, Any] | None = None, /, **query: str) -> Any:
        """Ask the sandbox's control API (design §5)."""
        answer = requests.request(
            method, f"{self.sandbox}/sandbox/v1{path}", json=body, params=query, timeout=30
        )
        answer.raise_for_status()
        return answer.json()

    def count(self, rows: str, *arguments: object) -> int:
        """Count rows of all tenants, as the database's owner."""
        ((count,),) = self.rows(f"select count(*) from {rows}", *arguments)  # noqa: S608
        return int(count)

    def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Give rows of all tenants, as the database's owner; times are in UTC."""
        url = self.owner_database.replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(url, options="-c timezone=UTC") as database:
            return database.execute(query, arguments).fetchall()

    def on_phone_of(self, fan: str, path: str) -> str:
        """Give the address under which a person's phone opens a patient page."""
        port = urlsplit(self.web).port
        return f"http://{fan}.localhost:{port}{path}"


@contextlib.contextmanager
def running(home: Path) -> Iterator[System]:
    """Run `engage up` in `home` until the block is left; fails with its output if it does not come up."""
    furnish(home)
    with _up(home) as started:
        yield started


@contextlib.contextmanager
def _up(home: Path) -> Iterator[System]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ENGAGE_")},
        "ENGAGE_HOME": str(home),
        **{f"ENGAGE_{name}PORT": str(_free_port()) for name in ("", "LIVE_", "SANDBOX_")},
    }
    home.mkdir(parents=True, exist_ok=True)
    output = home / "up.log"
    with output.open("w") as log:
        process = subprocess.Popen(UP, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            run_file = home / "run.json"
            up = wait_for(lambda: run_file.exists() or process.poll() is not None, seconds=180)
            assert up, output.read_text()
            assert run_file.exists(), output.read_text()
            places = json.loads(run_file.read_text())
            named = ("web", "live", "sandbox", "owner_database", "redis")
            yield System(home, *(places[name] for name in named))
        finally:
            process.terminate()
            process.wait(30)


def furnish(home: Path) -> None:
    """Copy a home in which the demo chain was loaded within this hour; one of several workers makes it.

    Where there is none, and while it is being made, a home begins empty, which takes a little longer.
    """
    if home.exists():
        return
    _HOMES.mkdir(parents=True, exist_ok=True)
    kept = _HOMES / _digest()
    if not kept.exists() and "PYTEST_XDIST_WORKER" in os.environ:
        _keep(kept)
    if kept.exists():
        passing = shutil.ignore_patterns("run", "run.json", "logs", "*.lock", "*.log")
        shutil.copytree(kept, home, ignore=passing)


def _keep(kept: Path) -> None:
    with (_HOMES / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        for old in _HOMES.glob("*-*"):
            if old.stat().st_mtime < time.time() - 3600:
                shutil.rmtree(old)
        with _up(fresh := _HOMES / f"fresh-{os.getpid()}") as started:
            eventually(lambda: not started.count("outbox where available_at is not null"), seconds=60)
        fresh.rename(kept)


def _digest() -> str:
    """Name the hour, and what a home is made of."""
    read = hashlib.sha256(os.fsencode(sys.executable))
    for folder in _SOURCES:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                read.update(file.read_bytes())
    return f"{dt.datetime.now(dt.UTC):%Y%m%d%H}-{read.hexdigest()[:16]}"


def eventually(condition: Callable[[], Any], *, seconds: float = 20) -> Any:
    """Give what the condition gives once it is true; fails if it stays false."""
    found: list[Any] = []

    def holds() -> bool:
        found[:] = [condition()]
        return bool(found[0])

    assert wait_for(holds, seconds=seconds), "it never came"
    return found[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
