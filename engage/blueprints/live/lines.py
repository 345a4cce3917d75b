"""One open stream: who reads it, and what waits to be written to it."""

from __future__ import annotations

import contextlib
import json
import queue
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from engage.tenancy.rules import StoreScope

# Events that may wait for a slow reader. One that falls behind further is cut off: it comes again
# and reads its pages anew, which costs less than all it missed.
WAITING: Final = 200

# What somebody may see who has yet to replace a password that another knows.
NOWHERE: Final = StoreScope(everywhere=False)


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose browser listens; the log-in's end is the stream's end."""

    tenant_id: int
    zone: str
    staff_id: int
    session_id: int
    language: str


@dataclass(eq=False)
class Line:
    """The way from a room to one browser."""

    reader: Reader
    accounts: frozenset[int]
    stores: StoreScope = NOWHERE
    _chunks: queue.Queue[bytes] = field(default_factory=lambda: queue.Queue(WAITING))
    _ended: bool = False

    def send(self, chunk: bytes) -> None:
        """Let a chunk wait for the browser; a full line ends."""
        try:
            self._chunks.put_nowait(chunk)
        except queue.Full:
            self.end()

    def end(self) -> None:
        """Let the browser's connection be closed."""
        self._ended = True
        with contextlib.suppress(queue.Full):  # then it is awake already
            self._chunks.put_nowait(b"")

    def chunks(self) -> Iterator[bytes]:
        """Give what was sent, as it comes, until the end."""
        while not self._ended:
            chunk = self._chunks.get()
            if not self._ended:
                yield chunk


def event(name: str, data: dict[str, Any]) -> bytes:
    """Write an event as a stream carries it."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
