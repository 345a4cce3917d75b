"""QR codes with a scene, their pictures and scans, and short keys (WeChat §6)."""

import io
from typing import Any

import pytest
from PIL import Image

from sandbox.app import create_app
from sandbox.state import State, codes
from sandbox.state.codes import CodesUsedUp
from tests.sandbox import wechat
from tests.sandbox.conftest import Callback, Chat, Sandbox

CREATE = "/cgi-bin/qrcode/create"
DAYS_30 = 30 * 86400


def order(action: str, scene: Any, **more: Any) -> dict[str, Any]:
    return {"action_name": action, "action_info": {"scene": scene}, **more}


def code_of(chat: Chat, scene: str, **more: Any) -> Any:
    return chat.api(CREATE, order("QR_STR_SCENE", {"scene_str": scene}, expire_seconds=600, **more))


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (order("QR_SCENE", {"scene_id": 7}, expire_seconds=60), None),
        (order("QR_SCENE", {"scene_id": 7}), None),
        (order("QR_SCENE", {"scene_id": 2**32 - 1}, expire_seconds=DAYS_30), None),
        (order("QR_SCENE", {"scene_id": 2**32}, expire_seconds=60), 40053),
        (order("QR_SCENE", {"scene_id": 0}, expire_seconds=60), 40053),
        (order("QR_SCENE", {"scene_id": "7"}, expire_seconds=60), 40053),
        (order("QR_SCENE", {"scene_str": "x"}, expire_seconds=60), 40053),
        (order("QR_SCENE", {"scene_id": 7}, expire_seconds=DAYS_30 + 1), 40035),
        (order("QR_SCENE", {"scene_id": 7}, expire_seconds=0), 40035),
        (order("QR_STR_SCENE", {"scene_str": "门"}, expire_seconds=60), None),
        (order("QR_STR_SCENE", {"scene_str": "x" * 64}, expire_seconds=60), None),
        (order("QR_STR_SCENE", {"scene_str": "x" * 65}, expire_seconds=60), 40053),
        (order("QR_STR_SCENE", {"scene_str": ""}, expire_seconds=60), 40053),
        (order("QR_LIMIT_SCENE", {"scene_id": 100_000}), None),
        (order("QR_LIMIT_SCENE", {"scene_id": 100_001}), 40053),
        (order("QR_LIMIT_STR_SCENE", {"scene_str": "x" * 64}), None),
        (order("QR_LIMIT_STR_SCENE", {"scene_str": "x" * 65}), 40053),
        (order("QR_LIMIT_STR_SCENE", None), 40053),
        ({"action_name": "QR_LIMIT_SCENE"}, 40053),
        (order("QR_CARD", {"scene_id": 7}), 40052),
        ({"x": 1}, 40052),
    ],
)
def test_what_a_code_may_be(chat: Chat, body: dict[str, Any], errcode: int | None) -> None:
    answer = chat.api(CREATE, body)
    assert answer.get("errcode") == errcode
    if errcode is None:
        assert answer["url"].startswith("http://weixin.qq.com/q/")
        assert ("expire_seconds" in answer) == ("LIMIT" not in body["action_name"])


def test_a_scene_has_one_permanent_code(chat: Chat) -> None:
    body = order("QR_LIMIT_STR_SCENE", {"scene_str": "door-7"})
    assert chat.api(CREATE, body) == chat.api(CREATE, body)
    assert code_of(chat, "door-7")["ticket"] != code_of(chat, "door-7")["ticket"]


def test_permanent_codes_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "MOST_PERMANENT", 2)
    state = State(None)
    for scene in ("a", "b", "a"):
        state.codes.create("wx1", scene, seconds=None)
    with pytest.raises(CodesUsedUp):
        state.codes.create("wx1", "c", seconds=None)
    state.codes.create("wx1", "c", seconds=60)
    state.codes.create("wx2", "c", seconds=None)


def test_the_picture_is_a_jpg_for_anybody_and_a_bad_ticket_is_404(chat: Chat) -> None:
    code, url = code_of(chat, "door-7"), f"{chat.sandbox.url}/cgi-bin/showqrcode"
    assert code["ticket"].endswith("==")  # must be escaped in an address
    picture = chat.sandbox.http.get(url, params={"ticket": code["ticket"]}, timeout=5)
    assert picture.headers["Content-Type"] == "image/jpg"
    image = Image.open(io.BytesIO(picture.content))
    assert image.format == "JPEG"
    assert image.size[0] == image.size[1] > 200
    assert chat.sandbox.http.get(url, params={"ticket": "x"}, timeout=5).status_code == 404
    assert chat.sandbox.http.get(url, timeout=5).status_code == 404


