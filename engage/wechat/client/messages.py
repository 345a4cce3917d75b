"""Sending messages, files and menus."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, assert_never

from engage.wechat.answers import Media
from engage.wechat.client.base import Calls
from engage.wechat.client.transport import understood
from engage.wechat.gateway import MAX_DOWNLOAD, Buttons, Credentials, MediaKind, WeChatUnreachable
from engage.wechat.outgoing import (
    Content,
    Image,
    Menu,
    MiniProgramPage,
    Music,
    News,
    Text,
    Video,
    Voice,
)


class MessageCalls(Calls):
    """Messages (WeChat §3, §4) and the files in them (§10); each call as `Gateway` describes it."""

    def send_template(
        self,
        account: Credentials,
        *,
        openid: str,
        template_id: str,
        fields: dict[str, str],
        url: str,
        client_msg_id: str,
    ) -> int:
        body = {
            "touser": openid,
            "template_id": template_id,
            "url": url,
            "client_msg_id": client_msg_id,
            "data": {key: {"value": value} for key, value in fields.items()},
        }
        answer = self._client(account).post("message/template/send", data=body)
        with understood():
            return int(answer["msgid"])

    def send_custom(
        self, account: Credentials, *, openid: str, message: Content, kf_account: str | None = None
    ) -> None:
        kind, content = _written(message)
        body: dict[str, Any] = {"touser": openid, "msgtype": kind, kind: content}
        if kf_account:
            body["customservice"] = {"kf_account": kf_account}
        answer = self._client(account).post("message/custom/send", data=body)
        if "errcode" not in answer:  # an answer of WeChat's would say 0
            raise WeChatUnreachable("no errcode in the answer")

    def show_typing(self, account: Credentials, *, openid: str, is_typing: bool) -> None:
        body = {"touser": openid, "command": "Typing" if is_typing else "CancelTyping"}
        self._client(account).post("message/custom/typing", data=body)

    def upload_media(self, account: Credentials, *, kind: MediaKind, content: bytes, name: str) -> str:
        answer = self._client(account).media.upload(kind, (_plain(name, kind), content))
        with understood():
            return str(answer.get("media_id") or answer["thumb_media_id"])

    def download_media(self, account: Credentials, media_id: str, *, limit: int = MAX_DOWNLOAD) -> Media:
        answer = self._client(account).get("media/get", params={"media_id": media_id}, limit=limit)
        with understood():
            if "video_url" in answer:
                return Media(b"", "", str(answer["video_url"]))
            return Media(answer["content"], answer["content_type"])

    def upload_image(self, account: Credentials, *, content: bytes, name: str) -> str:
        return str(self._client(account).media.upload_image((_plain(name, "image"), content)))


class MenuCalls(Calls):
    """The menu under the chat (WeChat §7); each call as `Gateway` describes it."""

    def publish_menu(self, account: Credentials, buttons: Buttons) -> None:
        self._client(account).menu.create({"button": list(buttons)})

    def current_menu(self, account: Credentials) -> Mapping[str, Any]:
        return dict(self._client(account).menu.get_menu_info())

    def delete_menu(self, account: Credentials) -> None:
        self._client(account).menu.delete()

    def add_conditional_menu(
        self,
        account: Credentials,
        buttons: Buttons,
        *,
        tag_id: int | None = None,
        platform: int | None = None,
    ) -> str:
        rule = {"tag_id": tag_id, "client_platform_type": platform}
        wanted = {name: str(value) for name, value in rule.items() if value is not None}
        answer = self._client(account).menu.add_conditional({"button": list(buttons), "matchrule": wanted})
        with understood():
            return str(answer["menuid"])

    def delete_conditional_menu(self, account: Credentials, menu_id: str) -> None:
        self._client(account).menu.del_conditional(menu_id)


def _plain(name: str, kind: str) -> str:
    """Give an ASCII name with the file's ending: any other is sent in a form WeChat refuses (WeChat §10)."""
    ending = PurePath(name).suffix
    return f"{kind}{ending}" if ending.isascii() else kind


def _written(message: Content) -> tuple[str, dict[str, Any]]:
    """Give a message's type and its part of the body (WeChat §3)."""
    match message:
        case Text():
            return "text", {"content": message.content}
        case Image():
            return "image", {"media_id": message.media_id}
        case Voice():
            return "voice", {"media_id": message.media_id}
        case Video():
            return "video", {
                "media_id": message.media_id,
                "thumb_media_id": message.thumb_media_id,
                "title": message.title,
                "description": message.description,
            }
        case Music():
            return "music", {
                "title": message.title,
                "description": message.description,
                "musicurl": message.url,
                "hqmusicurl": message.high_quality_url or message.url,
                "thumb_media_id": message.thumb_media_id,
            }
        case News():
            article = {
                "title": message.title,
                "description": message.description,
                "url": message.url,
                "picurl": message.picture_url,
            }
            return "news", {"articles": [article]}
        case Menu():
            items = [{"id": item_id, "content": words} for item_id, words in message.items]
            return "msgmenu", {"head_content": message.head, "list": items, "tail_content": message.tail}
        case MiniProgramPage():
            return "miniprogrampage", {
                "title": message.title,
                "appid": message.app_id,
                "pagepath": message.path,
                "thumb_media_id": message.thumb_media_id,
            }
        case _:
            assert_never(message)
