"""Who holds the phone that a request comes from."""

from urllib.parse import urlsplit

from flask import request

from sandbox.state import state
from sandbox.state.fans import Fan

COOKIE = "sandbox_fan"
SUFFIX = ".localhost"


def of_host(host: str) -> Fan | None:
    """The person whose phone has this host name, `<fan>.localhost`, any port."""
    name = (urlsplit(f"//{host}").hostname or "").lower()
    return state().fans.get(name.removesuffix(SUFFIX)) if name.endswith(SUFFIX) else None


def current() -> Fan | None:
    """The person of the host asked for, else of the cookie."""
    return of_host(request.host) or state().fans.get(request.cookies.get(COOKIE, ""))


def is_local() -> bool:
    """Whether the sandbox was asked by a loopback name, so that host names per person work."""
    name = urlsplit(f"//{request.host}").hostname or ""
    return name in ("127.0.0.1", "::1", "localhost") or name.endswith(SUFFIX)
