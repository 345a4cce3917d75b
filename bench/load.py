"""A load generator: one thread, plain sockets with keep-alive, prepared requests, nothing measured but time.

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


@dataclass
class Outcome:
    """What came of a run: latencies in seconds, answers by status (0: cut off), and how long it took."""

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
    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.begun, self.received = 0.0, b""
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(self.address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes, begun: float) -> None:
        self.begun, self.received = begun, b""
        self.socket.sendall(request)

    def answer(self) -> int | None:
        """Read; give the status once the answer is whole, 0 when the server cut it off."""
        try:
            chunk = self.socket.recv(65536)
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            return 0
        self.received += chunk
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return None
        lower = head.lower()
        length = int(lower.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        return int(head[9:12]) if len(body) >= length else None


def closed_loop(address: tuple[str, int], requests: Sequence[bytes], *, connections: int) -> Outcome:
    """Send all requests, each connection one at a time."""
    return _run(address, [(0.0, request) for request in requests], connections)


def open_loop(
    address: tuple[str, int], requests: Sequence[bytes], *, rate: float, connections: int
) -> Outcome:
    """Send `rate` requests a second, in even steps."""
    timed = [(number / rate, request) for number, request in enumerate(requests)]
    return _run(address, timed, connections)


def _run(address: tuple[str, int], timed: Sequence[tuple[float, bytes]], connections: int) -> Outcome:
    outcome, waiting = Outcome(), deque(timed)
    selector = selectors.DefaultSelector()
    idle = deque(_Connection(address) for _ in range(connections))
    for connection in idle:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    begun, busy = time.perf_counter(), 0
    while waiting or busy:
        now = time.perf_counter() - begun
        while waiting and idle and waiting[0][0] <= now:
            at, request = waiting.popleft()
            connection = idle.popleft()
            connection.send(request, begun + at if at else time.perf_counter())
            busy += 1
        pause = max(0.0, waiting[0][0] - now) if waiting and idle else None
        for key, _events in selector.select(pause):
            connection = key.data
            status = connection.answer()
            if status == 0:
                selector.unregister(connection.socket)
                connection.connect()
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            if status is not None:
                outcome.latencies.append(time.perf_counter() - connection.begun)
                outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
                idle.append(connection)
                busy -= 1
    outcome.seconds = time.perf_counter() - begun
    for connection in idle:
        connection.socket.close()
    return outcome
