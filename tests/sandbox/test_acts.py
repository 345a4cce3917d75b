"""What people write and do, and the nodes that reach the account (WeChat §1)."""

import base64
from typing import Any

import pytest

from tests.sandbox import files, wechat
from tests.sandbox.conftest import Callback, Chat

COMMON = {"ToUserName", "FromUserName", "CreateTime", "MsgType"}


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def last(callback: Callback) -> dict[str, str]:
    return wechat.nodes(callback.requests[-1].body)


# what is sent, MsgType of the push, its own nodes, those with a value known before
WRITTEN: list[tuple[dict[str, Any], str, set[str], dict[str, str]]] = [
    ({"content": "牙疼"}, "text", {"Content"}, {"Content": "牙疼"}),
    (
        {"msgtype": "msgmenu", "menu_id": "101", "content": "满意"},
        "text",
        {"Content", "bizmsgmenuid"},
        {"Content": "满意", "bizmsgmenuid": "101"},
    ),
    ({"msgtype": "image", "file": encoded(files.PNG)}, "image", {"PicUrl", "MediaId"}, {}),
    ({"msgtype": "voice", "file": encoded(files.AMR)}, "voice", {"MediaId", "Format"}, {"Format": "amr"}),
    (
        {"msgtype": "voice", "file": encoded(files.SPEEX), "recognition": "我牙疼"},
        "voice",
        {"MediaId", "Format", "Recognition"},
        {"Format": "speex", "Recognition": "我牙疼"},
    ),
    ({"msgtype": "video", "file": encoded(files.MP4)}, "video", {"MediaId", "ThumbMediaId"}, {}),
    ({"msgtype": "shortvideo", "file": encoded(files.MP4)}, "shortvideo", {"MediaId", "ThumbMediaId"}, {}),
    (
        {"msgtype": "location", "latitude": 31.19, "longitude": 121.43, "scale": 15, "label": "徐汇区"},
        "location",
        {"Location_X", "Location_Y", "Scale", "Label"},
        {"Location_X": "31.19", "Location_Y": "121.43", "Scale": "15", "Label": "徐汇区"},
    ),
    (
        {"msgtype": "link", "title": "种植牙", "description": "d", "url": "http://a.cn/1"},
        "link",
        {"Title", "Description", "Url"},
        {"Title": "种植牙", "Description": "d", "Url": "http://a.cn/1"},
    ),
]


@pytest.mark.parametrize(("message", "msgtype", "own", "known"), WRITTEN)
def test_each_kind_has_its_nodes(
    chat: Chat,
    callback: Callback,
    message: dict[str, Any],
    msgtype: str,
    own: set[str],
    known: dict[str, str],
) -> None:
    answer = chat.act("send", **message)
    nodes = last(callback)
    assert nodes["MsgType"] == msgtype
    assert set(nodes) == COMMON | {"MsgId"} | own
    assert {key: nodes[key] for key in known} == known
    assert answer["pushed"]["MsgId"] == nodes["MsgId"]
    (entry,) = chat.inbox(whole=True)
    assert (entry["kind"], entry["msgtype"]) == ("sent", msgtype)


def test_a_picture_can_be_fetched_by_address_and_by_id(chat: Chat, callback: Callback) -> None:
    chat.act("send", msgtype="image", file=encoded(files.JPG))
    nodes = last(callback)
    assert nodes["PicUrl"].startswith(chat.sandbox.url)
    http = chat.sandbox.http
    assert http.get(nodes["PicUrl"], timeout=5).content == files.JPG
    query = {"access_token": chat.token, "media_id": nodes["MediaId"]}
    got = http.get(f"{chat.sandbox.url}/cgi-bin/media/get", params=query, timeout=5)
    assert got.content == files.JPG
    (entry,) = chat.inbox(whole=True)
    assert http.get(chat.sandbox.url + entry["url"], timeout=5).content == files.JPG


def test_a_phones_own_host_is_not_told_to_servers(chat: Chat, callback: Callback) -> None:
    url = f"{chat.sandbox.url}/sandbox/v1/fans/{chat.fan}/send"
    host = {"Host": f"{chat.fan}.localhost:{chat.sandbox.port}"}
    body = {"appid": chat.appid, "msgtype": "image", "file": encoded(files.PNG)}
    assert chat.sandbox.http.post(url, json=body, headers=host, timeout=5).status_code == 200
    assert last(callback)["PicUrl"].startswith(f"http://127.0.0.1:{chat.sandbox.port}/sandbox/media/")


def test_a_file_may_come_as_multipart(chat: Chat, callback: Callback) -> None:
    url = f"{chat.sandbox.url}/sandbox/v1/fans/{chat.fan}/send"
    form = {"appid": chat.appid, "msgtype": "image"}
    sent = chat.sandbox.http.post(url, data=form, files={"file": ("a.png", files.PNG)}, timeout=5)
    assert sent.status_code == 200
    assert last(callback)["MsgType"] == "image"


