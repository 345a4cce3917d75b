"""Fetching the pictures of people, which WeChat gives as addresses (WeChat §8)."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests

MAX_BYTES = 256 * 1024
TIMEOUT_SECONDS = (2.0, 3.0)

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
            content: bytes = next(answer.iter_content(MAX_BYTES + 1), b"")
    except requests.RequestException:
        return None
    fits = answer.status_code == 200 and len(content) <= MAX_BYTES
    return content if fits and kind_of(content) else None


def kind_of(content: bytes) -> str | None:
    """Give the media type that the first bytes tell; what a server says of them is not believed."""
    return next((kind for magic, kind in KINDS.items() if content.startswith(magic)), None)


def _is_wechats(address: str, sandbox: str) -> bool:
    try:
        place, own = urlsplit(address), urlsplit(sandbox)
        host = place.hostname or ""
        return (place.scheme == "https" and host.endswith(f".{HOST}") and place.port is None) or (
            bool(sandbox) and (place.scheme, host, place.port) == (own.scheme, own.hostname, own.port)
        )
    except ValueError:
        return False
