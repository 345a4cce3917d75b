"""A stand-in for WeChat's API that costs next to nothing: `python -m bench.stand_in PORT LATENCY_MS`.

It takes template messages, each answered after the latency, and gives out a token. Every connection has
one request at a time. `GET /counts` says how often it was asked, and for how many messages.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections import deque

SEND = b"/cgi-bin/message/template/send"
TOKEN = {"access_token": "bench", "expires_in": 7200}
ID = b'"client_msg_id"'


class StandIn:
    """One thread, one loop."""

    def __init__(self, port: int, latency: float) -> None:
        self.latency = latency
        self.listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self.listener.settimeout(0)
        self.epoll = select.epoll()
        self.epoll.register(self.listener.fileno(), select.EPOLLIN)
        self.clients: dict[int, socket.socket] = {}
        self.received: dict[int, bytes] = {}
        self.waiting: deque[tuple[float, int, bytes]] = deque()
        self.posts = 0
        self.messages: dict[bytes, int] = {}

    def serve(self) -> None:
        """Answer until killed."""
        while True:
            pause = max(0.0, self.waiting[0][0] - time.monotonic()) if self.waiting else -1
            for number, _event in self.epoll.poll(pause):
                if number == self.listener.fileno():
                    self._accept()
                else:
                    self._read(number)
            now = time.monotonic()
            while self.waiting and self.waiting[0][0] <= now:
                _due, number, answer = self.waiting.popleft()
                self._send(number, answer)

    def _accept(self) -> None:
        client, _address = self.listener.accept()
        client.settimeout(0)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.clients[client.fileno()], self.received[client.fileno()] = client, b""
        self.epoll.register(client.fileno(), select.EPOLLIN)

    def _read(self, number: int) -> None:
        try:
            chunk = self.clients[number].recv(65536)
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            self.epoll.unregister(number)
            self.clients.pop(number).close()
            del self.received[number]
            return
        received = self.received[number] + chunk
        head, separator, body = received.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            self.received[number] = received
            return
        self.received[number] = b""
        path = head.split(b" ", 2)[1].partition(b"?")[0]
        if path == SEND:
            self.waiting.append((time.monotonic() + self.latency, number, self._take(body)))
        else:
            told = {"posts": self.posts, "messages": len(self.messages)} if path == b"/counts" else TOKEN
            self._send(number, _answer(json.dumps(told).encode()))

    def _take(self, body: bytes) -> bytes:
        """Count a message; the same one gets the same id, however often it comes."""
        self.posts += 1
        key = body.partition(ID)[2].split(b'"', 2)[1]
        number = self.messages.setdefault(key, len(self.messages) + 1)
        return _answer(b'{"errcode":0,"errmsg":"ok","msgid":%d}' % number)

    def _send(self, number: int, answer: bytes) -> None:
        if number in self.clients:
            self.clients[number].sendall(answer)


def _length(head: bytes) -> int:
    """Give the length of the body; clients differ in how they write the header's name."""
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def _answer(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )


if __name__ == "__main__":
    StandIn(int(sys.argv[1]), float(sys.argv[2]) / 1000).serve()
