"""A worker process that tells its steps and can be killed at any of them, for the drainers beside this."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

from engage import config
from engage.kernel.death import following


class Worker:
    """The process of a module that takes orders (`tests.faults.drainer.take_orders`)."""

    def __init__(self, module: str, settings: config.Config, **more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=config.ROOT,
            env={
                "PATH": os.environ["PATH"],
                "ENGAGE_ENV": "test",
                "ENGAGE_HOME": str(settings.home),
                "ENGAGE_DATABASE_URL": settings.database_url,
                "ENGAGE_REDIS_URL": settings.redis_url,
                "ENGAGE_LOG_LEVEL": "CRITICAL",
                **more,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=following(signal.SIGKILL),
        )

    def drain(self, tenant_id: int, *, stop_at: str | None = None, **order: Any) -> list[str]:
        """Let it drain, kill it at a step; gives the steps it took."""
        told = {"tenant_id": tenant_id, "stop_at": stop_at, **order}
        print(json.dumps(told), file=self.process.stdin, flush=True)
        steps: list[str] = []
        for line in self.process.stdout:
            if line == "ended\n":
                return steps
            _, pid, step = line.strip().split(" ", 2)
            steps.append(step)
            if step == stop_at:
                os.kill(int(pid), signal.SIGKILL)
        raise AssertionError("the worker ended")

    def end(self) -> None:
        """Let it end."""
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
