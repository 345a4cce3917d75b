"""What the answer to a push can carry (WeChat §1, passive reply)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from engage.wechat.messages import Message
from engage.wechat.xml import cdata

ARTICLES_FOR_AN_EVENT = 8
ARTICLES_FOR_A_MESSAGE = 1


@dataclass(frozen=True, slots=True)
class TextReply:
    """Words."""

    content: str


@dataclass(frozen=True, slots=True)
class ImageReply:
    """A picture; WeChat takes no GIF."""

    media_id: str


@dataclass(frozen=True, slots=True)
class VoiceReply:
    """Speech."""

    media_id: str


@dataclass(frozen=True, slots=True)
class VideoReply:
    """A film."""

    media_id: str
    title: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class MusicReply:
    """A piece of music with a picture."""

    thumb_media_id: str
    music_url: str = ""
    high_quality_url: str = ""
    title: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """An article of a news reply."""

    title: str
    description: str
    picture_url: str
    url: str


@dataclass(frozen=True, slots=True)
class NewsReply:
    """Articles: up to eight for an event, one for a message."""

    articles: Sequence[Card]


@dataclass(frozen=True, slots=True)
class TransferToAgents:
    """Hand the message to WeChat's own agents: whoever is free, or one of them."""

    kf_account: str | None = None


Reply: TypeAlias = (
    TextReply | ImageReply | VoiceReply | VideoReply | MusicReply | NewsReply | TransferToAgents
)


def render(reply: Reply, message: Message, *, now: dt.datetime) -> str:
    """Write the XML that answers a push, back to where it came from.

    Raises:
        ValueError: no article, or more than WeChat takes.
    """
    kind, nodes = _body(reply, message)
    return (
        "<xml>"
        f"{_node('ToUserName', message.openid)}"
        f"{_node('FromUserName', message.account)}"
        f"<CreateTime>{int(now.timestamp())}</CreateTime>"
        f"{_node('MsgType', kind)}{nodes}"
        "</xml>"
    )


def _body(reply: Reply, message: Message) -> tuple[str, str]:
    """Give the reply's MsgType and its own nodes."""
    match reply:
        case TextReply(content):
            return "text", _node("Content", content)
        case ImageReply(media_id):
            return "image", _around("Image", MediaId=media_id)
        case VoiceReply(media_id):
            return "voice", _around("Voice", MediaId=media_id)
        case VideoReply():
            return "video", _video(reply)
        case MusicReply():
            return "music", _music(reply)
        case NewsReply(articles):
            return "news", _news(articles, message)
    return "transfer_customer_service", _around("TransInfo", KfAccount=reply.kf_account or "")


def _video(reply: VideoReply) -> str:
    return _around("Video", MediaId=reply.media_id, Title=reply.title, Description=reply.description)


def _music(reply: MusicReply) -> str:
    return _around(
        "Music",
        Title=reply.title,
        Description=reply.description,
        MusicUrl=reply.music_url,
        HQMusicUrl=reply.high_quality_url,
        ThumbMediaId=reply.thumb_media_id,
    )


def _news(articles: Sequence[Card], message: Message) -> str:
    most = ARTICLES_FOR_AN_EVENT if message.is_event else ARTICLES_FOR_A_MESSAGE
    if not 1 <= len(articles) <= most:
        raise ValueError(f"WeChat takes 1 to {most} articles here, not {len(articles)}")
    items = "".join(
        "<item>"
        f"{_node('Title', card.title)}{_node('Description', card.description)}"
        f"{_node('PicUrl', card.picture_url)}{_node('Url', card.url)}"
        "</item>"
        for card in articles
    )
    return f"<ArticleCount>{len(articles)}</ArticleCount><Articles>{items}</Articles>"


def _around(name: str, **texts: str) -> str:
    """Write a node of texts without the empty ones; none at all if all are empty."""
    inner = "".join(_node(inner_name, text) for inner_name, text in texts.items() if text)
    return f"<{name}>{inner}</{name}>" if inner else ""


def _node(name: str, text: str) -> str:
    return f"<{name}>{cdata(text)}</{name}>"
