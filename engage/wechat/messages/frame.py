"""The frame of a push (WeChat §1): who, when, of what kind, and what makes copies of it equal."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engage.kernel.errors import Malformed
from engage.wechat import xml
from engage.wechat.messages import contents, kinds
from engage.wechat.messages.contents import Content
from engage.wechat.xml import Node, Nodes

# Longer ones than WeChat's would not fit an index.
NAME = re.compile(r"[^\s:]{1,64}")

# Events whose sender is WeChat, or whose news concern what was sent and not what the person did.
NOT_FROM_A_PERSON = frozenset(
    {
        "templatesendjobfinish",
        "masssendjobfinish",
        "publishjobfinish",
        "user_info_modified",
        "user_authorization_revoke",
        "user_authorization_cancellation",
        "qualification_verify_success",
        "qualification_verify_fail",
        "naming_verify_success",
        "naming_verify_fail",
        "annual_renew",
        "verify_expired",
    }
)


@dataclass(frozen=True, slots=True)
class Message:
    """A pushed message or event; `kind` is the message type, or `event:` with the event's name as sent."""

    openid: str
    account: str
    kind: str
    created_at: dt.datetime
    content: Content
    fields: Mapping[str, Any]

    @property
    def key(self) -> str:
        """What makes copies of one push equal: MsgId of messages; person, second, event of events.

        A digest, since an event's key may be longer than an index takes. Two persons may have the
        same MsgId, and two events of a person the same second.
        """
        if self.is_event:
            names = ("CreateTime", "EventKey", "MsgID")
            parts = [self.kind, self.openid, *(_line(self.fields.get(name, "")) for name in names)]
            parts += _inner_ids(self.content)
        elif msg_id := _line(self.fields.get("MsgId", "")):
            parts = ["message", self.openid, msg_id]
        else:
            parts = ["message without an id", json.dumps(self.fields, sort_keys=True)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def is_event(self) -> bool:
        """Whether it is an event, as opposed to something the person wrote."""
        return self.kind.startswith("event:")

    @property
    def is_from_a_person(self) -> bool:
        """Whether `openid` is a person who did something: of some events WeChat is the sender.

        Of events that are not known, nobody can tell.
        """
        if not self.is_event:
            return True
        name = self.kind.removeprefix("event:").lower()
        return name not in NOT_FROM_A_PERSON and not isinstance(self.content, contents.Unknown)


def parse(body: bytes) -> Message:
    """Read the XML of a push. What is not known, or known in another shape, is kept as `Unknown`.

    Raises:
        Malformed: not XML of WeChat's shape: sender, receiver, time or type are missing.
    """
    fields = xml.read(body)
    kind = _name(fields, "MsgType")
    if kind == "event":
        kind = f"event:{_name(fields, 'Event')}"
    return Message(
        openid=_name(fields, "FromUserName"),
        account=_name(fields, "ToUserName"),
        kind=kind,
        created_at=_created_at(fields),
        content=kinds.content(kind, fields),
        fields=fields,
    )


def _name(fields: Nodes, name: str) -> str:
    value = _line(fields.get(name, ""))
    if not NAME.fullmatch(value):
        raise Malformed
    return value


def _created_at(fields: Nodes) -> dt.datetime:
    try:
        return kinds.seconds(fields, "CreateTime")
    except kinds.Unfit as error:
        raise Malformed from error


def _inner_ids(content: Content) -> list[str]:
    """Give the ids of events that carry them further inside: two of one second are two."""
    match content:
        case contents.Published(publish_id=publish_id):
            return [publish_id]
        case contents.NoticeSent(results=results):
            return [str(result.msg_id) for result in results]
        case contents.NoticePopup() | contents.NoticeChanged():
            return [repr(content)]
    return []


def _line(value: Node) -> str:
    return value.strip() if isinstance(value, str) else ""
