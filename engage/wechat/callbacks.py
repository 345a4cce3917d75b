"""Reading what WeChat pushes (WeChat §1): checking the signature, parsing, naming, answering."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict

from engage.kernel.errors import N_, DomainError, Malformed

MAX_BODY = 64 * 1024
FRESH = dt.timedelta(minutes=5)
RECEIPT_EVENTS = frozenset({"TEMPLATESENDJOBFINISH"})


class Forged(DomainError):
    """The signature does not fit, or the time stamp is stale."""

    code = "forged"
    status = 403
    title = N_("The signature does not fit.")


@dataclass(frozen=True, slots=True)
class Message:
    """A pushed message or event; `kind` is the message type, or `event:` with the event's name."""

    openid: str
    account: str
    kind: str
    created_at: dt.datetime
    fields: Mapping[str, Any]

    @property
    def key(self) -> str:
        """What makes copies of one push equal: MsgId of messages; person, second, event of events.

        A digest, since an event's key may be longer than an index takes.
        """
        if self.is_event:
            names = ("CreateTime", "EventKey", "MsgID")
            parts = [self.kind, self.openid, *(str(self.fields.get(name) or "") for name in names)]
        else:
            parts = ["message", self.openid, _text(self.fields, "MsgId")]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def is_from_a_person(self) -> bool:
        """Whether `openid` is a person: of events about the account itself, WeChat is the sender."""
        about_the_account = ("JOBFINISH", "_verify_success", "_verify_fail", "annual_renew", "verify_expired")
        return not (self.is_event and self.kind.endswith(about_the_account))

    @property
    def is_event(self) -> bool:
        """Whether it is an event, as opposed to something the person wrote."""
        return self.kind.startswith("event:")

    @property
    def is_receipt(self) -> bool:
        """Whether it tells what became of a message that was sent."""
        return self.kind.removeprefix("event:") in RECEIPT_EVENTS


def check(*, token: str, signature: str, timestamp: str, nonce: str, now: dt.datetime) -> None:
    """Check that a request comes from WeChat and is fresh. `now` is real time, never moved.

    Raises:
        Forged: wrong signature, or a time stamp more than five minutes away.
    """
    expected = sign(token=token, timestamp=timestamp, nonce=nonce)
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise Forged
    if not timestamp.isdecimal() or abs(now.timestamp() - int(timestamp[:12])) > FRESH.total_seconds():
        raise Forged


def sign(*, token: str, timestamp: str, nonce: str) -> str:
    """Give the SHA-1 of the sorted parts, in hex."""
    return hashlib.sha1("".join(sorted((token, timestamp, nonce))).encode()).hexdigest()  # noqa: S324 WeChat's choice


def parse(body: bytes) -> Message:
    """Read a push in plain mode.

    Raises:
        Malformed: not XML of WeChat's shape, or with a document type (entities are not expanded).
    """
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise Malformed
    try:
        tree = xmltodict.parse(body, disable_entities=True)
    except (ExpatError, LookupError, ValueError, RecursionError) as error:
        raise Malformed from error
    fields: object = tree.get("xml")
    if not isinstance(fields, dict):
        raise Malformed
    created, kind = _text(fields, "CreateTime"), _text(fields, "MsgType")
    if not created.isdecimal() or len(created) > 11:
        raise Malformed
    if kind == "event":
        kind = f"event:{_text(fields, 'Event')}"
    at = dt.datetime.fromtimestamp(int(created), dt.UTC)
    return Message(_text(fields, "FromUserName"), _text(fields, "ToUserName"), kind, at, fields)


def text_reply(message: Message, content: str) -> str:
    """Give the XML that answers a push with text, sent back to the person."""
    return (
        "<xml>"
        f"<ToUserName>{_cdata(message.openid)}</ToUserName>"
        f"<FromUserName>{_cdata(message.account)}</FromUserName>"
        f"<CreateTime>{int(time.time())}</CreateTime>"
        "<MsgType><![CDATA[text]]></MsgType>"
        f"<Content>{_cdata(content)}</Content>"
        "</xml>"
    )


def _cdata(text: str) -> str:
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed
    return value
