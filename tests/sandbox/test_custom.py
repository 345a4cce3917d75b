"""Customer-service messages, typing and workers (WeChat §3)."""

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.app import create_app
from tests.sandbox import files
from tests.sandbox.conftest import Callback, Chat, Sandbox, begin_chat

SEND, TYPING = "/cgi-bin/message/custom/send", "/cgi-bin/message/custom/typing"

# msgtype, content, errcode
REFUSED: list[tuple[str, Any, int]] = [
    ("", {}, 40008),
    ("poem", {"content": "x"}, 40008),
    ("text", {"content": ""}, 44004),
    ("text", None, 44004),
    ("text", {"content": "x" * 2049}, 45002),
    ("text", {"content": "牙" * 683}, 45002),
    ("image", {"media_id": "nothing"}, 40007),
    ("image", {}, 40007),
    ("voice", {"media_id": "nothing"}, 40007),
    ("video", {"media_id": "nothing", "thumb_media_id": "nothing"}, 40007),
    ("music", {"musicurl": "http://m", "thumb_media_id": "nothing"}, 40007),
    ("music", {"thumb_media_id": "nothing"}, 40035),
    ("news", {"articles": []}, 45008),
    ("news", {"articles": [{"title": "a"}, {"title": "b"}]}, 45008),
    ("news", {"articles": [{}]}, 40035),
    ("mpnews", {"media_id": "nothing"}, 40007),
    ("mpnewsarticle", {"article_id": "nothing"}, 53600),
    ("msgmenu", {"list": []}, 40035),
    ("msgmenu", {"list": [{"id": "1"}]}, 40035),
    ("wxcard", {}, 40035),
    ("miniprogrampage", {"title": "x"}, 40035),
]


def say(chat: Chat, msgtype: str = "text", content: Any = None, **more: Any) -> Any:
    shown = {"content": "您好"} if content is None and msgtype == "text" else content
    return chat.api(SEND, {"touser": chat.openid, "msgtype": msgtype, msgtype: shown, **more})


def test_a_text_is_shown(chat: Chat) -> None:
    link = '<a href="http://127.0.0.1/p">看诊</a>'
    assert say(chat, "text", {"content": link}) == {"errcode": 0, "errmsg": "ok"}
    (entry,) = chat.inbox()
    assert (entry["kind"], entry["msgtype"], entry["content"]) == ("custom", "text", link)


@pytest.mark.parametrize(("msgtype", "content", "errcode"), REFUSED)
def test_bad_content_is_refused_and_costs_nothing(
    chat: Chat, msgtype: str, content: Any, errcode: int
) -> None:
    body = {"touser": chat.openid, "msgtype": msgtype, msgtype: content}
    assert chat.api(SEND, body)["errcode"] == errcode
    assert [say(chat)["errcode"] for _ in range(4)] == [0, 0, 0, 45047]


def test_every_kind_reaches_the_phone_with_what_it_shows(chat: Chat) -> None:
    chat.act("send", content="hi")

    def kept(type_: str, content: bytes) -> str:
        answer = chat.upload("/cgi-bin/media/upload", content, type=type_)
        return str(answer.get("media_id") or answer["thumb_media_id"])

    picture, sound, film = kept("image", files.PNG), kept("voice", files.AMR), kept("video", files.MP4)
    thumb = kept("thumb", files.JPG)
    sent: dict[str, dict[str, Any]] = {
        "image": {"media_id": picture},
        "voice": {"media_id": sound},
        "video": {"media_id": film, "thumb_media_id": thumb, "title": "刷牙", "description": "两分钟"},
        "music": {"title": "雨", "description": "", "musicurl": "http://m/1", "thumb_media_id": thumb},
        "news": {
            "articles": [{"title": "洗牙", "description": "d", "url": "http://n", "picurl": "http://p"}]
        },
    }
    for msgtype, content in sent.items():
        assert say(chat, msgtype, content)["errcode"] == 0
    chat.act("send", content="again")
    later: dict[str, dict[str, Any]] = {
        "msgmenu": {
            "head_content": "满意吗",
            "list": [{"id": 101, "content": "满意"}, {"id": "no", "content": "不满意"}],
            "tail_content": "谢谢",
        },
        "miniprogrampage": {
            "title": "t",
            "appid": "wx0123456789abcdef",
            "pagepath": "p/i",
            "thumb_media_id": thumb,
        },
        "wxcard": {"card_id": "p1"},
    }
    for msgtype, content in later.items():
        assert say(chat, msgtype, content)["errcode"] == 0
    shown = {entry["msgtype"]: entry for entry in chat.inbox()}
    assert set(shown) == {*sent, *later}
    served = {"image": files.PNG, "voice": files.AMR, "video": files.MP4}
    for msgtype, bytes_ in served.items():
        assert chat.sandbox.http.get(chat.sandbox.url + shown[msgtype]["url"], timeout=5).content == bytes_
    assert shown["video"]["title"] == "刷牙"
    for msgtype in ("video", "music", "miniprogrampage"):
        url = chat.sandbox.url + shown[msgtype]["thumb_url"]
        assert chat.sandbox.http.get(url, timeout=5).headers["Content-Type"] == "image/jpeg"
    assert shown["news"]["articles"] == sent["news"]["articles"]
    assert shown["msgmenu"]["list"] == [{"id": "101", "content": "满意"}, {"id": "no", "content": "不满意"}]
    assert shown["miniprogrampage"]["pagepath"] == "p/i"


