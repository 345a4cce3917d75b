"""Calls of WeChat libraries that live in a process and an environment of their own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engage.config import ROOT

HERE = Path(__file__).parent
INSTALLED = ROOT / "build/clients"
COMMANDS = {
    "python": [str(INSTALLED / "python/bin/python"), str(HERE / "libraries.py")],
    "javascript": [str(Path(sys.executable).parent / "node"), "--no-deprecation", str(HERE / "libraries.js")],
}


class Failed(Exception):
    """The library raised; the message begins with its own exception's name."""


@dataclass(frozen=True)
class Program:
    """The libraries of one language."""

    process: subprocess.Popen[str]

    def call(self, library: str, account: dict[str, Any], method: str, arguments: tuple[Any, ...]) -> Any:
        """Call a method of the library's object for an account, made at its first call.

        Raises:
            Failed: the library did.
        """
        asked = {"library": library, "account": account, "method": method, "with": arguments}
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the libraries' program has ended"
        answer = json.loads(line)
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer.get("gave")


@dataclass(frozen=True)
class Library:
    """A library's object, its methods called by the names that its own documentation gives."""

    program: Program
    name: str
    account: dict[str, Any]
    method: str = ""

    def __getattr__(self, name: str) -> Library:
        """Give the method, or the part of the library, of this name."""
        method = f"{self.method}.{name}" if self.method else name
        return Library(self.program, self.name, self.account, method)

    def __call__(self, *arguments: Any) -> Any:
        """Call the method."""
        return self.program.call(self.name, self.account, self.method, arguments)


@contextlib.contextmanager
def program(language: str, sandbox: str, folder: Path) -> Iterator[Program]:
    """Run the libraries of a language, their hosts changed to the sandbox's, until the block is left."""
    assert (INSTALLED / ".installed").exists(), "run: make build/clients/.installed"
    environment = {"PATH": os.environ["PATH"], "NODE_PATH": str(INSTALLED / "node_modules")}
    command = [*COMMANDS[language], sandbox]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        cwd=folder,
        env=environment,
    )
    with process:
        yield Program(process)
        assert process.stdin
        process.stdin.close()
        process.wait(10)
