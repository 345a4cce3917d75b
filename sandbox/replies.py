"""What a server answers to a push, read as WeChat reads it (WeChat §1, Passive reply)."""

from dataclasses import dataclass
from typing import Any

from sandbox import crypto, xml
from sandbox.state.accounts import Account

NEWS_TO_MESSAGE = 1  # articles allowed in reply to a message; to an event more
NEWS_TO_EVENT = 8


class BadReply(ValueError):
    """Not a reply that WeChat accepts: the person is told that the account is unavailable."""


@dataclass(frozen=True)
class Reply:
    """A passive reply, ready for the inbox."""

    msgtype: str
    body: dict[str, Any]


def read(account: Account, openid: str, answer: bytes, *, to_message: bool) -> Reply | None:
    """The reply in an HTTP answer; None for `success` or an empty body.

    Raises:
        BadReply: no XML, an envelope that does not open, wrong addressee, or too many articles.
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
    return _read_nodes(nodes, most_articles=NEWS_TO_MESSAGE if to_message else NEWS_TO_EVENT)


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


def _read_nodes(nodes: dict[str, Any], *, most_articles: int) -> Reply:
    msgtype = str(nodes.get("MsgType", ""))
    try:
        if msgtype == "text":
            return Reply(msgtype, {"content": nodes["Content"]})
        if msgtype in ("image", "voice"):
            return Reply(msgtype, {"media_id": nodes[msgtype.title()]["MediaId"]})
        if msgtype in ("video", "music"):
            return Reply(msgtype, {key.lower(): value for key, value in nodes[msgtype.title()].items()})
        if msgtype == "news":
            articles = [{key.lower(): value for key, value in item.items()} for item in nodes["Articles"]]
            if not articles or len(articles) > most_articles:
                raise BadReply(f"{len(articles)} articles, allowed are 1 to {most_articles}")
            return Reply(msgtype, {"articles": articles})
        if msgtype == "transfer_customer_service":
            return Reply(msgtype, {})
    except (KeyError, TypeError, AttributeError) as error:
        raise BadReply(f"the {msgtype} reply lacks a node: {error}") from error
    raise BadReply(f"unknown MsgType {msgtype!r}")
