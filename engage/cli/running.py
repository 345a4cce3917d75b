"""What `engage up` runs: the servers, one after the other what needs them, and the file that tells where."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from engage import config
from engage.cli import Refused, ports
from engage.cli.supervisor import NotReady, Program, Stopped, Supervisor
from engage.kernel import embedded

_PYTHON = sys.executable
WEB = [_PYTHON, "-m", "gunicorn", "--config", "gunicorn.conf.py", "wsgi:app"]
LIVE = [_PYTHON, "-m", "gunicorn", "--config", "gunicorn_live.conf.py", "live:app"]
WORKER = [_PYTHON, "-m", "workers"]
CLOCK = [_PYTHON, "-m", "workers.clock"]
SANDBOX = [_PYTHON, "-m", "sandbox"]

_STEP_SECONDS = 300.0
_READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Places:
    """Where everything answers."""

    web: str
    live: str
    sandbox: str
    database: str
    owner_database: str
    redis: str


def run(settings: config.Config) -> None:
    """Start everything and keep it running until somebody stops it.

    Raises:
        Refused: it runs already, a port is taken, or something did not come up.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    supervisor = Supervisor(config.ROOT)
    try:
        with (
            _only_one(settings.home),
            _ports(settings) as listening,
            supervisor,
            _servers(settings, supervisor) as servers,
        ):
            places = _places(settings, listening, servers)
            _start(settings, supervisor, places, listening)
            _welcome(settings, supervisor, places, time.monotonic() - begun)
            supervisor.serve()
    except Stopped:
        supervisor.say("stopped")
    except NotReady as problem:
        raise Refused(f"{problem}. `engage doctor` may know more.") from problem
    except embedded.EmbeddedError as error:
        raise Refused(str(error)) from error


def _start(
    settings: config.Config, supervisor: Supervisor, places: _Places, listening: dict[str, int]
) -> None:
    """Start in the order of need; the web comes last, so that who finds it finds everything."""
    environment = _environment(settings, places, listening)
    as_owner = {**environment, "ENGAGE_OWNER_DATABASE_URL": places.owner_database}
    if places.owner_database:
        supervisor.say("bringing the database up to date")
        supervisor.finish(Program("migrate", _engage("migrate"), as_owner), seconds=_STEP_SECONDS)
    else:
        supervisor.say("ENGAGE_OWNER_DATABASE_URL is not set: migrations are left to you (`engage migrate`)")
    if settings.development:
        supervisor.start(Program("sandbox", SANDBOX, environment, stage=0))
        supervisor.wait_until(
            lambda: answers(places.sandbox, "/sandbox/v1/accounts"),
            seconds=_READY_SECONDS,
            what="the sandbox",
        )
    supervisor.start(Program("web", WEB, environment))
    supervisor.start(Program("live", LIVE, environment))
    for number in range(1, settings.workers + 1):
        supervisor.start(
            Program(f"worker-{number}" if settings.workers > 1 else "worker", WORKER, environment)
        )
    supervisor.start(Program("clock", CLOCK, environment))
    here = f"http://{_reachable(settings.host)}:{listening['ENGAGE_PORT']}"
    supervisor.wait_until(lambda: answers(here, "/readyz"), seconds=_READY_SECONDS, what="the web")
    supervisor.wait_until(lambda: answers(places.live, "/healthz"), seconds=_READY_SECONDS, what="live")
    if settings.development:
        supervisor.say("loading the demo")
        supervisor.finish(Program("demo", _engage("demo"), as_owner), seconds=_STEP_SECONDS)
    supervisor.changed = _RunFile(settings.run_file, places).write
    supervisor.changed(supervisor.pids())


@contextlib.contextmanager
def _servers(settings: config.Config, supervisor: Supervisor) -> Iterator[embedded.Servers | None]:
    """Run the embedded servers unless URLs are given; our children stop before them."""
    if not _embeds(settings):
        yield None
        return
    supervisor.say("starting PostgreSQL and Valkey")
    with embedded.start(settings.home, settings.pg_bin) as servers:
        supervisor.tend = servers.revive
        try:
            yield servers
        finally:
            supervisor.stop()


def _embeds(settings: config.Config) -> bool:
    return not (settings.database_url and settings.redis_url)


