"""What the answer to a push carries (WeChat §1), read again by a parser that is not ours."""

from __future__ import annotations

import datetime as dt
from typing import Any
from xml.etree import ElementTree

import pytest

from engage.wechat.messages import Message, parse
from engage.wechat.replies import (
    Card,
    ImageReply,
    MusicReply,
    NewsReply,
    Reply,
    TextReply,
    TransferToAgents,
    VideoReply,
    VoiceReply,
    render,
)

NOW = dt.datetime(2026, 11, 22, 8, 0, 0, 900_000, tzinfo=dt.UTC)
FRAME = (
    "<ToUserName>gh_1</ToUserName><FromUserName>openid-1</FromUserName><CreateTime>1481013459</CreateTime>"
)
MESSAGE = parse(f"<xml>{FRAME}<MsgType>text</MsgType><Content>a</Content><MsgId>1</MsgId></xml>".encode())
EVENT = parse(f"<xml>{FRAME}<MsgType>event</MsgType><Event>subscribe</Event></xml>".encode())
CARD = Card("标题", "说明", "http://a/1.png?b=1&c=2", "http://a/?b=1&c=2")
CARD_NODES = [
    ("Title", "标题"),
    ("Description", "说明"),
    ("PicUrl", "http://a/1.png?b=1&c=2"),
    ("Url", "http://a/?b=1&c=2"),
]


def written(reply: Reply, message: Message = EVENT) -> list[tuple[str, Any]]:
    """Give the nodes of a reply in their order, those inside as lists again."""

    def nodes(of: ElementTree.Element) -> list[tuple[str, Any]]:
        return [(node.tag, nodes(node) if len(node) else node.text or "") for node in of]

    return nodes(ElementTree.fromstring(render(reply, message, now=NOW)))  # noqa: S314 our own


@pytest.mark.parametrize(
    ("reply", "kind", "nodes"),
    [
        (
            TextReply("两行\n<a href='http://a/?b&c'>预约</a>"),
            "text",
            [("Content", "两行\n<a href='http://a/?b&c'>预约</a>")],
        ),
        (ImageReply("m-1"), "image", [("Image", [("MediaId", "m-1")])]),
        (VoiceReply("m-1"), "voice", [("Voice", [("MediaId", "m-1")])]),
        (VideoReply("m-1"), "video", [("Video", [("MediaId", "m-1")])]),
        (
            VideoReply("m-1", "片名", "说明"),
            "video",
            [("Video", [("MediaId", "m-1"), ("Title", "片名"), ("Description", "说明")])],
        ),
        (MusicReply("t-1"), "music", [("Music", [("ThumbMediaId", "t-1")])]),
        (
            MusicReply("t-1", "http://a", "http://b", "曲名", "说明"),
            "music",
            [
                (
                    "Music",
                    [
                        ("Title", "曲名"),
                        ("Description", "说明"),
                        ("MusicUrl", "http://a"),
                        ("HQMusicUrl", "http://b"),
                        ("ThumbMediaId", "t-1"),
                    ],
                )
            ],
        ),
        (
            NewsReply([CARD, CARD]),
            "news",
            [("ArticleCount", "2"), ("Articles", [("item", CARD_NODES), ("item", CARD_NODES)])],
        ),
        (TransferToAgents(), "transfer_customer_service", []),
        (
            TransferToAgents("test1@test"),
            "transfer_customer_service",
            [("TransInfo", [("KfAccount", "test1@test")])],
        ),
    ],
)
def test_each_kind_is_written(reply: Reply, kind: str, nodes: list[tuple[str, Any]]) -> None:
    assert written(reply) == [
        ("ToUserName", "openid-1"),
        ("FromUserName", "gh_1"),
        ("CreateTime", str(int(NOW.timestamp()))),
        ("MsgType", kind),
        *nodes,
    ]


@pytest.mark.parametrize("text", ["]]>", "a]]>b]]>", "<![CDATA[x]]>", "&lt;", "😀", "长" * 5000, ""])
def test_any_text_arrives_whole(text: str) -> None:
    assert ("Content", text) in written(TextReply(text))
    assert ("Video", [("MediaId", "m"), ("Title", f"x{text}")]) in written(VideoReply("m", f"x{text}"))


def test_a_message_is_answered_with_one_article_and_an_event_with_eight() -> None:
    assert ("ArticleCount", "1") in written(NewsReply([CARD]), MESSAGE)
    assert ("ArticleCount", "8") in written(NewsReply([CARD] * 8), EVENT)


@pytest.mark.parametrize(("count", "message"), [(0, EVENT), (0, MESSAGE), (2, MESSAGE), (9, EVENT)])
def test_other_counts_of_articles_are_refused(count: int, message: Message) -> None:
    with pytest.raises(ValueError, match=f"not {count}"):
        render(NewsReply([CARD] * count), message, now=NOW)
