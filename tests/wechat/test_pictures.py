"""Fetching people's pictures: from WeChat alone, of bounded size, of harmless kinds."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from engage.wechat import pictures
from tests.wechat.scripted import Scripted, chunked, cut, trickling

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Serve some bytes once or more: `serve(content, status=200)` gives the server's address."""
    servers: list[ThreadingHTTPServer] = []

    def start(content: bytes, status: int = 200, **headers: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the reader had enough
                    self.wfile.write(content)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        asked: list[str] = []
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.asked = asked  # type: ignore[attr-defined]
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    start.servers = servers  # type: ignore[attr-defined]
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_picture_is_fetched(serve):
    place = serve(PNG)
    assert pictures.fetch(f"{place}/132", sandbox=place) == PNG


@pytest.mark.parametrize(
    ("content", "status"),
    [(SVG, 200), (b"", 200), (b"<html>", 200), (PNG, 404), (PNG + b"\0" * pictures.MAX_BYTES, 200)],
    ids=["svg", "empty", "page", "not found", "too large"],
)
def test_what_is_no_small_picture_is_left(serve, content: bytes, status: int):
    place = serve(content, status)
    assert pictures.fetch(f"{place}/132", sandbox=place) is None


def test_a_redirect_is_not_followed(serve):
    inside = serve(PNG)
    place = serve(b"", 302, Location=f"{inside}/secret")
    assert pictures.fetch(f"{place}/132", sandbox=place) is None
    assert serve.servers[0].asked == []


@pytest.mark.parametrize("sandboxed", [False, True])
def test_nothing_is_fetched_from_elsewhere(serve, sandboxed: bool):
    place = serve(PNG)
    sandbox = "http://127.0.0.1:9" if sandboxed else ""
    for address in (f"{place}/132", f"{place}/qlogo.cn/132", f"{place}/?https://a.qlogo.cn", "", "http://["):
        assert pictures.fetch(address, sandbox=sandbox) is None
    assert serve.servers[0].asked == []


@pytest.mark.parametrize(
    "address",
    [
        "http://thirdwx.qlogo.cn/132",
        "https://evilqlogo.cn/132",
        "https://qlogo.cn.evil.example/132",
        "https://thirdwx.qlogo.cn@127.0.0.1/132",
        "https://thirdwx.qlogo.cn:8443/132",
        "https://who@thirdwx.qlogo.cn/132",
        "https://127.0.0.1\\.qlogo.cn/132",
        "https://127.0.0.1#.qlogo.cn/132",
        "file:///etc/passwd",
    ],
)
def test_what_only_looks_like_wechats_is_not_asked(address: str):
    assert not pictures._is_wechats(address, "")


@pytest.mark.parametrize("port", ["", ":443"])
def test_wechats_own_are_asked(port: str):
    assert pictures._is_wechats(f"https://thirdwx.qlogo.cn{port}/mmopen/vi_32/x/132", "")


@pytest.mark.parametrize("trick", ["\\@a.qlogo.cn", "\\.a.qlogo.cn", "#@a.qlogo.cn", "?@a.qlogo.cn"])
def test_an_address_that_is_read_in_two_ways_connects_nowhere(trick: str):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        assert pictures.fetch(f"https://127.0.0.1:{port}{trick}/x") is None
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_picture_in_pieces_is_read_to_its_end():
    pieces = [PNG, b"\1" * 50, b"\2" * 50]
    with Scripted() as wechat:
        wechat.answers["/132"] = chunked(pieces)
        assert pictures.fetch(f"{wechat.url}/132", sandbox=wechat.url) == b"".join(pieces)


def test_a_picture_that_breaks_off_is_left():
    with Scripted() as wechat:
        wechat.answers["/132"] = cut(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + PNG)
        assert pictures.fetch(f"{wechat.url}/132", sandbox=wechat.url) is None


def test_a_picture_that_trickles_in_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pictures, "BODY_SECONDS", 0.3)
    with Scripted() as wechat:
        wechat.answers["/132"] = trickling(wechat.ended, every=0.02)
        begun = time.monotonic()
        assert pictures.fetch(f"{wechat.url}/132", sandbox=wechat.url) is None
    assert time.monotonic() - begun < 2


def test_nobody_there_is_no_error():
    assert pictures.fetch("http://127.0.0.1:9/132", sandbox="http://127.0.0.1:9") is None
