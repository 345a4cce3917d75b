"""A load generator: one thread, plain sockets, prepared requests, nothing measured but time.

Closed loop: each connection asks again as soon as it is answered. Open loop: requests leave at
their appointed times whatever the server does, and latency counts from the appointed time.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

PATIENCE = 5.0  # seconds that WeChat waits


@dataclass
class Outcome:
    """What came of a run: latencies in seconds, answers by status (0: none in time), and how long it took."""

    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def quantile(self, share: float) -> float:
        """Give a latency in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


class _Connection:
    """One connection at a time; without `keep_alive` a new one for each request."""

    def __init__(
        self, address: tuple[str, int], selector: selectors.BaseSelector, *, keep_alive: bool
    ) -> None:
        self.address, self.selector, self.keep_alive = address, selector, keep_alive
        self.begun, self.received = 0.0, b""
        self.socket: socket.socket | None = None

    def send(self, request: bytes, begun: float) -> None:
        self.begun, self.received = begun, b""
        if self.socket is None:
            self.socket = socket.create_connection(self.address)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(self.socket, selectors.EVENT_READ, self)
        self.socket.sendall(request)

    def answer(self) -> int | None:
        """Read; give the status once the answer is whole, 0 when the server cut it off."""
        try:
            chunk = self.socket.recv(65536) if self.socket else b""
        except ConnectionResetError:
            chunk = b""
        self.received += chunk
        head, separator, body = self.received.partition(b"\r\n\r\n")
        status = None if chunk else 0
        if separator:
            length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            status = int(head[9:12]) if len(body) >= length else status
        if status == 0 or (status is not None and not self.keep_alive):
            self.close()
        return status

    def give_up(self) -> int:
        self.close()
        return 0

    def close(self) -> None:
        if self.socket:
            self.selector.unregister(self.socket)
            self.socket.close()
            self.socket = None


def closed_loop(
    address: tuple[str, int], requests: Sequence[bytes], *, connections: int, keep_alive: bool
) -> Outcome:
    """Send all requests, each connection one at a time."""
    return _run(address, [(0.0, request) for request in requests], connections, keep_alive=keep_alive)


def open_loop(
    address: tuple[str, int], requests: Sequence[bytes], *, rate: float, connections: int
) -> Outcome:
    """Send `rate` requests a second, in even steps, each on a connection of its own."""
    timed = [(number / rate, request) for number, request in enumerate(requests)]
    return _run(address, timed, connections, keep_alive=False)


def _run(
    address: tuple[str, int], timed: Sequence[tuple[float, bytes]], connections: int, *, keep_alive: bool
) -> Outcome:
    outcome, waiting = Outcome(), deque(timed)
    selector = selectors.DefaultSelector()
    idle = deque(_Connection(address, selector, keep_alive=keep_alive) for _ in range(connections))
    begun = time.perf_counter()
    busy: set[_Connection] = set()
    while waiting or busy:
        now = time.perf_counter() - begun
        while waiting and idle and waiting[0][0] <= now:
            at, request = waiting.popleft()
            connection = idle.popleft()
            connection.send(request, begun + at if at else time.perf_counter())
            busy.add(connection)
        pause = max(0.0, waiting[0][0] - now) if waiting and idle else PATIENCE
        answers = [(key.data, key.data.answer()) for key, _events in selector.select(pause)]
        if not answers:
            late = [each for each in busy if time.perf_counter() - each.begun > PATIENCE]
            answers = [(each, each.give_up()) for each in late]
        for connection, status in answers:
            if status is not None and connection in busy:
                outcome.latencies.append(time.perf_counter() - connection.begun)
                outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
                idle.append(connection)
                busy.remove(connection)
    outcome.seconds = time.perf_counter() - begun
    for connection in idle:
        connection.close()
    selector.close()
    return outcome