def last_push(callback: Callback) -> dict[str, str]:
    return wechat.nodes(callback.requests[-1].body)


def test_scanning_follows_with_the_scene_or_tells_it(
    sandbox: Sandbox, callback: Callback, chat: Chat
) -> None:
    code, newcomer = code_of(chat, "door-7"), sandbox.fan()
    scanned = sandbox.control(f"/fans/{newcomer}/scan", {"url": code["url"]})
    openid = sandbox.get(f"/sandbox/v1/fans/{newcomer}/openid", appid=chat.appid)["openid"]
    assert scanned == {"appid": chat.appid, "openid": openid, "event": "subscribe"}
    push = last_push(callback)
    assert (push["Event"], push["EventKey"], push["Ticket"]) == (
        "subscribe",
        "qrscene_door-7",
        code["ticket"],
    )
    info = chat.ask("/cgi-bin/user/info", openid=openid)
    assert (info["subscribe_scene"], info["qr_scene_str"]) == ("ADD_SCENE_QR_CODE", "door-7")
    again = chat.act("scan", ticket=code["ticket"])
    assert again == {"appid": chat.appid, "openid": chat.openid, "event": "SCAN"}
    push = last_push(callback)
    assert (push["Event"], push["EventKey"], push["Ticket"]) == ("SCAN", "door-7", code["ticket"])


def test_other_addresses_open_and_unknown_codes_do_not(chat: Chat) -> None:
    page = "https://127.0.0.1/p/kangmei?x=1"
    assert chat.act("scan", url=page) == {"page": page}
    for bad in (
        {"ticket": "unknown"},
        {"url": "http://weixin.qq.com/q/unknown"},
        {"url": "WIFI:S:x;;"},
        {"url": "javascript:alert(1)"},
        {},
    ):
        assert chat.try_act("scan", **bad).status_code == 404


def test_an_expired_code_leads_nowhere(callback: Callback) -> None:
    """On a sandbox in memory, whose clock may move."""
    app = create_app()
    state = app.extensions["sandbox.state"]
    with app.test_client() as client:
        account = {"appid": "wx1", "secret": "s", "token": "t", "mode": "plain", "callback_url": callback.url}
        client.post("/sandbox/v1/accounts", json=account)
        client.post("/sandbox/v1/fans", json={"nickname": "x", "fan": "x"})
        code = state.codes.create("wx1", "door-7", seconds=600)
        state.clock.advance(599)
        assert client.get("/cgi-bin/showqrcode", query_string={"ticket": code.ticket}).status_code == 200
        state.clock.advance(2)
        assert client.get("/cgi-bin/showqrcode", query_string={"ticket": code.ticket}).status_code == 404
        refused = client.post("/sandbox/v1/fans/x/scan", json={"url": code.url})
        assert (refused.status_code, refused.get_json()) == (410, {"error": "this QR code has expired"})
        (notice,) = client.get("/sandbox/v1/fans/x/inbox?all=1").get_json()
    assert (notice["kind"], notice["code"]) == ("notice", "expired_code")
    assert callback.requests == []


def test_short_keys_hold_long_data(sandbox: Sandbox, callback: Callback, chat: Chat) -> None:
    made = chat.api("/cgi-bin/shorten/gen", {"long_data": "loooooong 数据", "expire_seconds": 3600})
    assert len(made["short_key"]) == 15
    found = chat.api("/cgi-bin/shorten/fetch", {"short_key": made["short_key"]})
    assert found["long_data"] == "loooooong 数据"
    assert 3590 <= found["expire_seconds"] <= 3600


@pytest.mark.parametrize(
    ("path", "body", "errcode"),
    [
        ("gen", {"long_data": ""}, 9410010),
        ("gen", {"long_data": "x" * 4097}, 9410010),
        ("gen", {"long_data": "x", "expire_seconds": DAYS_30 + 1}, 9410011),
        ("gen", {"long_data": "x", "expire_seconds": 0}, 9410011),
        ("gen", {"long_data": "x" * 4096}, 0),
        ("fetch", {"short_key": "unknown"}, 9410012),
        ("fetch", {}, 9410012),
    ],
)
def test_refusals_of_short_keys(chat: Chat, path: str, body: dict[str, Any], errcode: int) -> None:
    assert chat.api(f"/cgi-bin/shorten/{path}", {"_": 0, **body})["errcode"] == errcode
