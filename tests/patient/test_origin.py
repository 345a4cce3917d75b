"""Whose address counts: the asker's own, however many proxies of ours stand between, and no other's word."""

from __future__ import annotations

import pytest
from flask import Flask

from engage.blueprints import origin

NGINX, INNER, PATIENT, LIAR = "127.0.0.1", "10.0.0.2", "203.0.113.7", "198.51.100.9"


@pytest.fixture
def proxied(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """An application behind two proxies of its own."""
    monkeypatch.setitem(app.config, "PROXIES", frozenset({NGINX, INNER}))
    return app


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        (PATIENT, None, PATIENT),
        (PATIENT, LIAR, PATIENT),
        (NGINX, PATIENT, PATIENT),
        (NGINX, f"{LIAR}, {PATIENT}", PATIENT),
        (NGINX, f"{LIAR}, {PATIENT}, {INNER}", PATIENT),
        (NGINX, f"{INNER}, {PATIENT}", PATIENT),
        (NGINX, None, NGINX),
        (NGINX, " , ", NGINX),
        (NGINX, INNER, INNER),
        (NGINX, "nonsense", "nonsense"),
        ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        (NGINX, "2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", None, PATIENT),
    ],
)
def test_the_address_of_who_asks(proxied: Flask, peer: str, forwarded: str | None, counted: str):
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    with proxied.test_request_context(environ_base={"REMOTE_ADDR": peer}, headers=headers):
        assert origin.address() == counted
