"""A worker process that tells its steps and can be stopped at any of them, for the drainers beside this."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg

from engage import config
from engage.kernel.death import following
from tests.running.processes import wait_for


def kill(pid: int) -> None:
    """End a process at once."""
    os.kill(pid, signal.SIGKILL)


class Worker:
    """The process of a module that takes orders (`tests.faults.drainer.take_orders`).

    To PostgreSQL it goes by the module's own name.
    """

    def __init__(self, module: str, settings: config.Config, **more: str) -> None:
        self.name, self.settings = module.rpartition(".")[2], settings
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=config.ROOT,
            env={
                "PATH": os.environ["PATH"],
                "ENGAGE_ENV": "test",
                "ENGAGE_HOME": str(settings.home),
                "ENGAGE_DATABASE_URL": f"{settings.database_url}&application_name={self.name}",
                "ENGAGE_REDIS_URL": settings.redis_url,
                "ENGAGE_LOG_LEVEL": "CRITICAL",
                **more,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=following(signal.SIGKILL),
        )

    def drain(
        self, tenant_id: int, *, stop_at: str | None = None, then: Callable[[int], Any] = kill, **order: Any
    ) -> list[str]:
        """Let it drain, stop it at a step and do `then`; gives the steps it took."""
        told = {"tenant_id": tenant_id, "stop_at": stop_at, **order}
        print(json.dumps(told), file=self.process.stdin, flush=True)
        steps: list[str] = []
        for line in self.process.stdout:
            if line == "ended\n":
                return steps
            _, pid, step = line.strip().split(" ", 2)
            steps.append(step)
            if step == stop_at:
                then(int(pid))
        raise AssertionError("the worker ended")

    def is_gone(self) -> None:
        """Wait until PostgreSQL has noticed that the last drain ended, so that its locks are gone."""
        statement = "select count(*) from pg_stat_activity where application_name = %s"
        owner = self.settings.owner_database_url.replace("+psycopg", "")
        with psycopg.connect(owner, autocommit=True) as connection:
            assert wait_for(lambda: connection.execute(statement, [self.name]).fetchone() == (0,), seconds=30)

    def end(self) -> None:
        """Let it end."""
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
