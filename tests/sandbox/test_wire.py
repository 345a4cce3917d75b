"""What all API paths have in common (WeChat §0)."""

import json

import pytest
from flask import Flask

from sandbox import wire
from sandbox.app import create_app
from sandbox.errors import WeChatError


@pytest.fixture
def app() -> Flask:
    return create_app()


@pytest.mark.parametrize(
    "posted",
    [
        b'{"name": ',
        b"[]",
        b'{"name": NaN}',
        b'{"name": "\xed\xa0\x80"}',  # half a surrogate pair, raw
        rb'{"name": "\ud83d"}',  # and escaped
        '{"name": "种植牙"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"name": "x"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_object_in_utf_8(app: Flask, posted: bytes) -> None:
    with app.test_request_context("/cgi-bin/tags/create", method="POST", data=posted):
        with pytest.raises(WeChatError) as refusal:
            wire.body()
        assert refusal.value.errcode == 47001


def test_the_log_keeps_no_token(app: Flask) -> None:
    secrets = {"access_token": "one", "refresh_token": "two", "secret": "three"}
    with app.test_client() as client:
        client.get("/sns/oauth2/refresh_token", query_string={**secrets, "appid": "wx1"})
        (call,) = client.get("/sandbox/v1/calls").get_json()
    assert call["query"] == {"access_token": "…", "refresh_token": "…", "secret": "…", "appid": "wx1"}


@pytest.mark.parametrize(
    ("posted", "is_raw"),
    [
        ('{"name": "种植牙"}', True),
        (json.dumps({"name": "种植牙"}), False),
        (json.dumps({"name": "é"}), False),
        (json.dumps({"name": "\x00\x1f\x7f"}), True),  # control characters have no other form
        (r'{"name": "\\u4e2d"}', True),  # a backslash, then plain text
        (r'{"name": "\\\u4e2d"}', False),
        (r'{"name": "a\u0026b"}', True),
    ],
)
def test_escaped_characters_are_refused_where_raw_ones_are_wanted(
    app: Flask, posted: str, is_raw: bool
) -> None:
    with app.test_request_context("/cgi-bin/menu/create", method="POST", data=posted):
        assert wire.body() == json.loads(posted)
        if is_raw:
            assert wire.body(raw_utf8=True) == json.loads(posted)
        else:
            with pytest.raises(WeChatError, match="invalid charset") as refusal:
                wire.body(raw_utf8=True)
            assert refusal.value.errcode == 40033
