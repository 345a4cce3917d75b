"""Conversations come about: what fans wrote is received as the callback does it, replies are really sent."""

from __future__ import annotations

import base64
import datetime as dt
import io
import itertools
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from flask import current_app
from PIL import Image

from engage import config
from engage.accounts import queries as accounts
from engage.chat import queries, services
from engage.chat.services import Picture
from engage.cli.demo import pictures
from engage.cli.demo.sandbox import ask
from engage.cli.demo.talks import FAN, TALKS, Said, said
from engage.inbound import services as inbound
from engage.kernel.db import unit_of_work
from engage.kernel.files import Files
from engage.replies.book import EMPTY
from engage.tenancy import queries as tenancy
from engage.wechat import messages

_KEYS = uuid.UUID("d6c0a0f4-2f5e-4f6b-8c5d-6f5b1f0a7e11")
_SENT_WITHIN = 20.0
_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class House:
    """Where conversations come about: the chain's account, and its fans by their names in the sandbox."""

    tenant_id: int
    zone: str
    slug: str
    app_id: str
    account_id: int
    fans: Mapping[str, int]
    openids: Mapping[str, str]


def converse(settings: config.Config, house: House, *, now: dt.datetime) -> None:
    """Let what is missing of all conversations be said, all of them side by side.

    A reply is out before its fan writes on, so that phones show them in their order.
    """
    talks = [[(fan, number, one) for number, one in enumerate(_said(house, fan, now))] for fan in TALKS]
    for turn in itertools.zip_longest(*talks):
        replies = 0
        for fan, number, one in filter(None, turn):
            key = uuid.uuid5(_KEYS, f"{fan} {number}")
            if one.by == FAN:
                _hear(settings, house, fan, one, key)
            else:
                _reply(house, fan, one, key)
                replies += 1
        if replies:
            _until_sent()


def _said(house: House, fan: str, now: dt.datetime) -> list[Said]:
    return list(said(fan, now, house.zone))


def _hear(settings: config.Config, house: House, fan: str, one: Said, key: uuid.UUID) -> None:
    """Let a fan write: into the chat on the phone, and to us as a push of its day."""
    msg_id, nonce = str(key.int % 10**18), key.hex
    fields = {
        "FromUserName": house.openids[fan],
        "CreateTime": str(int(one.at.timestamp())),
        "MsgType": "text",
        "MsgId": msg_id,
    }
    with unit_of_work() as session:
        probe = messages.parse(_xml({"ToUserName": house.app_id, **fields}))
        push = inbound.arrived(house.account_id, probe, timestamp=msg_id, nonce=nonce, body=b"", xml=b"")
        if accounts.earlier(session, house.account_id, push_key=push.push_key, stamp=push.stamp or ""):
            return
    told = ask(settings, f"/fans/{fan}/send", {"appid": house.app_id, "push": False, **_content(one)})
    body = _xml({**told["pushed"], "CreateTime": fields["CreateTime"], "MsgId": msg_id})
    message = messages.parse(body)
    arrived = inbound.arrived(house.account_id, message, timestamp=msg_id, nonce=nonce, body=body, xml=body)
    inbound.receive(arrived, message, book=EMPTY, now=one.at)


def _reply(house: House, fan: str, one: Said, key: uuid.UUID) -> None:
    picture = _picture(house, one.picture) if one.picture else None
    with unit_of_work() as session:
        author = tenancy.by_login(session, f"{one.by}@{house.slug}")
        conversation_id = queries.of_fan(session, house.fans[fan])
        if author is None or conversation_id is None:
            return
        services.reply(
            session,
            conversation_id,
            text=one.text or None,
            picture=picture,
            key=key,
            seen=queries.locked(session, conversation_id).seq,
            by_staff=author.id,
            now=one.at,
        )


def _content(one: Said) -> dict[str, object]:
    if not one.picture:
        return {"msgtype": "text", "content": one.text}
    return {"msgtype": "image", "file": base64.b64encode(pictures.drawn(one.picture)).decode()}


def _picture(house: House, name: str) -> Picture:
    content = pictures.drawn(name)
    files: Files = current_app.extensions["files"]
    return Picture(files.put(house.tenant_id, content), *Image.open(io.BytesIO(content)).size)


def _until_sent() -> None:
    """Wait until workers have sent what was written; what is left is theirs to send later."""
    until = time.monotonic() + _SENT_WITHIN
    while time.monotonic() < until:
        with unit_of_work() as session:
            if not queries.backlog(session).waiting:
                return
        time.sleep(_PAUSE)


def _xml(fields: Mapping[str, object]) -> bytes:
    nodes = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in fields.items())
    return f"<xml>{nodes}</xml>".encode()
