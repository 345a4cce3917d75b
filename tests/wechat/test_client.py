"""The client against answers that WeChat, or what stands between, may give (WeChat §0, §14)."""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from engage.wechat.client import HttpGateway, transport
from engage.wechat.gateway import (
    Content,
    Credentials,
    Image,
    Menu,
    MiniProgramPage,
    Music,
    News,
    Text,
    Trouble,
    Video,
    Voice,
    WeChatError,
    WeChatUnreachable,
)
from engage.wechat.rules import trouble_of
from tests.wechat.scripted import TOKEN, Answer, Scripted, cut, silent, told, trickling

SEND = "/cgi-bin/message/custom/send"
REMARK = "/cgi-bin/user/info/updateremark"


@pytest.fixture
def gateway(scripted: Scripted, valkey: redis.Redis) -> HttpGateway:
    return HttpGateway(scripted.url, valkey, mp_url=scripted.url)


def say(gateway: HttpGateway, account: Credentials, words: str = "你好") -> None:
    gateway.send_custom(account, openid="openid", message=Text(words))


def test_a_bad_token_source_costs_two_calls_and_two_tokens(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials
) -> None:
    scripted.answers[SEND] = told({"errcode": 40001, "errmsg": "invalid credential"})
    with pytest.raises(WeChatError) as refusal:
        say(gateway, nobody)
    assert refusal.value.trouble is Trouble.TOKEN
    assert [asked.query["access_token"] for asked in scripted.to(SEND)] == ["token-1", "token-2"]
    assert [asked.json["force_refresh"] for asked in scripted.to(TOKEN)] == [False, False]


@pytest.mark.parametrize("errcode", [40001, 40014, 42001, "40001"])
def test_a_call_whose_token_was_refused_is_made_again_with_the_same_body(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials, errcode: int | str
) -> None:
    def once_refused(handler, asked):
        refused = asked.query["access_token"] == "token-1"
        told({"errcode": errcode if refused else 0, "errmsg": ""})(handler, asked)

    scripted.answers["/cgi-bin/media/upload"] = once_refused
    with pytest.raises(WeChatUnreachable, match="cannot be read"):
        gateway.upload_media(nobody, kind="image", content=b"\xff\xd8bytes", name="x.jpg")
    first, second = scripted.to("/cgi-bin/media/upload")
    assert b"\xff\xd8bytes" in first.body
    assert b"\xff\xd8bytes" in second.body


@pytest.mark.parametrize("errcode", [-1, 40003, 45015, 48001])
def test_no_other_refusal_is_repeated(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials, errcode: int
) -> None:
    words = "not now rid: 66bdb248-1fa23ff9-58483015"
    scripted.answers[SEND] = told({"errcode": errcode, "errmsg": words})
    with pytest.raises(WeChatError) as refusal:
        say(gateway, nobody)
    assert (refusal.value.errcode, refusal.value.errmsg) == (errcode, words)
    assert refusal.value.rid == "66bdb248-1fa23ff9-58483015"
    assert len(scripted.to(SEND)) == 1


