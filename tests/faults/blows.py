"""What strikes a whole system in these batteries, and how it is looked at meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psycopg
import redis

from engage.kernel import clock
from tests.system import System, eventually

PATIENCE = 60.0
T = TypeVar("T")


def kill(program: str) -> Callable[[System], None]:
    """Give the blow that kills a program, as soon as one runs that was not killed yet."""

    def strike(system: System) -> bool:
        try:
            os.kill(system.pid(program), signal.SIGKILL)
        except (ProcessLookupError, KeyError):  # it is being started again
            return False
        return True

    return lambda system: eventually(lambda: strike(system), seconds=PATIENCE)


def empty_redis(system: System) -> None:
    """Let Redis forget everything, as soon as one runs."""
    _in_redis(system, lambda valkey: valkey.flushall())


def restart_postgres(system: System) -> None:
    """Stop PostgreSQL fast, and wait for the one that follows it."""
    before = _postmaster(system)
    os.kill(before, signal.SIGINT)
    # Until its last connection has gone it answers the old way: wait for the one that follows it.
    eventually(lambda: _postmaster(system) not in {0, before}, seconds=60)


def kill_redis(system: System) -> None:
    """Kill Valkey, as soon as one runs; the supervisor starts another, which knows nothing."""
    _in_redis(system, lambda valkey: os.kill(valkey.info("server")["process_id"], signal.SIGKILL))


def _in_redis(system: System, do: Callable[[redis.Redis], object]) -> None:
    def done() -> bool:
        with redis.Redis.from_url(system.redis) as valkey:
            try:
                do(valkey)
            except redis.ConnectionError:
                return False
            return True

    eventually(done, seconds=PATIENCE)


def _postmaster(system: System) -> int:
    """Give the process id of the running PostgreSQL, 0 between two."""
    lines = [line for file in system.home.glob("postgres-*/postmaster.pid") for line in _lines(file)]
    return int(lines[0]) if lines else 0


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except FileNotFoundError:
        return []


BLOWS: dict[str, Callable[[System], None]] = {
    "web": kill("web"),
    "worker": kill("worker"),
    "clock": kill("clock"),
    "redis": empty_redis,
    "postgres": restart_postgres,
}


def advance(system: System, seconds: float) -> None:
    """Move the clocks of Engage and the sandbox forward together."""
    clock.advance(seconds)
    system.control("POST", "/clock", {"advance_seconds": seconds})


def ask(look: Callable[[], T]) -> T:
    """Give what a look at the database shows, once it answers."""

    def answers() -> list[T]:
        try:
            return [look()]
        except psycopg.OperationalError:
            return []

    return eventually(answers, seconds=PATIENCE)[0]