def menu(chat: Chat) -> None:
    button = {"button": [{"type": "click", "name": "预约", "key": "book"}]}
    assert chat.api("/cgi-bin/menu/create", button)["errcode"] == 0
    chat.act("menu", path=[0])


@pytest.mark.parametrize(
    ("act", "messages"),
    [
        (lambda chat: None, 3),  # the follow itself
        (lambda chat: chat.act("send", content="hi"), 5),
        (lambda chat: chat.act("send", msgtype="msgmenu", menu_id="101", content="满意"), 3),
        (menu, 3),
    ],
)
def test_acts_allow_so_many_messages(chat: Chat, act: Callable[[Chat], Any], messages: int) -> None:
    act(chat)
    answers = [say(chat)["errcode"] for _ in range(messages + 1)]
    assert answers == [0] * messages + [45047]
    chat.act("send", content="more")
    assert say(chat)["errcode"] == 0


def test_what_is_not_pushed_is_shown_and_opens_the_window(chat: Chat, callback: Callback) -> None:
    heard = len(callback.requests)
    told = chat.act("send", content="昨天问过的", push=False)
    assert told["pushed"]["Content"] == "昨天问过的"
    assert (told["attempts"], told["problem"]) == ([], "")
    assert len(callback.requests) == heard
    assert [say(chat)["errcode"] for _ in range(6)] == [0] * 5 + [45047]
    assert [entry["kind"] for entry in chat.inbox(whole=True)] == ["sent", *["custom"] * 5]


def test_who_cannot_be_written_to(sandbox: Sandbox, callback: Callback, chat: Chat) -> None:
    other = begin_chat(sandbox, callback.url)
    assert chat.api(SEND, {"touser": "", "msgtype": "text"})["errcode"] == 40003
    assert chat.api(SEND, {"touser": other.openid, "msgtype": "text"})["errcode"] == 40003
    chat.act("unfollow")
    refusal = say(chat)
    assert refusal["errcode"] == 45015
    assert refusal["errmsg"].startswith("response out of time limit or subscription is canceled rid: ")
    chat.act("follow")
    assert say(chat)["errcode"] == 0
    other.act("refuse", refuse=True)
    assert say(other)["errcode"] == 48002
    other.api("/cgi-bin/tags/members/batchblacklist", {"openid_list": [other.openid]})
    assert say(other)["errcode"] == 43019


def test_a_test_account_has_no_msgmenu(sandbox: Sandbox, callback: Callback) -> None:
    chat = begin_chat(sandbox, callback.url, kind="test")
    item = {"list": [{"id": "1", "content": "x"}]}
    assert say(chat, "msgmenu", item)["errcode"] == 40200


