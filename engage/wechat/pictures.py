"""Fetching the pictures of people, which WeChat gives as addresses (WeChat §8)."""

from __future__ import annotations

import requests
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from engage.wechat.client.transport import read_body
from engage.wechat.gateway import WeChatUnreachable

MAX_BYTES = 256 * 1024
TIMEOUT_SECONDS = (2.0, 3.0)
# For all of its body, however it trickles in: somebody waits for the page.
BODY_SECONDS = 3.0

# Where WeChat keeps them is not documented; from anywhere else nothing is fetched.
HOST = "qlogo.cn"

# SVG is left out: it can carry scripts, and is served under our own name.
KINDS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}


def fetch(address: str, *, sandbox: str = "") -> bytes | None:
    """Give the bytes of a picture, or None where there is none to be had: a page does without it.

    `sandbox` is the address of the sandbox where it stands in for WeChat.
    """
    if not _is_wechats(address, sandbox):
        return None
    try:
        with requests.get(address, timeout=TIMEOUT_SECONDS, stream=True, allow_redirects=False) as answer:
            content = read_body(answer, MAX_BYTES, seconds=BODY_SECONDS)
    except (requests.RequestException, HTTPError, WeChatUnreachable):
        return None
    return content if answer.status_code == requests.codes.ok and kind_of(content) else None


def kind_of(content: bytes) -> str | None:
    """Give the media type that the first bytes tell; what a server says of them is not believed."""
    return next((kind for magic, kind in KINDS.items() if content.startswith(magic)), None)


def _is_wechats(address: str, sandbox: str) -> bool:
    """Whether an address is WeChat's, read as it will be asked: other parsers find another host in it."""
    try:
        place, own = parse_url(address), parse_url(sandbox)
    except ValueError:
        return False
    wechats = (place.host or "").endswith(f".{HOST}") and place.port in {None, 443}
    official = place.scheme == "https" and wechats
    standing_in = bool(sandbox) and (place.scheme, place.netloc) == (own.scheme, own.netloc)
    return place.auth is None and (official or standing_in)