@pytest.mark.parametrize(
    "message",
    [
        {"content": " "},
        {"msgtype": "poem"},
        {"msgtype": "image"},
        {"msgtype": "image", "file": "no base64!"},
        {"msgtype": "image", "file": encoded(files.MP4)},
        {"msgtype": "voice", "file": encoded(files.MP3)},
        {"msgtype": "video", "file": encoded(files.PNG)},
        {"msgtype": "location", "latitude": 31.2},
        {"msgtype": "location", "latitude": "31", "longitude": "121"},
        {"msgtype": "link", "title": "x"},
        {"msgtype": "msgmenu", "content": "x"},
    ],
)
def test_messages_that_cannot_be_written(chat: Chat, callback: Callback, message: dict[str, Any]) -> None:
    before = len(callback.requests)
    refused = chat.try_act("send", **message)
    assert refused.status_code == 400
    assert refused.json()["error"]
    assert len(callback.requests) == before
    assert chat.inbox(whole=True) == []


def test_any_event_can_be_pushed_as_it_is(chat: Chat, callback: Callback) -> None:
    place = {"Latitude": 31.2, "Longitude": 121.4, "Precision": 30.0}
    chat.act("event", event="LOCATION", fields=place)
    nodes = last(callback)
    assert set(nodes) == COMMON | {"Event", *place}
    assert (nodes["Event"], nodes["Latitude"]) == ("LOCATION", "31.2")
    inner = {"TemplateId": "t", "SubscribeStatusString": "reject"}
    chat.act("event", event="subscribe_msg_change_event", fields={"SubscribeMsgChangeEvent": {"List": inner}})
    document = wechat.tree(callback.requests[-1].body)
    assert document.findtext("SubscribeMsgChangeEvent/List/TemplateId") == "t"
    assert chat.try_act("event", event="").status_code == 400
    assert chat.try_act("event", event="x", fields=[]).status_code == 400


def reply_of(chat: Chat, inner: str) -> bytes:
    return (
        f"<xml><ToUserName>{chat.openid}</ToUserName><FromUserName>{chat.account['username']}</FromUserName>"
        f"<CreateTime>1</CreateTime>{inner}</xml>"
    ).encode()


ARTICLE = "<item><Title>t</Title><Description>d</Description><PicUrl>p</PicUrl><Url>u</Url></item>"


def news(count: int) -> str:
    return (
        f"<MsgType>news</MsgType><ArticleCount>{count}</ArticleCount><Articles>{ARTICLE * count}</Articles>"
    )


def test_passive_replies_show_what_they_carry(chat: Chat, callback: Callback) -> None:
    def kept(type_: str, content: bytes) -> str:
        answer = chat.upload("/cgi-bin/media/upload", content, type=type_)
        return str(answer.get("media_id") or answer["thumb_media_id"])

    picture, sound, film = kept("image", files.PNG), kept("voice", files.MP3), kept("video", files.MP4)
    thumb, moving = kept("thumb", files.JPG), kept("image", files.GIF)

    def replied(inner: str) -> Any:
        callback.answer = lambda _push: (200, reply_of(chat, inner))
        return chat.act("send", content="hi")["reply"]

    image = replied(f"<MsgType>image</MsgType><Image><MediaId>{picture}</MediaId></Image>")
    assert image == {"msgtype": "image", "media_id": picture, "url": f"/sandbox/media/{picture}"}
    voice = replied(f"<MsgType>voice</MsgType><Voice><MediaId>{sound}</MediaId></Voice>")
    assert voice["url"] == f"/sandbox/media/{sound}"
    video = replied(f"<MsgType>video</MsgType><Video><MediaId>{film}</MediaId><Title>刷牙</Title></Video>")
    assert (video["url"], video["title"], video["description"]) == (f"/sandbox/media/{film}", "刷牙", "")
    music = replied(
        "<MsgType>music</MsgType><Music><Title>雨</Title><MusicUrl>http://m</MusicUrl>"
        f"<ThumbMediaId>{thumb}</ThumbMediaId></Music>"
    )
    assert (music["musicurl"], music["thumb_url"]) == ("http://m", f"/sandbox/media/{thumb}")
    assert replied(news(1))["articles"] == [{"title": "t", "description": "d", "picurl": "p", "url": "u"}]
    worker = "<TransInfo><KfAccount>a@gh</KfAccount></TransInfo>"
    handed = replied(f"<MsgType>transfer_customer_service</MsgType>{worker}")
    assert handed == {"msgtype": "transfer_customer_service", "kf_account": "a@gh"}
    for bad in (
        "<MsgType>image</MsgType><Image><MediaId>unknown</MediaId></Image>",
        f"<MsgType>image</MsgType><Image><MediaId>{moving}</MediaId></Image>",
        f"<MsgType>voice</MsgType><Voice><MediaId>{picture}</MediaId></Voice>",
        "<MsgType>image</MsgType>",
        "<MsgType>music</MsgType><Music><Title>x</Title></Music>",
        "<MsgType>poem</MsgType>",
        news(2),
        news(0),
    ):
        assert replied(bad) is None
        assert chat.inbox(whole=True)[-1]["code"] == "unavailable"


@pytest.mark.parametrize(("count", "is_taken"), [(8, True), (9, False)])
def test_an_event_may_be_answered_by_eight_articles(
    chat: Chat, callback: Callback, count: int, is_taken: bool
) -> None:
    callback.answer = lambda _push: (200, reply_of(chat, news(count)))
    reply = chat.act("event", event="CLICK", fields={"EventKey": "k"})["reply"]
    assert bool(reply and len(reply["articles"]) == count) is is_taken
