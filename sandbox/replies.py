"""What a server answers to a push, read as WeChat reads it (WeChat §1, Passive reply)."""

from dataclasses import dataclass
from typing import Any

from sandbox import crypto, xml
from sandbox.state.accounts import Account
from sandbox.state.media import Media, MediaShelf

NEWS_TO_MESSAGE = 1  # articles allowed in reply to a message; to an event more
NEWS_TO_EVENT = 8


class BadReply(ValueError):
    """Not a reply that WeChat accepts: the person is told that the account is unavailable."""


@dataclass(frozen=True)
class Reply:
    """A passive reply, ready for the inbox."""

    msgtype: str
    body: dict[str, Any]


def read(
    account: Account, openid: str, answer: bytes, *, to_message: bool, shelf: MediaShelf
) -> Reply | None:
    """The reply in an HTTP answer; None for `success` or an empty body.

    Raises:
        BadReply: no XML, an envelope that does not open, wrong addressee, too many articles, or media
            that the account does not have.
    """
    try:
        text = answer.decode().strip()
    except UnicodeDecodeError as error:
        raise BadReply("the answer is not UTF-8") from error
    if text in ("", "success"):
        return None
    nodes = _parse(text)
    if "Encrypt" in nodes and account.mode != "plain":
        nodes = _parse(_open(account, nodes))
    elif account.mode == "safe":
        raise BadReply("safe mode wants an encrypted reply")
    if nodes.get("ToUserName") != openid or nodes.get("FromUserName") != account.username:
        raise BadReply("ToUserName and FromUserName are not those of the push, swapped")
    reader = _Reader(account, shelf, NEWS_TO_MESSAGE if to_message else NEWS_TO_EVENT)
    return reader.read(nodes)


def _parse(text: str) -> dict[str, Any]:
    try:
        return xml.parse(text)
    except xml.BadXml as error:
        raise BadReply(f"the answer is not XML: {error}") from error


def _open(account: Account, nodes: dict[str, Any]) -> str:
    envelope = str(nodes["Encrypt"])
    signed = crypto.signature(
        account.token, str(nodes.get("TimeStamp", "")), str(nodes.get("Nonce", "")), envelope
    )
    if nodes.get("MsgSignature") != signed:
        raise BadReply("MsgSignature is wrong")
    try:
        return crypto.decrypt(account.encoding_aes_key, account.appid, envelope)
    except crypto.BadEnvelope as error:
        raise BadReply(str(error)) from error


@dataclass(frozen=True)
class _Reader:
    """Reads the nodes of a reply into what the phone shows."""

    account: Account
    shelf: MediaShelf
    most_articles: int

    def read(self, nodes: dict[str, Any]) -> Reply:
        msgtype = str(nodes.get("MsgType", ""))
        kinds = {
            "text": self._text,
            "image": self._image,
            "voice": self._voice,
            "video": self._video,
            "music": self._music,
            "news": self._news,
            "transfer_customer_service": self._transfer,
        }
        if msgtype not in kinds:
            raise BadReply(f"unknown MsgType {msgtype!r}")
        try:
            return Reply(msgtype, kinds[msgtype](nodes))
        except (KeyError, TypeError, AttributeError) as error:
            raise BadReply(f"the {msgtype} reply lacks a node: {error}") from error

    def _text(self, nodes: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(nodes["Content"], str):
            raise BadReply("the Content of a text reply holds other nodes")
        return {"content": nodes["Content"]}

    def _image(self, nodes: dict[str, Any]) -> dict[str, Any]:
        picture = self._media(nodes["Image"]["MediaId"], "image")
        if picture.mime == "image/gif":
            raise BadReply("an image reply may be no gif")
        return {"media_id": picture.media_id, "url": picture.path}

    def _voice(self, nodes: dict[str, Any]) -> dict[str, Any]:
        sound = self._media(nodes["Voice"]["MediaId"], "voice")
        return {"media_id": sound.media_id, "url": sound.path}

    def _video(self, nodes: dict[str, Any]) -> dict[str, Any]:
        film = self._media(nodes["Video"]["MediaId"], "video")
        texts = {key.lower(): nodes["Video"].get(key, "") for key in ("Title", "Description")}
        return {"media_id": film.media_id, "url": film.path, **texts}

    def _music(self, nodes: dict[str, Any]) -> dict[str, Any]:
        thumb = self._media(nodes["Music"]["ThumbMediaId"], "thumb", "image")
        names = ("Title", "Description", "MusicUrl", "HQMusicUrl")
        texts = {key.lower(): nodes["Music"].get(key, "") for key in names}
        return {**texts, "thumb_media_id": thumb.media_id, "thumb_url": thumb.path}

    def _news(self, nodes: dict[str, Any]) -> dict[str, Any]:
        articles = [{key.lower(): value for key, value in item.items()} for item in nodes["Articles"]]
        if not articles or len(articles) > self.most_articles:
            raise BadReply(f"{len(articles)} articles, allowed are 1 to {self.most_articles}")
        return {"articles": articles}

    def _transfer(self, nodes: dict[str, Any]) -> dict[str, Any]:
        worker = nodes.get("TransInfo") or {}
        return {"kf_account": worker["KfAccount"]} if worker else {}

    def _media(self, media_id: object, *types: str) -> Media:
        media = self.shelf.usable(self.account.appid, media_id, *types)
        if media is None:
            raise BadReply(f"no {types[0]} has the MediaId {media_id!r}")
        return media