@contextlib.contextmanager
def _ports(settings: config.Config) -> Iterator[dict[str, int]]:
    wanted = {"ENGAGE_PORT": settings.port, "ENGAGE_LIVE_PORT": settings.live_port}
    if settings.development:
        wanted["ENGAGE_SANDBOX_PORT"] = settings.sandbox_port
    with ports.hold(wanted, host=settings.host, chosen=config.is_set) as listening:
        for name, port in listening.items():
            if port != wanted[name]:
                click.echo(f"port {wanted[name]} is taken; taking {port} ({name} chooses another)")
        yield listening


def _places(settings: config.Config, listening: dict[str, int], servers: embedded.Servers | None) -> _Places:
    def here(name: str) -> str:
        return f"http://{_reachable(settings.host)}:{listening[name]}" if name in listening else ""

    chosen = config.is_set("ENGAGE_PUBLIC_URL")
    database, owner = settings.database_url, settings.owner_database_url
    if servers and not database:
        database, owner = servers.database.app_url, servers.database.owner_url
    return _Places(
        web=settings.public_url if chosen else here("ENGAGE_PORT"),
        live=here("ENGAGE_LIVE_PORT"),
        sandbox=here("ENGAGE_SANDBOX_PORT"),
        database=database,
        owner_database=owner,
        redis=settings.redis_url or (servers.redis_url if servers else ""),
    )


def _environment(settings: config.Config, places: _Places, listening: dict[str, int]) -> dict[str, str]:
    """Give what every child is told; the owner's URL is for migrations alone."""
    told = {
        "ENGAGE_ENV": settings.env,
        "ENGAGE_HOME": str(settings.home),
        "ENGAGE_DATABASE_URL": places.database,
        "ENGAGE_OWNER_DATABASE_URL": "",
        "ENGAGE_REDIS_URL": places.redis,
        "ENGAGE_PUBLIC_URL": places.web,
        **{name: str(port) for name, port in listening.items()},
    }
    if settings.development:
        hosts = (
            "ENGAGE_WECHAT_API_URL",
            "ENGAGE_WECHAT_OPEN_URL",
            "ENGAGE_WECHAT_MP_URL",
            "ENGAGE_SMS_URL",
        )
        told |= {name: places.sandbox for name in hosts if not config.is_set(name)}
    return config.for_child(told)


def _engage(command: str) -> list[str]:
    return [_PYTHON, "-m", "engage.cli", command]


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", ""} else host  # noqa: S104 compared, not bound


def answers(url: str, path: str) -> bool:
    """Whether a server says 200 to GET `path`, within two seconds; no proxy of the environment is asked."""
    place = urlsplit(url)
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = kind(place.hostname or "", place.port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class _RunFile:
    """`.engage/run.json`: every URL, for tools and tests; there while everything runs."""

    def __init__(self, path: Path, places: _Places) -> None:
        self._path, self._places = path, places

    def write(self, pids: dict[str, int]) -> None:
        """Write the file as a whole or not at all; only its owner may read it."""
        fresh = self._path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({**asdict(self._places), "pids": {"up": os.getpid(), **pids}}, file, indent=2)
        fresh.replace(self._path)


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Refuse a second `engage up` in the same home; a crashed one leaves no lock behind."""
    run_file = home / "run.json"
    with (home / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(
                f"Engage runs already in {home} (`engage doctor` tells where); stop it with Ctrl-C there, "
                "or set ENGAGE_HOME to another folder"
            ) from error
        run_file.unlink(missing_ok=True)  # left by one that was killed
        try:
            yield
        finally:
            run_file.unlink(missing_ok=True)


def _beside(url: str) -> str:
    """Give a second name of this machine, for a second log-in in the same browser: cookies go by names."""
    return url.replace("//127.0.0.1", "//localhost")


def _welcome(settings: config.Config, supervisor: Supervisor, places: _Places, seconds: float) -> None:
    lines = [
        f"ready after {seconds:.0f} s; Ctrl-C stops everything, the data stays in {settings.home}",
        f"  console   {places.web}/console/",
    ]
    if settings.development:
        lines += [
            f"  phone     {places.sandbox}/",
            "play all three at once (README, Two minutes); the password is engage-demo:",
            "  patient   on the phone, be 小红 and write to 康美口腔",
            f"  agent     agent1@kangmei at {places.web}/console/chats",
            f"            agent2@kangmei beside it at {_beside(places.web)}/console/chats",
            "  marketer  marketer@kangmei in a private window; owner@kangmei sees all",
        ]
    for line in lines:
        supervisor.say(click.style(line, fg="green"))
