"""Whatever is posted, the sandbox answers in WeChat's way, or in its own with a reason."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.app import create_app

KEYS = re.findall(
    r"\w+",
    "touser msgtype text image voice video music news msgmenu content articles title media_id thumb_media_id"
    " musicurl list id customservice kf_account nickname aimsgcontext is_ai_msg command action_name"
    " action_info scene scene_id scene_str expire_seconds long_data short_key button sub_button name type"
    " key url appid pagepath matchrule tag_id client_platform_type menuid user_id offset count openid path"
    " openid_list tagid tag remark data template_id ticket latitude longitude label menu_id event fields"
    " phone params file template_id_short keyword_name_list cgi_path rid begin_openid next_openid",
)
WORDS = re.findall(
    r"\S+",
    "text image news msgmenu click view miniprogram location voice link QR_SCENE QR_STR_SCENE"
    " QR_LIMIT_STR_SCENE Typing http://[ http://a.cn/ ² 9 牙 wx1 o1",
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, -1, 2**31, 2**63, 10**30, 0.5])
    | st.sampled_from(WORDS)
    | st.sampled_from(["", "\ud800", "\0", "x" * 3000])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=12,
)
EXAMPLES = 150
NUMBERS = st.integers(0, 10_000)
BODIES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6)


@pytest.fixture(scope="module")
def app() -> Flask:
    """A sandbox in memory with one account and one follower, whose callback nobody answers."""
    app = create_app(push_timeout=0.2, mark_seconds=3600)
    app.testing = False
    state = app.extensions["sandbox.state"]
    account = {"appid": "wx1", "secret": "s", "token": "t", "mode": "plain"}
    state.accounts.put({**account, "callback_url": "http://127.0.0.1:9/hooks"})
    state.fans.put({"nickname": "x", "fan": "x"})
    state.fans.follow("wx1", "x")
    return app


@pytest.fixture(scope="module")
def client(app: Flask) -> Iterator[FlaskClient]:
    """A client that sees a crash as 500."""
    with app.test_client() as client:
        yield client


def chosen(app: Flask, number: int, *prefixes: str) -> str:
    """A path that takes a POST; every one is as likely."""
    rules = [rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or set())]
    found = [rule.rule for rule in rules if rule.rule.startswith(prefixes)]
    paths = sorted(path for path in found if path != "/sandbox/v1/reset")
    return paths[number % len(paths)]


def posted(client: FlaskClient, path: str, body: dict[str, Any], **query: str) -> int:
    data = json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")
    return client.post(path, data=data, query_string=query, content_type="application/json").status_code


@settings(max_examples=EXAMPLES, deadline=None)
@given(number=NUMBERS, body=BODIES)
def test_wechats_paths_answer_200(app: Flask, client: FlaskClient, number: int, body: dict[str, Any]) -> None:
    state = app.extensions["sandbox.state"]
    openid = state.fans.subscription("wx1", "x").openid
    path = chosen(app, number, "/cgi-bin", "/customservice")
    token = state.tokens.stable("wx1", force=False)[0]
    assert posted(client, path, {"touser": openid, "openid": openid, **body}, access_token=token) == 200, path


@settings(max_examples=EXAMPLES, deadline=None)
@given(number=NUMBERS, body=BODIES)
def test_the_control_api_refuses_with_a_reason(
    app: Flask, client: FlaskClient, number: int, body: dict[str, Any]
) -> None:
    path = chosen(app, number, "/sandbox").replace("<fan>", "x").replace("<appid>", "wx1")
    assert posted(client, path, {"appid": "wx1", **body}) < 500, path
