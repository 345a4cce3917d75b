"""Programs that tests start and kill, and what is left of them."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from engage.config import ROOT


@contextlib.contextmanager
def program(code: str, *arguments: str, says: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python code in a process of its own until the block is left; enters when it has printed `says`."""
    command = [sys.executable, "-c", code, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    assert process.stdout
    try:
        heard = []
        for line in process.stdout:
            heard.append(line)
            if says in line:
                break
        else:
            raise AssertionError("".join(heard))
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        process.stdout.close()
        process.wait(15)


def processes_with(mark: str) -> dict[int, str]:
    """Give the living processes whose command line or environment holds `mark`."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            command = (folder / "cmdline").read_text(errors="replace")
            if mark in command or mark in (folder / "environ").read_text(errors="replace"):
                found[int(folder.name)] = command.replace("\0", " ")
    return found


def wait_for(condition: Callable[[], object], *, seconds: float) -> bool:
    """Ask until true or too late; for things that tell nobody when they happen."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
