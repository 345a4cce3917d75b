"""A WeChat over real HTTP that answers what a test says, however odd."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "/cgi-bin/stable_token"


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


Answer = Callable[[BaseHTTPRequestHandler, Asked], None]


def told(body: object, *, status: int = 200, kind: str = "application/json; encoding=utf-8") -> Answer:
    """Answer with an object as JSON, or with bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()

    def answer(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def cut(head: bytes) -> Answer:
    """Send some bytes and hang up."""

    def answer(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        handler.wfile.write(head)
        handler.close_connection = True

    return answer


def chunked(pieces: Sequence[bytes]) -> Answer:
    """Send a body in pieces, and its length nowhere."""

    def answer(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in [*pieces, b""]:
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    return answer


def trickling(ended: threading.Event, *, every: float) -> Answer:
    """Send a body byte by byte until the caller has gone or `ended` is set."""

    def answer(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        handler.close_connection = True
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not ended.wait(every):
                handler.wfile.write(b" ")

    return answer


def silent(ended: threading.Event) -> Answer:
    """Answer nothing until `ended` is set."""

    def answer(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        handler.close_connection = True
        ended.wait(30)

    return answer


class Scripted:
    """The server; `answers` holds what to say by path, or is asked for by a function of the request."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.ended = threading.Event()
        self._numbers = itertools.count(1)
        self.answers: dict[str, Answer] = {TOKEN: self._next_token}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Scripted:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def to(self, path: str) -> list[Asked]:
        """Give the requests to a path."""
        return [asked for asked in self.asked if asked.path == path]

    def _next_token(self, handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        told({"access_token": f"token-{next(self._numbers)}", "expires_in": 7200})(handler, asked)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes

            def do_POST(self) -> None:
                self._answer()

            def do_GET(self) -> None:
                self._answer()

            def do_CONNECT(self) -> None:
                script.asked.append(Asked(self.command, self.path, {}, dict(self.headers), b""))
                self.send_error(502)

            def log_message(self, *_args: Any) -> None:
                """Say nothing."""

            def _answer(self) -> None:
                place = urlsplit(self.path)
                asked = Asked(
                    self.command,
                    place.path,
                    {name: values[0] for name, values in parse_qs(place.query).items()},
                    dict(self.headers),
                    self.rfile.read(int(self.headers.get("Content-Length") or 0)),
                )
                script.asked.append(asked)
                script.answers[asked.path](self, asked)

        return Handler
