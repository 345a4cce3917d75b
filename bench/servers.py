"""The candidates, each a gunicorn of the same shape in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bench.account import AES_KEY, APP_ID, GREETING, TOKEN
from engage.accounts import services as accounts
from engage.app import create_app
from engage.audit.services import OPERATOR
from engage.config import ROOT, load
from engage.kernel import clock, embedded, migrations
from engage.kernel.db import db, tenant_scope, unit_of_work
from engage.kernel.embedded import Database
from engage.replies import services as replies
from engage.replies.rules import TEXT, Content
from engage.tenancy import services as tenancy

PROCESSES, THREADS = 2, 8
Address = tuple[str, int]


@contextlib.contextmanager
def engage(
    *, processes: int = PROCESSES, core: int | None = None, seed: Callable[[Database], None] | None = None
) -> Iterator[Address]:
    """Serve Engage as the role engage_app on a durable PostgreSQL; `core` holds all of it on one core.

    `seed` sets up what the benchmark needs, in the application's context.
    """
    before = os.sched_getaffinity(0)
    with _settings(processes, core, seed) as (environment, port):
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
        with _served(command, ROOT, environment, port) as address:
            os.sched_setaffinity(0, before)
            yield address


def within(act: Callable[[Database], None]) -> None:
    """Run something in the application's context, as the role engage_app on a durable PostgreSQL."""
    with _settings(PROCESSES, None, act):
        pass


@contextlib.contextmanager
def with_streams(seed: Callable[[Database], None]) -> Iterator[tuple[Address, Address]]:
    """Serve Engage and its event streams; gives the addresses of both."""
    with _settings(PROCESSES, None, seed) as (environment, port):
        streams = int(environment["ENGAGE_LIVE_PORT"])
        gunicorn = [sys.executable, "-m", "gunicorn", "-c"]
        with (
            _served([*gunicorn, "gunicorn.conf.py", "wsgi:app"], ROOT, environment, port) as web,
            _served([*gunicorn, "gunicorn_live.conf.py", "live:app"], ROOT, environment, streams) as live,
        ):
            yield web, live


@contextlib.contextmanager
def _settings(
    processes: int, core: int | None, seed: Callable[[Database], None] | None
) -> Iterator[tuple[Mapping[str, str], int]]:
    held = {core} if core is not None else os.sched_getaffinity(0)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, held)  # what is started inherits it
    try:
        with _home() as home, embedded.start(home, durable=True) as servers:
            database = servers.database
            migrations.upgrade(database.owner_url)
            port = _free_port()
            environment = {
                "ENGAGE_ENV": "test",
                "ENGAGE_HOME": str(home),
                "ENGAGE_DATABASE_URL": database.app_url,
                "ENGAGE_REDIS_URL": servers.redis_url,
                "ENGAGE_PORT": str(port),
                "ENGAGE_LIVE_PORT": str(_free_port()),
                "ENGAGE_WEB_PROCESSES": str(processes),
                "ENGAGE_LOG_LEVEL": "WARNING",
            }
            with create_app(load(environment)).app_context():
                _connect_account()
                if seed:
                    seed(database)
                _close()
            yield environment, port
    finally:
        os.sched_setaffinity(0, before)


def _close() -> None:
    for engine in db.engines.values():
        engine.dispose()


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    """Give a folder for a system of a benchmark, gone with it: a database of millions is gigabytes."""
    with tempfile.TemporaryDirectory(prefix="engage-bench-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextlib.contextmanager
def echo() -> Iterator[Address]:
    """Serve the echo of Flask and wechatpy."""
    with _gunicorn(sys.executable, "bench.echo:app", ROOT) as address:
        yield address


@contextlib.contextmanager
def werobot() -> Iterator[Address]:
    """Serve WeRoBot, from an environment made for it."""
    python = _peers()
    with tempfile.TemporaryDirectory(prefix="werobot-") as folder:
        # Its session is a file in the folder where it runs.
        for name in ("account.py", "werobot_peer.py"):
            Path(folder, name).write_text((ROOT / "bench" / name).read_text())
        with _gunicorn(python, "werobot_peer:app", Path(folder)) as address:
            yield address


@contextlib.contextmanager
def workers(api_url: str, *, seed: Callable[[Database], None]) -> Iterator[None]:
    """Let as many workers and a clock of Engage run on a durable PostgreSQL; WeChat is at `api_url`."""
    with (
        _home() as home,
        embedded.start(home, durable=True) as servers,
        contextlib.ExitStack() as stack,
    ):
        migrations.upgrade(servers.database.owner_url)
        environment = {
            "ENGAGE_ENV": "test",
            "ENGAGE_HOME": str(home),
            "ENGAGE_DATABASE_URL": servers.database.app_url,
            "ENGAGE_REDIS_URL": servers.redis_url,
            "ENGAGE_WECHAT_API_URL": api_url,
            "ENGAGE_LOG_LEVEL": "WARNING",
        }
        with create_app(load(environment)).app_context():
            _connect_account()
            seed(servers.database)
            for module in ("workers",) * PROCESSES + ("workers.clock",):
                stack.enter_context(_running([sys.executable, "-m", module], environment))
            yield
            _close()


@contextlib.contextmanager
def stand_in(latency_ms: float) -> Iterator[str]:
    """Serve WeChat's API as `bench/stand_in.py` does; gives its address."""
    port = _free_port()
    command = [sys.executable, "-m", "bench.stand_in", str(port), str(latency_ms)]
    with _served(command, ROOT, {}, port):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def _running(command: list[str], environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment})
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _connect_account() -> None:
    with unit_of_work() as session:
        tenant_id = tenancy.next_tenant_id(session)
    with tenant_scope(tenant_id), unit_of_work() as session:
        tenancy.create_tenant(session, tenancy.NewTenant("bench", "Bench", "Bench"), now=clock.now())
        new = accounts.NewAccount(
            app_id=APP_ID,
            slug="bench",
            name="Bench",
            secret="none",  # noqa: S106 nobody is called
            token=TOKEN,
            encoding_aes_key=AES_KEY,
        )
        connected = accounts.connect(session, new, by=OPERATOR, now=clock.now())
        replies.set_welcome(session, connected.id, Content(TEXT, GREETING), by=OPERATOR, now=clock.now())


def _peers() -> str:
    """Give the Python of the peers' environment, made when it is missing."""
    home = ROOT / "build" / "peers"
    python, uv = home / "bin" / "python", Path(sys.executable).with_name("uv")
    if not python.exists():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, home], check=True)
        lock = ROOT / "bench" / "peers.txt"
        install = [uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes", lock]
        subprocess.run(install, check=True)
    return str(python)


@contextlib.contextmanager
def _gunicorn(python: str, app: str, folder: Path) -> Iterator[Address]:
    port = _free_port()
    options = f"-k gthread -w {PROCESSES} --threads {THREADS} --keep-alive 5 --log-level warning"
    command = [python, "-m", "gunicorn", *options.split(), "-b", f"127.0.0.1:{port}", app]
    with _served(command, folder, {}, port) as address:
        yield address


@contextlib.contextmanager
def _served(command: list[str], folder: Path, environment: Mapping[str, str], port: int) -> Iterator[Address]:
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, **environment}, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 30
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command} does not serve")
            time.sleep(0.05)
        yield ("127.0.0.1", port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
