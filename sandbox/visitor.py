"""Who holds the phone that a request comes from."""

from urllib.parse import urlsplit

from flask import request

from sandbox.state import state
from sandbox.state.fans import Fan

COOKIE = "sandbox_fan"
SUFFIX = ".localhost"
DESK = ".desk"  # before the suffix, on the desk: a browser sends no cookies to a frame of another site


def of_host(host: str) -> Fan | None:
    """The person whose phone has this host name, `<fan>.localhost` or `<fan>.desk.localhost`, any port."""
    name = (urlsplit(f"//{host}").hostname or "").lower()
    return state().fans.get(name.removesuffix(SUFFIX).removesuffix(DESK)) if name.endswith(SUFFIX) else None


def current() -> Fan | None:
    """The person of the host asked for, else of the cookie."""
    return of_host(request.host) or state().fans.get(request.cookies.get(COOKIE, ""))


def has_host_names() -> bool:
    """Whether this request came by a name that can have one for each person before it."""
    return (urlsplit(f"//{request.host}").hostname or "").endswith(SUFFIX)


def is_local() -> bool:
    """Whether the sandbox was asked by a loopback name, so that host names per person work."""
    name = urlsplit(f"//{request.host}").hostname or ""
    return name in ("127.0.0.1", "::1", "localhost") or name.endswith(SUFFIX)
