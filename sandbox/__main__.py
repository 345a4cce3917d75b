"""Start the sandbox: `python -m sandbox`."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from sandbox.app import create_app
from sandbox.pusher import MARK_SECONDS, TIMEOUT

THREADS = 64


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """One process with threads, for the clock, the faults and the waiting pushes live in it."""

    def __init__(self, *, bind: str, home: Path, push_timeout: float, mark_seconds: float) -> None:
        self._options = {
            "bind": bind,
            "workers": 1,
            "threads": THREADS,
            "worker_class": "gthread",
            "keepalive": 30,
            "timeout": 120,
            "graceful_timeout": 2,
            "loglevel": "warning",
            "proc_name": "engage-sandbox",
            "control_socket_disable": True,
        }
        self._home, self._push_timeout, self._mark_seconds = home, push_timeout, mark_seconds
        super().__init__()

    def load_config(self) -> None:
        """Hand the options to gunicorn; no file and no environment variable adds to them."""
        for key, value in self._options.items():
            self.cfg.set(key, value)

    def load(self) -> Flask:
        """Build the application in the worker: threads and SQLite do not survive a fork."""
        return create_app(self._home, push_timeout=self._push_timeout, mark_seconds=self._mark_seconds)


def main(arguments: list[str]) -> None:
    """Read the command line and serve until told to stop."""
    env: dict[str, Any] = dict(os.environ)
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A stand-in for WeChat.")
    parser.add_argument("--host", default=env.get("ENGAGE_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=env.get("ENGAGE_SANDBOX_PORT", "8001"))
    parser.add_argument(
        "--home",
        type=Path,
        default=env.get("ENGAGE_HOME", ".engage"),
        help="state is kept in its folder `sandbox`",
    )
    parser.add_argument(
        "--push-timeout", type=float, default=TIMEOUT, help="seconds a callback has to answer (5)"
    )
    parser.add_argument(
        "--mark-seconds",
        type=float,
        default=MARK_SECONDS,
        help="seconds that a callback which keeps failing is left alone (60)",
    )
    options = parser.parse_args(arguments)
    sys.stdout.write(f"sandbox and phone: http://{options.host}:{options.port}/\n")
    sys.stdout.flush()
    Server(
        bind=f"{options.host}:{options.port}",
        home=options.home / "sandbox",
        push_timeout=options.push_timeout,
        mark_seconds=options.mark_seconds,
    ).run()


if __name__ == "__main__":
    main(sys.argv[1:])
