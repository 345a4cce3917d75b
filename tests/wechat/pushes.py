"""Pushes as WeChat sends them: signed and encrypted by the sandbox's own code, not by Engage's."""

from __future__ import annotations

import itertools
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from engage.accounts import services as accounts
from engage.accounts.services import NewPush
from engage.kernel import clock
from engage.kernel.db import Session
from sandbox import crypto
from tests.booking.scenes import AES_KEY
from tests.conftest import Chain

TOKEN = "token"
ids = itertools.count(1)


def message(openid: str = "openid-new", kind: str = "text", rest: str | None = None, at: int = 0) -> bytes:
    """Write a message with an id of its own."""
    rest = f"<Content>hi</Content><MsgId>{next(ids)}</MsgId>" if rest is None else rest
    return (
        f"<xml><ToUserName>gh_1</ToUserName><FromUserName>{openid}</FromUserName>"
        f"<CreateTime>{at or int(time.time())}</CreateTime><MsgType>{kind}</MsgType>{rest}</xml>"
    ).encode()


def event(name: str, openid: str = "openid-new", rest: str = "", at: int = 0) -> bytes:
    """Write an event."""
    return message(openid, "event", f"<Event>{name}</Event>{rest}", at)


def keep(session: Session, push: NewPush, *, reply: str = "") -> int:
    """Keep a push in the journal as one that is done with; gives its id."""
    now = clock.now()
    values = accounts.values_of(push, now=now, reply=reply, handled_at=now)
    return session.execute(accounts.keeping(after=None), values).scalar_one()


@dataclass(frozen=True)
class Signed:
    """A push ready to be sent, the same bytes each time."""

    path: str
    query: dict[str, str]
    body: bytes

    def send(self, client: FlaskClient, **more: Any) -> TestResponse:
        """Send it."""
        return client.post(self.path, query_string=self.query, data=self.body, **more)


@dataclass(frozen=True)
class Sender:
    """WeChat, as far as one account is concerned."""

    chain: Chain
    mode: str = "plain"
    token: str = TOKEN
    key: str = AES_KEY
    app_id: str = ""
    more: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Where the account's pushes go."""
        return f"/hooks/wechat/wx-{self.chain.slug}"

    def sign(self, xml: bytes, *, at: float | None = None, nonce: str | None = None) -> Signed:
        """Sign and encrypt a push by the mode (WeChat §1)."""
        timestamp, nonce = str(int(at or time.time())), nonce or uuid.uuid4().hex
        query = {"signature": crypto.signature(self.token, timestamp, nonce)}
        query |= {"timestamp": timestamp, "nonce": nonce, **self.more}
        if self.mode == "plain":
            return Signed(self.path, query, xml)
        sealed = crypto.encrypt(self.key, self.app_id or f"wx-{self.chain.slug}", xml.decode())
        query |= {
            "encrypt_type": "aes",
            "msg_signature": crypto.signature(self.token, timestamp, nonce, sealed),
        }
        node = f"<Encrypt><![CDATA[{sealed}]]></Encrypt>"
        if self.mode == "safe":
            body = f"<xml><ToUserName>gh_1</ToUserName>{node}</xml>"
        else:
            body = xml.decode().replace("</xml>", f"{node}</xml>")
        return Signed(self.path, query, body.encode())
