"""Pushes and replies, whatever is in them: read as they were written, or refused as what they are."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from engage.kernel.errors import Malformed
from engage.wechat import messages, xml
from engage.wechat.envelope import Forged, Keys, new_aes_key, open_push, seal, sign
from engage.wechat.messages import Content, Message, Unknown, kinds, parse
from engage.wechat.replies import Card, NewsReply, TextReply, VideoReply, render

# No database or page is behind these: many examples cost little.
THOROUGH = settings(deadline=None, max_examples=200)

NOW = dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)
KEYS = Keys("wxb11529c136998cb6", "pamtest", new_aes_key(), mode="safe")
QUERY = {"timestamp": str(int(NOW.timestamp())), "nonce": "nonce"}

# What XML can hold, but for the carriage return, which every reader makes a line feed.
WRITTEN = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.just("\n")
)
ID = st.text(st.sampled_from("abcXYZ019_-@."), max_size=20)
SOME_ID = st.text(st.sampled_from("abcXYZ019_-"), min_size=1, max_size=20)
URL = ID.map(lambda path: f"http://a.example/{path}?b=1&c=2")
NUMBER = st.integers(-(2**63) + 1, 2**63 - 1)
DEGREES = st.integers(-180 * 10**6, 180 * 10**6).map(lambda millionths: millionths / 10**6)
SECONDS = st.integers(0, 10**11 - 1).map(lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC))


def several(items: SearchStrategy[Any]) -> SearchStrategy[tuple[Any, ...]]:
    """Give a strategy for none, one or some, as contents hold them."""
    return st.lists(items, max_size=3).map(tuple)


def position(of: Any) -> dict[str, object]:
    """Write a place on the map, as messages and the menu have it."""
    return {
        "Location_X": f"{of.latitude:.6f}",
        "Location_Y": f"{of.longitude:.6f}",
        "Scale": of.scale,
        "Label": of.label,
    }


def notices(of: Any, name: str) -> dict[str, object]:
    """Write what a person chose for subscription notices."""
    listed = [
        {
            "TemplateId": choice.template_id,
            "SubscribeStatusString": "accept" if choice.accepted else "reject",
            "PopupScene": choice.scene,
        }
        for choice in of.choices
    ]
    return {name: {"List": listed}}


def mass(of: Any) -> dict[str, object]:
    """Write the end of a mass message."""
    checked = [
        {
            "ArticleIdx": item.article,
            "UserDeclareState": item.declared,
            "AuditState": item.audit,
            "OriginalArticleUrl": item.original_url,
            "OriginalArticleType": item.original_type,
            "CanReprint": int(item.can_reprint),
            "NeedReplaceContent": int(item.content_replaced),
            "NeedShowReprintSource": int(item.source_shown),
        }
        for item in of.originality
    ]
    urls = [{"ArticleIdx": article.index, "ArticleUrl": article.url} for article in of.articles]
    return {
        "MsgID": of.msg_id,
        "Status": of.status,
        "TotalCount": of.total,
        "FilterCount": of.filtered,
        "SentCount": of.sent,
        "ErrorCount": of.failed,
        "CopyrightCheckResult": {"ResultList": {"item": checked}, "CheckState": of.check_state},
        "ArticleUrlResult": {"ResultList": {"item": urls}},
    }


def published(of: Any) -> dict[str, object]:
    """Write the end of a publication."""
    items = [{"idx": article.index, "article_url": article.url} for article in of.articles]
    return {
        "PublishEventInfo": {
            "publish_id": of.publish_id,
            "publish_status": of.status,
            "article_id": of.article_id,
            "article_detail": {"count": len(items), "item": items},
            "fail_idx": list(of.failed),
        }
    }


def results(of: Any) -> dict[str, object]:
    """Write what became of subscription notices."""
    listed = [
        {
            "TemplateId": result.template_id,
            "MsgID": result.msg_id,
            "ErrorCode": result.error_code,
            "ErrorStatus": result.error_status,
        }
        for result in of.results
    ]
    return {"SubscribeMsgSentEvent": {"List": listed}}


def person(of: Any) -> dict[str, object]:
    """Write whom a consent is about."""
    return {"OpenID": of.openid, "UnionID": of.unionid, "AppID": of.app_id}


ARTICLE = st.builds(messages.Article, NUMBER, URL)
ORIGINALITY = st.builds(
    messages.Originality, NUMBER, ID, ID, URL, ID, st.booleans(), st.booleans(), st.booleans()
)
CHOICE = st.builds(messages.NoticeChoice, ID, st.booleans(), ID)
RESULT = st.builds(messages.NoticeResult, ID, NUMBER, NUMBER, ID)
PICTURES = (
    st.builds(messages.PicturesChosen, ID, several(ID)),
    lambda of: {
        "EventKey": of.key,
        "SendPicsInfo": {"PicList": {"item": [{"PicMd5Sum": digest} for digest in of.digests]}},
    },
)


def film(*, short: bool) -> tuple[Any, Callable[[Any], dict[str, object]]]:
    """Give how films are made and written."""
    made = st.builds(messages.Video, ID, ID, st.just(short))
    return made, lambda of: {"MediaId": of.media_id, "ThumbMediaId": of.thumb_media_id}


def code(*, waits: bool) -> tuple[Any, Callable[[Any], dict[str, object]]]:
    """Give how scanned codes are made and written."""
    made = st.builds(messages.CodeScanned, ID, ID, WRITTEN, st.just(waits))
    return made, lambda of: {
        "EventKey": of.key,
        "ScanCodeInfo": {"ScanType": of.type, "ScanResult": of.result},
    }


def verified(what: str) -> tuple[Any, Callable[[Any], dict[str, object]]]:
    """Give how successes of verification are made and written."""
    return st.builds(messages.AccountVerified, st.just(what), SECONDS), lambda of: {
        "ExpiredTime": of.expires_at
    }


def refused(what: str) -> tuple[Any, Callable[[Any], dict[str, object]]]:
    """Give how failures of verification are made and written."""
    made = st.builds(messages.AccountRefused, st.just(what), SECONDS, WRITTEN)
    return made, lambda of: {"FailTime": of.failed_at, "FailReason": of.reason}


# For every kind: how its contents are made, and how WeChat writes one.
KINDS: dict[str, tuple[Any, Callable[[Any], dict[str, object]]]] = {
    "text": (
        st.builds(messages.Text, WRITTEN, ID),
        lambda of: {"Content": of.content, "bizmsgmenuid": of.menu_item},
    ),
    "image": (
        st.builds(messages.Image, URL, ID),
        lambda of: {"PicUrl": of.picture_url, "MediaId": of.media_id},
    ),
    "voice": (
        st.builds(messages.Voice, ID, ID, WRITTEN),
        lambda of: {"MediaId": of.media_id, "Format": of.format, "Recognition": of.recognition},
    ),
    "video": film(short=False),
    "shortvideo": film(short=True),
    "location": (st.builds(messages.Location, DEGREES, DEGREES, NUMBER, WRITTEN), position),
    "link": (
        st.builds(messages.Link, WRITTEN, WRITTEN, URL),
        lambda of: {"Title": of.title, "Description": of.description, "Url": of.url},
    ),
    "event:subscribe": (
        st.builds(messages.Followed, SOME_ID, ID),
        lambda of: {"EventKey": f"qrscene_{of.scene}", "Ticket": of.ticket},
    ),
    "event:unsubscribe": (st.builds(messages.Left), lambda _of: {"EventKey": ""}),
    "event:SCAN": (
        st.builds(messages.Scanned, ID, ID),
        lambda of: {"EventKey": of.scene, "Ticket": of.ticket},
    ),
    "event:LOCATION": (
        st.builds(messages.Located, DEGREES, DEGREES, DEGREES),
        lambda of: {
            "Latitude": f"{of.latitude:.6f}",
            "Longitude": f"{of.longitude:.6f}",
            "Precision": f"{of.precision:.6f}",
        },
    ),
    "event:CLICK": (st.builds(messages.MenuClicked, ID), lambda of: {"EventKey": of.key}),
    "event:VIEW": (
        st.builds(messages.PageOpened, URL, ID),
        lambda of: {"EventKey": of.url, "MenuId": of.menu_id},
    ),
    "event:view_miniprogram": (
        st.builds(messages.MiniProgramOpened, ID, ID),
        lambda of: {"EventKey": of.page, "MenuId": of.menu_id},
    ),
    "event:scancode_push": code(waits=False),
    "event:scancode_waitmsg": code(waits=True),
    "event:pic_sysphoto": PICTURES,
    "event:pic_photo_or_album": PICTURES,
    "event:pic_weixin": PICTURES,
    "event:location_select": (
        st.builds(messages.PlaceChosen, ID, DEGREES, DEGREES, NUMBER, WRITTEN, WRITTEN),
        lambda of: {"EventKey": of.key, "SendLocationInfo": {**position(of), "Poiname": of.name}},
    ),
    "event:TEMPLATESENDJOBFINISH": (
        st.builds(messages.TemplateFinished, NUMBER, ID),
        lambda of: {"MsgID": of.msg_id, "Status": of.status},
    ),
    "event:MASSSENDJOBFINISH": (
        st.builds(
            messages.MassFinished,
            *(NUMBER, ID, NUMBER, NUMBER, NUMBER, NUMBER, several(ORIGINALITY), ID, several(ARTICLE)),
        ),
        mass,
    ),
    "event:PUBLISHJOBFINISH": (
        st.builds(messages.Published, ID, NUMBER, ID, several(ARTICLE), several(NUMBER)),
        published,
    ),
    "event:subscribe_msg_popup_event": (
        st.builds(messages.NoticePopup, several(CHOICE)),
        lambda of: notices(of, "SubscribeMsgPopupEvent"),
    ),
    "event:subscribe_msg_change_event": (
        st.builds(messages.NoticeChanged, several(CHOICE)),
        lambda of: notices(of, "SubscribeMsgChangeEvent"),
    ),
    "event:subscribe_msg_sent_event": (st.builds(messages.NoticeSent, several(RESULT)), results),
    "event:kf_create_session": (
        st.builds(messages.AgentSessionOpened, ID),
        lambda of: {"KfAccount": of.agent},
    ),
    "event:kf_close_session": (
        st.builds(messages.AgentSessionClosed, ID),
        lambda of: {"KfAccount": of.agent},
    ),
    "event:kf_switch_session": (
        st.builds(messages.AgentSessionMoved, ID, ID),
        lambda of: {"FromKfAccount": of.from_agent, "ToKfAccount": of.to_agent},
    ),
    "event:user_info_modified": (st.builds(messages.ProfileChanged, ID, ID, ID), person),
    "event:user_authorization_revoke": (
        st.builds(messages.ConsentRevoked, ID, ID, ID, ID),
        lambda of: {**person(of), "RevokeInfo": of.what},
    ),
    "event:user_authorization_cancellation": (st.builds(messages.PersonCancelled, ID, ID, ID), person),
    "event:qualification_verify_success": verified("qualification"),
    "event:naming_verify_success": verified("naming"),
    "event:qualification_verify_fail": refused("qualification"),
    "event:naming_verify_fail": refused("naming"),
    "event:annual_renew": (
        st.builds(messages.RenewalDue, SECONDS),
        lambda of: {"ExpiredTime": of.expires_at},
    ),
    "event:verify_expired": (
        st.builds(messages.VerificationExpired, SECONDS),
        lambda of: {"ExpiredTime": of.expires_at},
    ),
}


def write(nodes: dict[str, Any], *, lines: bool) -> str:
    """Write nodes as WeChat does: texts in CDATA, numbers bare, what is there several times repeated."""
    return ("\n" if lines else "").join(
        f"<{name}>{_inside(value, lines=lines)}</{name}>"
        for name, values in nodes.items()
        for value in (values if isinstance(values, list) else [values])
    )


def _inside(value: Any, *, lines: bool) -> str:
    if isinstance(value, dict):
        return write(value, lines=lines)
    if isinstance(value, str):
        return xml.cdata(value)
    return str(int(value.timestamp()) if isinstance(value, dt.datetime) else value)


def frame(kind: str) -> dict[str, Any]:
    """Give the nodes that every push has."""
    name, _, event = kind.partition(":")
    nodes = {"ToUserName": "gh_1", "FromUserName": "openid-1", "CreateTime": 1481013459, "MsgType": name}
    return nodes | ({"Event": event} if event else {"MsgId": 1})


def test_no_kind_is_left_out() -> None:
    assert {kind.lower() for kind in KINDS} == {*kinds.MESSAGES, *(f"event:{name}" for name in kinds.EVENTS)}


@pytest.mark.parametrize("kind", KINDS)
@settings(THOROUGH, max_examples=25)
@given(data=st.data(), lines=st.booleans())
def test_every_kind_is_read_as_it_was_written(kind: str, data: st.DataObject, lines: bool) -> None:
    strategy, nodes = KINDS[kind]
    content: Content = data.draw(strategy)
    message = parse(f"<xml>{write(frame(kind) | nodes(content), lines=lines)}</xml>".encode())
    assert message.content == content
    assert message.kind == kind


FRAME = ["ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "EventKey", "MsgID", "MsgId"]
INSIDE = ["SendPicsInfo", "PicList", "item", "List", "SubscribeMsgSentEvent", "PublishEventInfo", "fail_idx"]
NAMES = st.sampled_from([*FRAME, *INSIDE, "Content", "Encrypt", "Location_X", "a"])
LEAVES = st.sampled_from(["text", "event", "1", "-1", "9" * 20, "", " ", "nan", "o1"]) | WRITTEN
TREES: SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.dictionaries(NAMES, inner | st.lists(inner, max_size=3), max_size=6),
    max_leaves=25,
)


def read_or_refused(body: bytes) -> Message | None:
    """Read a push; a refusal of its form is an answer too, anything else is a fault."""
    with contextlib.suppress(Malformed):
        message = parse(body)
        assert re.fullmatch("[0-9a-f]{64}", message.key)
        assert message.openid
        assert isinstance(message.is_from_a_person, bool)
        return message
    return None


@THOROUGH
@given(body=st.binary())
def test_random_bytes_are_read_or_malformed(body: bytes) -> None:
    read_or_refused(body)
    read_or_refused(b"<xml>" + body + b"</xml>")


@pytest.mark.parametrize("kind", [*KINDS, "hologram", "event:hologram"])
@settings(THOROUGH, max_examples=10)
@given(nodes=st.dictionaries(NAMES, TREES | st.lists(TREES, max_size=3), max_size=8))
def test_random_nodes_of_any_kind_are_kept(kind: str, nodes: dict[str, Any]) -> None:
    """With a frame, nothing is dropped: what does not fit the kind is kept as unknown."""
    body = f"<xml>{write(nodes | frame(kind), lines=False)}</xml>".encode()
    message = read_or_refused(body)
    assert message is not None
    assert message.kind == kind
    if isinstance(message.content, Unknown):
        assert message.content.fields == xml.read(body)


@THOROUGH
@given(nodes=st.dictionaries(NAMES, TREES, max_size=8), declared=WRITTEN)
def test_random_xml_is_read_or_malformed(nodes: dict[str, Any], declared: str) -> None:
    read_or_refused(f"<xml>{write(nodes, lines=False)}</xml>".encode())
    read_or_refused(f"<?xml {declared}?><xml>{write(nodes, lines=True)}</xml>".encode())


@THOROUGH
@given(data=st.data())
def test_a_spoilt_push_is_read_or_malformed(data: st.DataObject) -> None:
    """One byte of a good push becomes another, or its end is cut off."""
    body = f"<xml>{write(frame('text') | {'Content': '你好'}, lines=True)}</xml>".encode()
    place = data.draw(st.integers(0, len(body) - 1))
    read_or_refused(body[:place] + bytes([data.draw(st.integers(0, 255))]) + body[place + 1 :])
    assert read_or_refused(body[:place]) is None


def aes(plaintext: bytes) -> str:
    """Encrypt whole blocks with the account's key."""
    key = base64.b64decode(KEYS.encoding_aes_key + "=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plaintext) + encryptor.finalize()).decode()


# From what anybody could send to what only a holder of the key could.
ENVELOPES = (
    WRITTEN
    | st.binary().map(lambda random: base64.b64encode(random).decode())
    | st.integers(0, 4).flatmap(lambda blocks: st.binary(min_size=32 * blocks, max_size=32 * blocks)).map(aes)
    | st.builds(
        lambda random, length, rest, padding: aes(
            (random + length.to_bytes(4, "big") + rest + bytes([padding]) * 64)[: 32 * (1 + len(rest) // 32)]
        ),
        st.binary(min_size=16, max_size=16),
        st.integers(0, 40) | st.integers(0, 2**32 - 1),
        st.binary(max_size=60),
        st.integers(0, 40),
    )
)


@THOROUGH
@given(encrypted=ENVELOPES, signed=st.booleans(), app_id=st.text())
def test_random_envelopes_are_refused(encrypted: str, signed: bool, app_id: str) -> None:
    """No random text holds the app id by chance; with a signature that fits it comes as far as it can."""
    signature = sign(KEYS.token, *QUERY.values(), encrypted if signed else "x" + encrypted)
    body = f"<xml><ToUserName>gh_1</ToUserName><Encrypt>{xml.cdata(encrypted)}</Encrypt></xml>".encode()
    query = QUERY | {"encrypt_type": "aes", "msg_signature": signature}
    with pytest.raises((Forged, Malformed)):
        open_push(KEYS, query, body, now=NOW)


@THOROUGH
@given(
    query=st.dictionaries(
        st.sampled_from(["signature", "timestamp", "nonce", "encrypt_type", "msg_signature"]),
        st.text() | st.sampled_from(["aes", QUERY["timestamp"]]),
    ),
    body=st.binary(),
    mode=st.sampled_from(["plain", "compat", "safe"]),
)
def test_random_requests_are_refused(query: dict[str, str], body: bytes, mode: str) -> None:
    with pytest.raises((Forged, Malformed)):
        open_push(replace(KEYS, mode=mode), query, body, now=NOW)


@THOROUGH
@given(text=st.text(st.characters(exclude_categories=["Cs"])), nonce=SOME_ID)
def test_what_is_sealed_is_opened(text: str, nonce: str) -> None:
    reply = seal(KEYS, text, now=NOW, nonce=nonce)
    nodes = {node.tag: node.text or "" for node in ElementTree.fromstring(reply)}  # noqa: S314 our own
    query = {
        "encrypt_type": "aes",
        "timestamp": nodes["TimeStamp"],
        "nonce": nodes["Nonce"],
        "msg_signature": nodes["MsgSignature"],
    }
    assert open_push(KEYS, query, reply.encode(), now=NOW).xml == text.encode()


EVENT = parse(f"<xml>{write(frame('event:subscribe'), lines=False)}</xml>".encode())


def as_read(text: str) -> str:
    """Give a text as any reader of XML gives it: without what XML cannot hold, lines ended one way."""
    held = re.sub("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
    return held.replace("\r\n", "\n").replace("\r", "\n")


@THOROUGH
@given(text=st.text(), pieces=st.lists(st.sampled_from(["]", "]]", ">", "]]>", "<![CDATA[", "&", "\x00"])))
def test_any_text_of_a_reply_is_read_by_another_parser(text: str, pieces: list[str]) -> None:
    text += "".join(pieces)
    for reply, path in (
        (TextReply(text), "Content"),
        (VideoReply("m", text), "Video/Title"),
        (NewsReply([Card("t", text, "u", "u")]), "Articles/item/Description"),
    ):
        answer = ElementTree.fromstring(render(reply, EVENT, now=NOW))  # noqa: S314 our own
        assert (answer.findtext(path) or "") == as_read(text)


def spoil(good: bytes) -> bytes:
    """Change, cut, double or move some bytes of a good body. pytest-randomly names the seed."""
    begin, end = sorted(random.randrange(len(good) + 1) for _ in range(2))
    piece = good[begin:end]
    return random.choice(
        [
            good[:begin],
            good[end:],
            good[:begin] + random.randbytes(end - begin) + good[end:],
            good[:begin] + piece * 2 + good[end:],
            good[:begin] + good[end:] + piece,
            good[:begin] + bytes([random.randrange(256)]) + good[begin + 1 :],
        ]
    )


def test_no_spoilt_encrypted_push_is_anything_but_refused_or_the_same() -> None:
    """The signature of a good push lets nothing else in, neither another content nor another error."""
    count = 30_000
    good = f"<xml>{write(frame('text') | {'Content': '你好'}, lines=True)}</xml>".encode()
    body = seal(KEYS, good.decode(), now=NOW, nonce=QUERY["nonce"]).encode()
    signature = ElementTree.fromstring(body).findtext("MsgSignature") or ""  # noqa: S314 our own
    query = QUERY | {"encrypt_type": "aes", "msg_signature": signature}
    assert open_push(KEYS, query, body, now=NOW).xml == good
    refused = 0
    for _ in range(count):
        try:
            assert open_push(KEYS, query, spoil(body), now=NOW).xml == good
        except (Forged, Malformed):
            refused += 1
        read_or_refused(spoil(good))
    assert refused > count // 2
