"""Where browsers reach the event streams, and which pages may read them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from flask import current_app, request

PATH: Final = "/live/stream"

_NAME = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")


def origin() -> str:
    """Give the origin of the streams for the page that is asked for; nothing for a host that is none.

    Cookies ignore ports but not names: a page at `localhost` needs streams at `localhost`.
    """
    fixed: str = current_app.config["LIVE_URL"]
    if fixed:
        return fixed
    name = _name(request.host)
    return f"{request.scheme}://{name}:{current_app.config['LIVE_PORT']}" if name else ""


def is_ours(asking: str) -> bool:
    """Whether a page of the origin `asking` may read the streams: the web's pages alone."""
    if asking == current_app.config["PUBLIC_URL"].rstrip("/"):
        return True
    here = f"{request.scheme}://{_name(request.host)}:{current_app.config['WEB_PORT']}"
    return not current_app.config["LIVE_URL"] and asking == here


def _name(host: str) -> str:
    found = _NAME.match(host)
    return found.group() if found and urlsplit(f"//{host}").hostname else ""
