"""Web authorization (WeChat §8) and what an account may know of a person (§5)."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from sandbox.app import create_app
from sandbox.state import State
from sandbox.state.fans import derive_openid
from tests.sandbox.conftest import Sandbox

NOWHERE = "http://127.0.0.1:9/hooks"


def authorize(sandbox: Sandbox, account: dict[str, Any], fan: str = "", **change: str) -> requests.Response:
    params = {
        "appid": account["appid"],
        "redirect_uri": "http://127.0.0.1:8000/p/x?from=menu",
        "response_type": "code",
        "scope": "snsapi_base",
        "state": "abc",
        **change,
    }
    return requests.get(
        f"{sandbox.url}/connect/oauth2/authorize",
        params=params,
        cookies={"sandbox_fan": fan} if fan else {},
        allow_redirects=False,
        timeout=5,
    )


def code_of(response: requests.Response) -> str:
    assert response.status_code == 302, response.text
    return parse_qs(urlsplit(response.headers["Location"]).query)["code"][0]


def swap(sandbox: Sandbox, account: dict[str, Any], code: str) -> Any:
    return sandbox.get(
        "/sns/oauth2/access_token",
        appid=account["appid"],
        secret=account["secret"],
        code=code,
        grant_type="authorization_code",
    )


def test_the_cookie_tells_the_person_and_a_code_works_once(sandbox: Sandbox) -> None:
    account, fan = sandbox.account(NOWHERE), sandbox.fan()
    response = authorize(sandbox, account, fan)
    assert response.headers["Location"].startswith("http://127.0.0.1:8000/p/x?from=menu&code=")
    assert response.headers["Location"].endswith("&state=abc")
    code = code_of(response)
    tokens = swap(sandbox, account, code)
    assert tokens["openid"] == derive_openid(account["appid"], fan)
    assert tokens["scope"] == "snsapi_base"
    assert swap(sandbox, account, code)["errcode"] == 40163
    assert swap(sandbox, account, "nonsense")["errcode"] == 40029
    other = sandbox.account(NOWHERE)
    fresh = code_of(authorize(sandbox, account, fan))
    assert swap(sandbox, other, fresh)["errcode"] == 40029
    assert swap(sandbox, account, fresh)["openid"] == tokens["openid"]  # its own account's still
    userinfo = sandbox.get("/sns/userinfo", access_token=tokens["access_token"], openid=tokens["openid"])
    assert userinfo["errcode"] == 48001


def test_the_host_of_the_redirect_tells_the_person(sandbox: Sandbox) -> None:
    account, fan, other = sandbox.account(NOWHERE), sandbox.fan(), sandbox.fan()
    response = authorize(sandbox, account, other, redirect_uri=f"http://{fan}.localhost:8000/p")
    assert swap(sandbox, account, code_of(response))["openid"] == derive_openid(account["appid"], fan)


def test_a_stranger_picks_a_person_and_is_known_from_then_on(sandbox: Sandbox) -> None:
    account, fan = sandbox.account(NOWHERE), sandbox.fan(nickname="林先生")
    page = authorize(sandbox, account)
    assert page.status_code == 200
    assert "林先生" in page.text
    assert f"sandbox_fan={fan}" in page.text
    picked = authorize(sandbox, account, sandbox_fan=fan)
    assert picked.cookies["sandbox_fan"] == fan
    assert code_of(picked)


def test_a_code_lives_five_minutes() -> None:
    state = State(None)
    code = state.tokens.issue_code("wx1", "f1", "o1", "snsapi_base")
    grant = state.tokens.take_code("wx1", code)
    assert grant is not None
    assert 299 < grant.expires_at - state.clock.now() <= 300


def test_user_info_is_asked_of_strangers_and_silent_for_followers(sandbox: Sandbox) -> None:
    account = sandbox.account(NOWHERE)
    fan = sandbox.fan(nickname="林先生", unionid="u1")
    asked = authorize(sandbox, account, fan, scope="snsapi_userinfo")
    assert asked.status_code == 200
    assert "sandbox_consent=1" in asked.text
    # Who refuses comes back without a code.
    assert 'href="http://127.0.0.1:8000/p/x?from=menu&amp;state=abc"' in asked.text
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})
    tokens = swap(sandbox, account, code_of(authorize(sandbox, account, fan, scope="snsapi_userinfo")))
    info = sandbox.get("/sns/userinfo", access_token=tokens["access_token"], openid=tokens["openid"])
    assert (info["nickname"], info["unionid"], info["openid"]) == ("林先生", "u1", tokens["openid"])


def test_a_snapshot_visitor_has_a_throw_away_openid(sandbox: Sandbox) -> None:
    account, fan = sandbox.account(NOWHERE), sandbox.fan(snapshot=True)
    openids = set()
    for _ in range(2):
        tokens = swap(sandbox, account, code_of(authorize(sandbox, account, fan)))
        assert tokens["is_snapshotuser"] == 1
        openids.add(tokens["openid"])
    assert len(openids) == 2
    assert derive_openid(account["appid"], fan) not in openids


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"appid": ""}, 10012),
        ({"redirect_uri": ""}, 10011),
        ({"scope": ""}, 10010),
        ({"scope": "snsapi_login"}, 10005),
        ({"redirect_uri": "http://elsewhere.example/"}, 10003),
        ({"state": "a-b"}, 10013),
        ({"state": "x" * 129}, 10013),
        ({"component_appid": "wx9"}, 10015),
    ],
)
def test_the_page_refuses_with_a_code(sandbox: Sandbox, change: dict[str, str], code: int) -> None:
    account, fan = sandbox.account(NOWHERE, oauth_domain="127.0.0.1"), sandbox.fan()
    response = authorize(sandbox, account, fan, **change)
    assert response.status_code == 200
    assert str(code) in response.text


def test_user_info_of_a_follower_has_no_name(sandbox: Sandbox) -> None:
    account, fan = sandbox.account(NOWHERE), sandbox.fan(unionid="u2")
    token = sandbox.token(account)
    openid = sandbox.get(f"/sandbox/v1/fans/{fan}/openid", appid=account["appid"])["openid"]
    info = sandbox.get("/cgi-bin/user/info", access_token=token, openid=openid)
    assert info == {"subscribe": 0, "openid": openid}
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"], "scene": "12"})
    info = sandbox.get("/cgi-bin/user/info", access_token=token, openid=openid)
    assert (info["subscribe"], info["unionid"], info["qr_scene"]) == (1, "u2", 12)
    assert info["subscribe_scene"] == "ADD_SCENE_QR_CODE"
    assert "nickname" not in info
    assert sandbox.get("/cgi-bin/user/info", access_token=token, openid="o1")["errcode"] == 40003


def test_a_state_may_be_empty(sandbox: Sandbox) -> None:
    assert code_of(authorize(sandbox, sandbox.account(NOWHERE), sandbox.fan(), state=""))


@pytest.mark.parametrize("errcode", [10004, 10009])
def test_a_fault_shows_its_page(sandbox: Sandbox, errcode: int) -> None:
    account, fan = sandbox.account(NOWHERE), sandbox.fan()
    match = {"appid": account["appid"], "path": "/connect/oauth2/authorize"}
    sandbox.control("/faults", {"match": match, "effect": {"errcode": errcode}, "times": 1})
    page = authorize(sandbox, account, fan)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert str(errcode) in page.text
    assert code_of(authorize(sandbox, account, fan))


def test_a_test_account_wants_followers(sandbox: Sandbox) -> None:
    account, fan = sandbox.account(NOWHERE, kind="test"), sandbox.fan()
    assert "10006" in authorize(sandbox, account, fan).text
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})
    assert code_of(authorize(sandbox, account, fan))


def test_a_page_can_force_a_snapshot(sandbox: Sandbox) -> None:
    account, fan = sandbox.account(NOWHERE), sandbox.fan(nickname="林先生", unionid="u3")
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})
    asked = {"scope": "snsapi_userinfo", "forceSnapShot": "true"}
    tokens = swap(sandbox, account, code_of(authorize(sandbox, account, fan, **asked)))
    assert tokens["is_snapshotuser"] == 1
    assert tokens["openid"] != derive_openid(account["appid"], fan)
    info = sandbox.get("/sns/userinfo", access_token=tokens["access_token"], openid=tokens["openid"])
    assert info["nickname"] == "微信用户"
    assert "unionid" not in info
    # The person themselves is none.
    real = swap(sandbox, account, code_of(authorize(sandbox, account, fan, forceSnapShot="false")))
    assert "is_snapshotuser" not in real


def refresh(sandbox: Sandbox, account: dict[str, Any], token: str, **change: str) -> Any:
    good = {"appid": account["appid"], "grant_type": "refresh_token", "refresh_token": token}
    return sandbox.get("/sns/oauth2/refresh_token", **{**good, **change})


def test_a_page_token_is_renewed_by_a_token_that_works_once(sandbox: Sandbox) -> None:
    account, fan = sandbox.account(NOWHERE), sandbox.fan()
    first = swap(sandbox, account, code_of(authorize(sandbox, account, fan)))
    second = refresh(sandbox, account, first["refresh_token"])
    assert second.keys() == first.keys()
    assert (second["openid"], second["scope"]) == (first["openid"], "snsapi_base")
    assert second["refresh_token"] != first["refresh_token"]
    assert refresh(sandbox, account, first["refresh_token"])["errcode"] == 40030
    assert refresh(sandbox, account, second["access_token"])["errcode"] == 40030
    assert refresh(sandbox, account, second["refresh_token"], appid="")["errcode"] == 41002
    assert refresh(sandbox, account, second["refresh_token"], appid="wx0")["errcode"] == 40013
    assert refresh(sandbox, account, second["refresh_token"], grant_type="x")["errcode"] == 40002
    other = sandbox.account(NOWHERE)
    assert refresh(sandbox, other, second["refresh_token"])["errcode"] == 40030
    assert refresh(sandbox, account, "")["errcode"] == 41003
    assert "access_token" in refresh(sandbox, account, second["refresh_token"])


def test_a_page_token_is_judged_with_its_openid(sandbox: Sandbox) -> None:
    account, fan = sandbox.account(NOWHERE), sandbox.fan()
    tokens = swap(sandbox, account, code_of(authorize(sandbox, account, fan)))

    def auth(**change: str) -> int:
        good = {"access_token": tokens["access_token"], "openid": tokens["openid"]}
        return int(sandbox.get("/sns/auth", **{**good, **change})["errcode"])

    assert auth() == 0
    assert auth(openid="o" * 28) == 40003
    assert auth(openid="") == 41009
    assert auth(access_token="") == 41001
    assert auth(access_token=tokens["refresh_token"]) == 40001


def test_page_tokens_expire_after_two_hours_and_thirty_days() -> None:
    app = create_app()
    state: State = app.extensions["sandbox.state"]
    state.accounts.put(
        {"appid": "wx1", "secret": "s", "token": "t", "mode": "plain", "callback_url": NOWHERE}
    )
    grant = state.tokens.take_code("wx1", state.tokens.issue_code("wx1", "f1", "o1", "snsapi_base"))
    assert grant is not None
    access, renewal = state.tokens.issue_page_tokens(grant)
    query = {"appid": "wx1", "grant_type": "refresh_token", "refresh_token": renewal}
    with app.test_client() as client:
        state.clock.advance(7201)
        judged = client.get("/sns/auth", query_string={"access_token": access, "openid": "o1"})
        assert judged.get_json()["errcode"] == 42001
        state.clock.advance(30 * 86400)
        assert client.get("/sns/oauth2/refresh_token", query_string=query).get_json()["errcode"] == 42002
