"""What an account sends of its own accord, checked, as the phone shows it (WeChat §3)."""

from collections.abc import Callable
from typing import Any

from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.accounts import Account
from sandbox.state.media import Media

LONGEST_TEXT = 2048  # bytes
Content = dict[str, Any]


def check(account: Account, msgtype: str, content: Content) -> Content:
    """The inbox body of a customer-service message: its content, with addresses of its media added.

    Raises:
        WeChatError: 40008 unknown type, else the code of what is wrong with the content.
    """
    if msgtype not in CHECKS:
        raise WeChatError(40008)
    return CHECKS[msgtype](account, content)


def _text(_account: Account, content: Content) -> Content:
    text = content.get("content")
    if not isinstance(text, str) or not text:
        raise WeChatError(44004)
    if len(text.encode()) > LONGEST_TEXT:
        raise WeChatError(45002)
    return {"content": text}


def _image(account: Account, content: Content) -> Content:
    return _with_url(_media(account, content, "media_id", "image"))


def _voice(account: Account, content: Content) -> Content:
    return _with_url(_media(account, content, "media_id", "voice"))


def _video(account: Account, content: Content) -> Content:
    film = _media(account, content, "media_id", "video")
    return {**_with_url(film), **_with_thumb(account, content), **_strings(content, "title", "description")}


def _music(account: Account, content: Content) -> Content:
    _need(content, "musicurl")
    return {
        **_with_thumb(account, content),
        **_strings(content, "title", "description", "musicurl", "hqmusicurl"),
    }


def _news(_account: Account, content: Content) -> Content:
    articles = content.get("articles")
    if not isinstance(articles, list) or len(articles) != 1 or not isinstance(articles[0], dict):
        raise WeChatError(45008)
    (article,) = articles
    _need(article, "title")
    return {"articles": [_strings(article, "title", "description", "url", "picurl")]}


def _mpnews(_account: Account, _content: Content) -> Content:
    # Drafts replaced the material that this type sends: no media_id of it can exist any more.
    raise WeChatError(40007)


def _mpnewsarticle(_account: Account, _content: Content) -> Content:
    # Nothing can be published yet: no article_id exists.
    raise WeChatError(53600)


def _msgmenu(account: Account, content: Content) -> Content:
    if account.kind == "test":
        raise WeChatError(40200)
    items = content.get("list")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise WeChatError(40035)
    for item in items:
        _need(item, "id", "content")
    shown = [{"id": str(item["id"]), "content": str(item["content"])} for item in items]
    return {**_strings(content, "head_content", "tail_content"), "list": shown}


def _wxcard(_account: Account, content: Content) -> Content:
    _need(content, "card_id")
    return _strings(content, "card_id")


def _miniprogrampage(account: Account, content: Content) -> Content:
    _need(content, "title", "appid", "pagepath")
    return {**_with_thumb(account, content), **_strings(content, "title", "appid", "pagepath")}


CHECKS: dict[str, Callable[[Account, Content], Content]] = {
    "text": _text,
    "image": _image,
    "voice": _voice,
    "video": _video,
    "music": _music,
    "news": _news,
    "mpnews": _mpnews,
    "mpnewsarticle": _mpnewsarticle,
    "msgmenu": _msgmenu,
    "wxcard": _wxcard,
    "miniprogrampage": _miniprogrampage,
}


def _media(account: Account, content: Content, key: str, *types: str) -> Media:
    media = state().media.usable(account.appid, content.get(key), *types)
    if media is None:
        raise WeChatError(40007)
    return media


def _with_url(media: Media) -> Content:
    return {"media_id": media.media_id, "url": media.path}


def _with_thumb(account: Account, content: Content) -> Content:
    thumb = _media(account, content, "thumb_media_id", "thumb", "image")
    return {"thumb_media_id": thumb.media_id, "thumb_url": thumb.path}


def _need(content: Content, *keys: str) -> None:
    if any(not content.get(key) for key in keys):
        raise WeChatError(40035)


def _strings(content: Content, *keys: str) -> dict[str, str]:
    return {key: str(content.get(key) or "") for key in keys}