ODD: dict[str, Answer] = {
    "not JSON": told(b"<html>hello</html>", kind="text/html"),
    "bad gateway": told(b"<html>502</html>", status=502, kind="text/html"),
    "another success": told({"tag": {"id": 1, "name": "VIP"}}, status=202),
    "empty": told(b""),
    "a list": told([1]),
    "a number": told(1),
    "deep": told(b'{"a":' * 100_000),
    "odd errcode": told({"errcode": "ok"}),
    "errcode in a list": told({"errcode": [0]}),
    "too long": told(b" " * (transport.MAX_ANSWER + 1)),
    "a file": told(b"GIF8", kind="image/gif"),
    "cut in the head": cut(b"HTTP/1.1 200 OK\r\nContent-"),
    "cut in the body": cut(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"errcode"'),
    "cut in a chunk": cut(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{"errcode"'),
    "not HTTP": cut(b"\x00\x01\x02\r\n\r\n"),
    "bad compression": cut(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
    "nothing": cut(b""),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_answer_leaves_open_whether_it_was_done(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials, name: str
) -> None:
    scripted.answers["/cgi-bin/tags/create"] = ODD[name]
    with pytest.raises(WeChatUnreachable):
        gateway.create_tag(nobody, "VIP")
    assert len(scripted.to("/cgi-bin/tags/create")) == 1


def test_nobody_is_led_elsewhere(scripted: Scripted, gateway: HttpGateway, nobody: Credentials) -> None:
    scripted.answers["/cgi-bin/tags/get"] = cut(
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    )
    scripted.answers["/elsewhere"] = told({"tags": []})
    with pytest.raises(WeChatUnreachable, match="302"):
        gateway.tags(nobody)
    assert scripted.to("/elsewhere") == []


def test_what_somebody_else_answers_is_not_taken_for_success(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials
) -> None:
    scripted.answers[SEND] = told({"message": "log in to the network"})
    with pytest.raises(WeChatUnreachable):
        say(gateway, nobody)


def test_a_file_in_place_of_an_answer_is_not_taken_for_success(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials
) -> None:
    scripted.answers[REMARK] = told(b"GIF8", kind="image/gif")
    with pytest.raises(WeChatUnreachable):
        gateway.set_remark(nobody, openid="o", remark="王")


@pytest.mark.parametrize("answer", [cut(b""), cut(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")])
def test_no_error_tells_a_secret(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials, answer: Answer
) -> None:
    account = Credentials(nobody.app_id, "do-not-tell")
    scripted.answers |= {"/sns/oauth2/access_token": answer, SEND: answer}
    nowhere = HttpGateway("http://127.0.0.1:9", redis.Redis.from_url("unix:///nobody.sock"))
    for call in (
        lambda: gateway.visitor(account, "code"),
        lambda: nowhere.visitor(account, "code"),
        lambda: say(gateway, account),
    ):
        with pytest.raises((WeChatUnreachable, WeChatError)) as error:
            call()
        shown = "".join(traceback.format_exception(error.value))
        assert "do-not-tell" not in shown
        assert "token-1" not in shown


@pytest.mark.parametrize("name", ["not JSON", "bad gateway", "a list", "cut in the body", "nothing"])
def test_without_a_token_the_call_was_certainly_not_made(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials, name: str
) -> None:
    scripted.answers[TOKEN] = ODD[name]
    with pytest.raises(WeChatError) as refusal:
        say(gateway, nobody)
    assert refusal.value.trouble is Trouble.BUSY
    assert scripted.to(SEND) == []


def test_where_no_connection_comes_about_it_was_certainly_not_made(
    valkey: redis.Redis, nobody: Credentials
) -> None:
    nowhere = HttpGateway("http://127.0.0.1:9", valkey)
    with pytest.raises(WeChatError) as refusal:
        nowhere.visitor(nobody, "code")
    assert refusal.value.trouble is Trouble.BUSY


@pytest.mark.parametrize("spelt", [0, "0", None])
def test_success_may_be_spelt_in_many_ways(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials, spelt: object
) -> None:
    scripted.answers[SEND] = told({"errcode": spelt, "errmsg": "ok"})
    say(gateway, nobody)
    scripted.answers[REMARK] = told({})
    gateway.set_remark(nobody, openid="o", remark="王")
    assert (len(scripted.to(SEND)), len(scripted.to(REMARK))) == (1, 1)


def test_a_server_that_hangs_is_left(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TIMEOUT_SECONDS", (1, 0.2))
    scripted.answers[SEND] = silent(scripted.ended)
    began = time.monotonic()
    with pytest.raises(WeChatUnreachable, match="Timeout"):
        say(gateway, nobody)
    assert time.monotonic() - began < 5


def test_a_server_that_trickles_is_left(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "BODY_SECONDS", 0.3)
    scripted.answers[SEND] = trickling(scripted.ended, every=0.05)
    began = time.monotonic()
    with pytest.raises(WeChatUnreachable, match="longer than"):
        say(gateway, nobody)
    assert time.monotonic() - began < 5


MESSAGES: list[tuple[Content, str, dict[str, object]]] = [
    (Text("王小红，您好 <a href='x'>"), "text", {"content": "王小红，您好 <a href='x'>"}),
    (Image("m1"), "image", {"media_id": "m1"}),
    (Voice("m2"), "voice", {"media_id": "m2"}),
    (
        Video("m3", "t3", "片", "述"),
        "video",
        {"media_id": "m3", "thumb_media_id": "t3", "title": "片", "description": "述"},
    ),
    (
        Music("https://m/1.mp3", "t4", "曲", "述"),
        "music",
        {
            "title": "曲",
            "description": "述",
            "musicurl": "https://m/1.mp3",
            "hqmusicurl": "https://m/1.mp3",
            "thumb_media_id": "t4",
        },
    ),
    (
        News("题", "述", "https://a/1", "https://a/1.png"),
        "news",
        {
            "articles": [
                {"title": "题", "description": "述", "url": "https://a/1", "picurl": "https://a/1.png"}
            ]
        },
    ),
    (
        Menu((("101", "满意"), ("102", "不满意")), "如何？", "谢谢"),
        "msgmenu",
        {
            "head_content": "如何？",
            "list": [{"id": "101", "content": "满意"}, {"id": "102", "content": "不满意"}],
            "tail_content": "谢谢",
        },
    ),
    (
        MiniProgramPage("题", "wx1", "pages/a", "t5"),
        "miniprogrampage",
        {"title": "题", "appid": "wx1", "pagepath": "pages/a", "thumb_media_id": "t5"},
    ),
]


@pytest.mark.parametrize(("message", "kind", "content"), MESSAGES, ids=[kind for _, kind, _ in MESSAGES])
def test_messages_go_out_as_documented_in_raw_utf_8(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials, message: Content, kind: str, content: dict
) -> None:
    scripted.answers[SEND] = told({"errcode": 0, "errmsg": "ok"})
    gateway.send_custom(nobody, openid="openid", message=message, kf_account="lina@gh_1")
    asked = scripted.to(SEND)[0]
    assert asked.json == {
        "touser": "openid",
        "msgtype": kind,
        kind: content,
        "customservice": {"kf_account": "lina@gh_1"},
    }
    assert b"\\u" not in asked.body


@pytest.mark.parametrize(
    ("name", "sent"), [("a.jpg", "image.jpg"), ("照片.png", "image.png"), ("无", "image"), ("a.图", "image")]
)
def test_files_go_out_under_ascii_names(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials, name: str, sent: str
) -> None:
    scripted.answers["/cgi-bin/media/uploadimg"] = told({"url": "https://mmbiz/1"})
    assert gateway.upload_image(nobody, content=b"x", name=name) == "https://mmbiz/1"
    head = scripted.to("/cgi-bin/media/uploadimg")[0].body
    assert f'name="media"; filename="{sent}"'.encode() in head
    assert b"filename*" not in head


def test_a_download_is_told_by_its_content_type_and_kept_within_its_limit(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials
) -> None:
    scripted.answers["/cgi-bin/media/get"] = told(b'{"errcode": 40007}', kind="image/jpeg")
    assert gateway.download_media(nobody, "m").content == b'{"errcode": 40007}'
    with pytest.raises(WeChatUnreachable, match="longer than 10 bytes"):
        gateway.download_media(nobody, "m", limit=10)
    scripted.answers["/cgi-bin/media/get"] = told({"errcode": 40007, "errmsg": "bad"}, kind="text/plain")
    with pytest.raises(WeChatError, match="40007"):
        gateway.download_media(nobody, "m")
    scripted.answers["/cgi-bin/media/get"] = told({"video_url": "https://v/1"}, kind="text/plain")
    assert gateway.download_media(nobody, "m").video_url == "https://v/1"


def test_a_nickname_with_broken_and_control_characters_is_read(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials
) -> None:
    scripted.answers["/sns/oauth2/access_token"] = told(
        {
            "access_token": "a",
            "expires_in": 7200,
            "refresh_token": "r",
            "openid": "o",
            "scope": "snsapi_userinfo",
        }
    )
    scripted.answers["/sns/userinfo"] = told(
        b'{"openid":"o","nickname":"\xe7\x8e\x8b\x07\xff","headimgurl":"http://a/1","privilege":[]}',
        kind="text/plain",
    )
    profile = gateway.profile(nobody, "code")
    assert (profile.openid, profile.nickname, profile.avatar_url) == ("o", "王\x07\ufffd", "http://a/1")


@pytest.mark.parametrize("errcode", [40029, "40029"])
def test_a_refused_code_is_told(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials, errcode: int | str
) -> None:
    scripted.answers["/sns/oauth2/access_token"] = told({"errcode": errcode})
    with pytest.raises(WeChatError) as refusal:
        gateway.visitor(nobody, "code")
    assert refusal.value.errcode == 40029


def test_threads_of_several_accounts_share_connections_and_mix_nothing_up(
    scripted: Scripted, gateway: HttpGateway
) -> None:
    accounts = [Credentials(f"wx{uuid.uuid4().hex[:16]}", "secret") for _ in range(4)]
    barrier = threading.Barrier(16)

    def token_of_its_own(handler, asked):
        told({"access_token": f"of-{asked.json['appid']}", "expires_in": 7200})(handler, asked)

    def same_account(handler, asked):
        mixed = asked.query["access_token"] != f"of-{asked.json['remark']}"
        told({"errcode": 40003 if mixed else 0})(handler, asked)

    def work(number: int) -> None:
        account = accounts[number % 4]
        barrier.wait(10)
        for _ in range(10):
            gateway.set_remark(account, openid="o", remark=account.app_id)

    scripted.answers |= {TOKEN: token_of_its_own, REMARK: same_account}
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert len(scripted.to(REMARK)) == 160
    assert len(scripted.to(TOKEN)) == 4


def test_cookies_are_not_kept(scripted: Scripted, gateway: HttpGateway, nobody: Credentials) -> None:
    def with_cookie(handler, asked):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\n{}")

    scripted.answers[REMARK] = with_cookie
    gateway.set_remark(nobody, openid="o", remark="王")
    assert len(scripted.to(REMARK)) == 1
    assert len(gateway._session.cookies) == 0


def test_the_environments_proxy_is_asked_for_wechat_and_not_for_the_sandbox(
    scripted: Scripted, valkey: redis.Redis, nobody: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, scripted.url)
    with pytest.raises((WeChatError, WeChatUnreachable)):
        HttpGateway(transport.API, valkey).visitor(nobody, "code")
    assert [asked.path for asked in scripted.asked] == ["api.weixin.qq.com:443"]
    with Scripted() as standing_in:
        standing_in.answers[SEND] = told({"errcode": 0})
        say(HttpGateway(standing_in.url, valkey), nobody)
    assert len(scripted.asked) == 1


@pytest.mark.parametrize(
    ("errcode", "trouble"),
    [
        (-1, Trouble.BUSY),
        (45011, Trouble.BUSY),
        (40001, Trouble.TOKEN),
        (40014, Trouble.TOKEN),
        (42001, Trouble.TOKEN),
        (45009, Trouble.QUOTA),
        (43004, Trouble.GONE),
        (40003, Trouble.GONE),
        (43019, Trouble.GONE),
        (48002, Trouble.GONE),
        (50002, Trouble.GONE),
        (45015, Trouble.WINDOW),
        (45047, Trouble.WINDOW),
        (40125, Trouble.SET_UP),
        (48001, Trouble.SET_UP),
        (47003, Trouble.REFUSED),
        (99999, Trouble.REFUSED),
    ],
)
def test_what_errors_ask_for(errcode: int, trouble: Trouble) -> None:
    assert trouble_of(errcode) is trouble
