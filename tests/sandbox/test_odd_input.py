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

from sandbox import xml
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


def filled_in(body: Any, odd: Any) -> Any:
    """A body with `odd` in the place of `...`."""
    if isinstance(body, dict):
        return {key: filled_in(value, odd) for key, value in body.items()}
    if isinstance(body, list):
        return [filled_in(value, odd) for value in body]
    return odd if body is ... else body


def posted(client: FlaskClient, path: str, body: dict[str, Any], **query: str) -> int:
    data = json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")
    return client.post(path, data=data, query_string=query, content_type="application/json").status_code


@pytest.mark.parametrize("odd", [[], [[]], {}, 2**63, -(10**30), 0.5, True, None, "²", "9" * 5000, "\0"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/cgi-bin/tags/update", {"tag": {"id": ..., "name": "x"}}),
        ("/cgi-bin/tags/members/batchtagging", {"openid_list": [...], "tagid": 2}),
        ("/cgi-bin/tags/members/batchtagging", {"openid_list": ["o"], "tagid": ...}),
        ("/cgi-bin/menu/delconditional", {"menuid": ...}),
        ("/cgi-bin/template/api_add_template", {"template_id_short": "46201", "keyword_name_list": [...]}),
        ("/cgi-bin/material/batchget_material", {"type": "image", "offset": ..., "count": 1}),
        ("/cgi-bin/callback/check", {"action": ..., "check_operator": "DEFAULT"}),
        ("/sandbox/v1/accounts/wx1/tokens/kill", {"as": ...}),
        ("/sandbox/v1/accounts/wx1/limits", {"/cgi-bin/user/get": ...}),
        ("/sandbox/v1/accounts", {"templates": ...}),
        ("/sandbox/v1/accounts", {"templates": [...]}),
        ("/sandbox/v1/fans/x/send", {"msgtype": "msgmenu", "content": "x", "menu_id": ...}),
        ("/sandbox/v1/fans/x/send", {"msgtype": "image", "file": ...}),
        ("/sandbox/v1/clock", {"advance_seconds": ...}),
        ("/phone/x/read", {"seq": ...}),
        ("/sandbox/sms/send", {"phone": "13800000000", "text": "x", "template": ...}),
    ],
)
def test_one_odd_value_in_a_good_call(
    app: Flask, client: FlaskClient, path: str, body: dict[str, Any], odd: Any
) -> None:
    token = app.extensions["sandbox.state"].tokens.stable("wx1", force=False)[0]
    filled = filled_in({"appid": "wx1", **body}, odd)
    assert posted(client, path, filled, access_token=token) < 500
    app.extensions["sandbox.state"].clock.reset()


@pytest.mark.parametrize(
    "query",
    [
        {"redirect_uri": "http://["},
        {"redirect_uri": "http://a:99999/"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "//evil.example"},
    ],
)
def test_an_authorization_page_goes_to_pages_only(client: FlaskClient, query: dict[str, str]) -> None:
    asked = {"appid": "wx1", **query, "response_type": "code", "scope": "snsapi_base", "sandbox_fan": "x"}
    answer = client.get("/connect/oauth2/authorize", query_string=asked)
    assert (answer.status_code, "10003" in answer.text) == (200, True)


def test_what_no_xml_holds_is_left_out_of_pushes() -> None:
    assert xml.parse(xml.build({"Content": "a\0b\x1fc\ufffed\n🦷]]>"})) == {"Content": "abcd\n🦷]]>"}


def test_a_scene_of_odd_digits_is_text(app: Flask, client: FlaskClient) -> None:
    state = app.extensions["sandbox.state"]
    for number, scene in enumerate(("²", "٣", "007", "9" * 5000)):
        fan = state.fans.put({"nickname": "x", "fan": f"s{number}"}).fan
        state.fans.follow("wx1", fan, scene=scene)
        query = {
            "access_token": state.tokens.stable("wx1", force=False)[0],
            "openid": state.fans.subscription("wx1", fan).openid,
        }
        info = client.get("/cgi-bin/user/info", query_string=query).get_json()
        assert (info["qr_scene"], info["qr_scene_str"]) == (0, scene)


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
