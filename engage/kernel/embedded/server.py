"""One embedded server as a child process, and the folders it needs."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engage.kernel.death import following

START_SECONDS = 30.0
STOP_SECONDS = 10.0


class EmbeddedError(Exception):
    """An embedded server cannot run here; the message says why and what to do."""


@dataclass
class Server:
    """One embedded server: how it is launched, and its process while it runs."""

    name: str
    command: list[str]
    log: Path
    ends_with: signal.Signals  # a quick, clean stop
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start the process; its output goes to the end of its log."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,  # Ctrl-C is for the parent, which stops things in order
                preexec_fn=following(self.ends_with),
            )

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """End the process cleanly, or by force after ten seconds; repeating is harmless."""
        if self.process is None:
            return
        if self.running:
            self.process.send_signal(self.ends_with)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def failure(self, what: str) -> EmbeddedError:
        """Say what went wrong, with the end of the log."""
        lines = self.log.read_text(errors="replace").splitlines()[-8:] if self.log.exists() else []
        return EmbeddedError("\n  ".join([f"{self.name} {what}; the end of {self.log}:", *lines]))


def wait(server: Server, answers: Callable[[], bool]) -> None:
    """Ask until it answers: it listens when it is ready, and tells nobody."""
    ready_by = time.monotonic() + START_SECONDS
    while not answers():
        if not server.running:
            raise server.failure("ended while starting")
        if time.monotonic() > ready_by:
            raise server.failure(f"did not answer within {START_SECONDS:.0f} seconds")
        time.sleep(0.02)


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner may enter, if it is not there."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
