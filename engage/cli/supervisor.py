"""Keeps child processes running: passes on what they print, restarts what dies, stops all in order.

One thread and one loop, because the death signal that ends children with their parent follows the
thread that spawned them (`kernel.death`).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType

import click

from engage.kernel.death import following

_STOP_SECONDS = 5.0  # for each stage; a person waits
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 30.0
_TEND_SECONDS = 1.0
_STEADY_SECONDS = 30.0  # alive so long, a child's earlier crashes are forgotten
_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_yellow")


class Stopped(Exception):
    """Somebody asked for the end: Ctrl-C, SIGTERM, or the terminal closed."""


class NotReady(Exception):
    """Something did not come up; the message says what."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. Programs of a higher stage stop before those of a lower one."""

    name: str
    command: list[str]
    environment: dict[str, str]
    stage: int = 1


@dataclass
class _Child:
    program: Program
    process: subprocess.Popen[bytes]
    started: float
    delay: float = _FIRST_DELAY
    again_at: float | None = None
    line: bytes = b""
    restarts: bool = True


@dataclass
class Supervisor:
    """Runs programs in `folder` until told to stop; use as a context, in the main thread.

    `tend` is called about once a second and gives the names of other things it had to restart;
    `changed` is called with the processes' ids when one is another than before.
    """

    folder: Path
    tend: Callable[[], list[str]] = list
    changed: Callable[[dict[str, int]], None] = lambda _pids: None
    _children: dict[str, _Child] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _asked_to_stop: int = 0
    _stopping: bool = False
    _tend_at: float = 0.0
    _width: int = 8

    def __enter__(self) -> Supervisor:
        self._wake, wakes = socket.socketpair()
        for end in (self._wake, wakes):
            end.setblocking(False)  # noqa: FBT003 the standard library's
        self._wakes = wakes
        self._selector.register(self._wake, selectors.EVENT_READ)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda _signum, _frame: None)  # wakes the loop
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        signal.set_wakeup_fd(-1)
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(signum, signal.SIG_DFL)
        self._selector.close()
        self._wake.close()
        self._wakes.close()

    def start(self, program: Program) -> None:
        """Start a program and keep it running."""
        self._spawn(program)
        self.changed(self.pids())

    def finish(self, program: Program, *, seconds: float) -> None:
        """Run a program to its end.

        Raises:
            NotReady: it failed or took longer than `seconds`.
        """
        child = self._spawn(program)
        child.restarts = False
        self.wait_until(lambda: child.process.poll() is not None, seconds=seconds, what=program.name)
        self._drop(child)
        if child.process.returncode != 0:
            raise NotReady(f"{program.name} failed with code {child.process.returncode}; its words are above")

    def wait_until(self, ready: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Pass on output until `ready`.

        Raises:
            NotReady: it was not within `seconds`.
            Stopped: somebody asked for the end.
        """
        until = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > until:
                raise NotReady(f"{what} did not come up within {seconds:.0f} seconds; its words are above")
            self._turn(0.1)

    def serve(self) -> None:
        """Keep everything running; ends only by raising `Stopped`."""
        while True:
            self._turn(1.0)

    def pids(self) -> dict[str, int]:
        """Give the process id of each running child by its name."""
        return {name: child.process.pid for name, child in self._children.items() if child.again_at is None}

    def stop(self) -> None:
        """Stop all children, stage by stage; a second request to stop ends them at once."""
        self._stopping = True
        for stage in sorted({child.program.stage for child in self._children.values()}, reverse=True):
            self._stop([child for child in self._children.values() if child.program.stage == stage])

    def say(self, text: str) -> None:
        """Print a line of our own."""
        self._print(click.style("engage".ljust(self._width), bold=True), text)

    def _stop(self, children: list[_Child]) -> None:
        for child in children:
            child.again_at = None
            with contextlib.suppress(ProcessLookupError):
                child.process.terminate()
        until = time.monotonic() + _STOP_SECONDS
        while any(child.process.poll() is None for child in children):
            if time.monotonic() > until or self._asked_to_stop > 1:
                break
            self._turn(0.1)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)  # what a child may have left of its own
            child.process.wait()
            self._drop(child)

    def _spawn(self, program: Program) -> _Child:
        process = subprocess.Popen(
            program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**program.environment, "PYTHONUNBUFFERED": "1"},
            cwd=self.folder,
            start_new_session=True,  # Ctrl-C is for us, who stop things in order
            preexec_fn=following(signal.SIGKILL),
        )
        child = _Child(program, process, started=time.monotonic())
        self._width = max(self._width, len(program.name))
        self._children[program.name] = child
        if process.stdout is not None:
            os.set_blocking(process.stdout.fileno(), False)
            self._selector.register(process.stdout, selectors.EVENT_READ, child)
        return child

    def _turn(self, seconds: float) -> None:
        for key, _events in self._selector.select(seconds):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    self._wake.recv(4096)
            else:
                self._read(key.data)
        if self._stopping:
            return
        if self._asked_to_stop:
            raise Stopped
        if time.monotonic() > self._tend_at:
            self._tend_at = time.monotonic() + _TEND_SECONDS
            for name in self.tend():
                self.say(click.style(f"{name} had ended; it was started again", fg="yellow"))
        for child in list(self._children.values()):
            self._look_after(child)

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.again_at is not None and now >= child.again_at:
            self._drop(child)
            self._spawn(child.program).delay = min(child.delay * 2, _LONGEST_DELAY)
            self.changed(self.pids())
        elif child.again_at is None and child.restarts and child.process.poll() is not None:
            if now - child.started > _STEADY_SECONDS:
                child.delay = _FIRST_DELAY
            child.again_at = now + child.delay
            how = _ending(child.process.returncode)
            self.say(
                click.style(
                    f"{child.program.name} {how}; starting it again in {child.delay:g} s", fg="yellow"
                )
            )

    def _read(self, child: _Child) -> None:
        pipe = child.process.stdout
        if pipe is None:
            return
        data = os.read(pipe.fileno(), 65536)
        if not data:
            self._selector.unregister(pipe)
        *lines, child.line = (child.line + data).split(b"\n")
        if not data and child.line:
            lines.append(child.line)
        for line in lines:
            self._tell(child, line)

    def _tell(self, child: _Child, line: bytes) -> None:
        name = child.program.name
        colour = _COLOURS[sum(name.encode()) % len(_COLOURS)]
        self._print(click.style(name.ljust(self._width), fg=colour), line.decode(errors="replace").rstrip())

    def _drop(self, child: _Child) -> None:
        """Pass on a dead child's last words and forget it."""
        pipe = child.process.stdout
        if pipe is not None:
            while pipe.fileno() in self._selector.get_map():
                try:
                    self._read(child)
                except BlockingIOError:  # a grandchild holds the pipe open
                    self._selector.unregister(pipe)
            pipe.close()
        if self._children.get(child.program.name) is child:
            del self._children[child.program.name]

    def _print(self, who: str, text: str) -> None:
        try:
            click.echo(f"{who} │ {text}")
            sys.stdout.flush()
        except BrokenPipeError:  # nobody reads any more
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 stays open to the end
            self._asked_to_stop += 1

    def _on_stop(self, _signum: int, _frame: FrameType | None) -> None:
        self._asked_to_stop += 1


def _ending(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