def test_workers_are_kept_and_may_sign(chat: Chat) -> None:
    home = chat.account["username"]
    name = f"amy@{home}"

    def call(what: str, **data: Any) -> int:
        return int(chat.api(f"/customservice/kfaccount/{what}", data)["errcode"])

    assert say(chat, customservice={"kf_account": name})["errcode"] == 65401
    assert call("add", kf_account=name, nickname="小美") == 0
    assert call("add", kf_account=name, nickname="小美") == 65406
    for bad in ("amy", "amy@elsewhere", f"a-b@{home}", f"abcdefghijk@{home}"):
        assert call("add", kf_account=bad, nickname="x") == 65404
    assert call("add", kf_account=f"bob@{home}", nickname="x" * 17) == 65403
    assert call("update", kf_account=name, nickname="美") == 0
    assert call("update", kf_account=f"bob@{home}", nickname="美") == 65401
    assert say(chat, customservice={"kf_account": name}, aimsgcontext={"is_ai_msg": 1})["errcode"] == 0
    assert say(chat, aimsgcontext={"is_ai_msg": 2})["errcode"] == 40035
    (entry,) = chat.inbox()
    assert (entry["kf_account"], entry["is_ai_msg"]) == (name, True)
    (worker,) = chat.ask("/cgi-bin/customservice/getkflist")["kf_list"]
    assert (worker["kf_account"], worker["kf_nick"]) == (name, "美")
    assert chat.ask("/cgi-bin/customservice/getonlinekflist") == {"kf_online_list": []}
    assert call("inviteworker", kf_account=name, invite_wx="amy-wx") == 0
    (online,) = chat.ask("/cgi-bin/customservice/getonlinekflist")["kf_online_list"]
    assert (online["kf_account"], online["status"], online["accepted_case"]) == (name, 1, 0)
    assert chat.ask("/customservice/kfaccount/del", kf_account=name)["errcode"] == 0
    assert chat.ask("/customservice/kfaccount/del", kf_account=name)["errcode"] == 65401
    assert chat.ask("/cgi-bin/customservice/getkflist") == {"kf_list": []}


def test_an_account_has_a_hundred_workers_at_most(chat: Chat) -> None:
    names = [f"w{number}@{chat.account['username']}" for number in range(101)]
    codes = [
        chat.api("/customservice/kfaccount/add", {"kf_account": name, "nickname": "x"})["errcode"]
        for name in names
    ]
    assert codes == [0] * 100 + [65405]


def test_typing_needs_somebody_who_wrote(chat: Chat) -> None:
    def typing(command: str) -> int:
        return int(chat.api(TYPING, {"touser": chat.openid, "command": command})["errcode"])

    assert typing("Typing") == 45080
    chat.act("send", content="hi")
    assert typing("Thinking") == 45072
    assert typing("Typing") == 0
    assert typing("Typing") == 45081
    assert typing("CancelTyping") == 0
    assert typing("Typing") == 0
    assert say(chat)["errcode"] == 0  # a message ends it
    assert typing("Typing") == 0
    assert chat.api(TYPING, {"touser": "nobody", "command": "Typing"})["errcode"] == 40003
    chat.act("unfollow")
    assert typing("Typing") == 45015


def test_windows_end_with_time(callback: Callback) -> None:
    """On a sandbox in memory, whose clock may move."""
    app = create_app()
    state = app.extensions["sandbox.state"]
    account = {"appid": "wx1", "secret": "s", "token": "t", "mode": "plain", "callback_url": callback.url}
    state.accounts.put(account)
    state.fans.put({"nickname": "x", "fan": "x"})
    with app.test_client() as client:

        def act(name: str, **data: Any) -> None:
            answer = client.post(f"/sandbox/v1/fans/x/{name}", json={"appid": "wx1", **data})
            assert answer.status_code == 200, answer.text

        def call(path: str, **data: Any) -> int:
            body = {"touser": state.fans.subscription("wx1", "x").openid, **data}
            token = state.tokens.issue("wx1")[0]
            answer = client.post(path, query_string={"access_token": token}, json=body).get_json()
            return int(answer["errcode"])

        def hello() -> int:
            return call(SEND, msgtype="text", text={"content": "hello"})

        act("follow")
        state.clock.advance(58)
        assert hello() == 0
        state.clock.advance(3)
        assert hello() == 45015
        act("send", content="hi")
        assert call(TYPING, command="Typing") == 0
        state.clock.advance(16)  # nothing ended it, so it ended itself
        assert call(TYPING, command="Typing") == 0
        state.clock.advance(16)
        assert call(TYPING, command="Typing") == 45080
        state.clock.advance(48 * 3600 - 40)
        assert hello() == 0
        state.clock.advance(10)
        assert hello() == 45015
