"""Other people's libraries sign and encrypt pushes that the callback takes, and read its replies (OA-2).

Each library is told the token, the key and the app id, and nothing else of how the envelope is made.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa

from engage.accounts.models import Push
from engage.fans.models import Fan
from engage.kernel.db import tenant_scope, unit_of_work
from engage.wechat import envelope
from tests.booking.scenes import AES_KEY, make_scene
from tests.clients.calling import Library

ENVELOPES = ["wechatpy.crypto", "werobot.crypto", "node-easywechat.crypto", "wechat-crypto"]
SIGNERS = ["werobot.utils", "node-easywechat.crypto", "wechat-crypto"]
WELCOME = "欢迎 <到> 康美 & ]]> 口腔"


def nodes(document: str) -> dict[str, str]:
    """Give tag and text of a flat document."""
    return {node.tag: node.text or "" for node in ElementTree.fromstring(document)}  # noqa: S314 our own XML


@dataclass
class Pushed:
    """A push of somebody's follow, sealed and opened by a library as each of them wants it."""

    library: Library
    kind: str = "event"
    timestamp: str = field(default_factory=lambda: str(int(time.time())))
    nonce: str = field(default_factory=lambda: secrets.token_hex(5))

    @property
    def message(self) -> str:
        """The nodes that WeChat sends of a follow."""
        return (
            "<ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[openid-new]]></FromUserName>"
            f"<CreateTime>{self.timestamp}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
            "<Event><![CDATA[subscribe]]></Event><EventKey></EventKey>"
        )

    def query(self, **signatures: str) -> dict[str, str]:
        """Give the query of the callback's address."""
        if "msg_signature" in signatures:
            signatures["encrypt_type"] = "aes"
        return {"timestamp": self.timestamp, "nonce": self.nonce, **signatures}

    def sealed(self, xml: str = "") -> tuple[str, str]:
        """Give `Encrypt` and its signature as the library makes them, of the message or of other XML."""
        xml = xml or f"<xml>{self.message}</xml>"
        match self.library.name:
            case "wechatpy.crypto":
                made = nodes(self.library.encrypt_message(xml, self.nonce, self.timestamp))
            case "werobot.crypto":
                made = nodes(self.library.encrypt_message(xml, self.timestamp, self.nonce))
            case "node-easywechat.crypto":
                made = nodes(self.library.encrypt(xml, self.nonce, self.timestamp))
            case _:
                encrypted = self.library.encrypt(xml)
                signature = self.library.getSignature(self.timestamp, self.nonce, encrypted)
                return encrypted, signature
        return made["Encrypt"], made["MsgSignature"]

    def opened(self, reply: str) -> str:
        """Give the XML in an encrypted reply, its signature checked by the library."""
        at = nodes(reply)
        signature, timestamp, nonce = at["MsgSignature"], at["TimeStamp"], at["Nonce"]
        match self.library.name:
            case "wechatpy.crypto":
                return str(self.library.decrypt_message(reply, signature, timestamp, nonce))
            case "werobot.crypto":
                return str(self.library.decrypt_message(timestamp, nonce, signature, at["Encrypt"]))
            case "node-easywechat.crypto":
                return str(self.library.decrypt(at["Encrypt"], signature, nonce, timestamp))
            case _:
                assert self.library.getSignature(timestamp, nonce, at["Encrypt"]) == signature
                opened = self.library.decrypt(at["Encrypt"])
                assert opened["id"] == self.library.account["appid"]
                return str(opened["message"])

    def signature(self) -> str:
        """Give the signature of what is not encrypted."""
        match self.library.name:
            case "werobot.utils":
                return str(self.library.get_signature("token", self.timestamp, self.nonce))
            case "node-easywechat.crypto":
                return str(self.library.createSignature("token", self.timestamp, self.nonce))
            case _:
                return str(self.library.getSignature(self.timestamp, self.nonce, ""))


@pytest.fixture
def give(chain, library) -> Callable[[str], Pushed]:
    """Give a push by a library with the keys of the chain's account: `give("wechat-crypto")`."""

    def make(name: str, **keys: str) -> Pushed:
        of_scene = {"appid": f"wx-{chain.slug}", "token": "token", "encoding_aes_key": AES_KEY}
        return Pushed(library(name, {**of_scene, **keys}))

    return make


def kept(chain, model: Any) -> int:
    """Count the chain's rows."""
    with tenant_scope(chain.id), unit_of_work() as session:
        count = sa.select(sa.func.count(model.id)).where(model.tenant_id == chain.id)
        return session.scalar(count) or 0


@pytest.mark.parametrize("mode", ["plain", "compat", "safe"])
@pytest.mark.parametrize("name", ENVELOPES)
def test_an_encrypted_push_is_kept_once_and_its_reply_can_be_read(client, chain, give, name, mode):
    make_scene(chain, mode=mode, welcome=WELCOME)
    fans, push = kept(chain, Fan), give(name)
    encrypted, signature = push.sealed()
    beside = push.message if mode == "compat" else "<ToUserName><![CDATA[gh_1]]></ToUserName>"
    body = f"<xml>{beside}<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    plain = give("werobot.utils").library.get_signature("token", push.timestamp, push.nonce)
    query = push.query(signature=plain, msg_signature=signature)
    for _ in range(2):
        answer = client.post(f"/hooks/wechat/wx-{chain.slug}", query_string=query, data=body)
        assert answer.status_code == 200
        assert nodes(push.opened(answer.text))["Content"] == WELCOME
    assert (kept(chain, Push), kept(chain, Fan)) == (1, fans + 1)


@pytest.mark.parametrize("name", SIGNERS)
def test_a_signed_push_is_kept_once(client, chain, give, name):
    make_scene(chain, mode="plain", welcome=WELCOME)
    push = give(name)
    query = push.query(signature=push.signature())
    for _ in range(2):
        body = f"<xml>{push.message}</xml>"
        answer = client.post(f"/hooks/wechat/wx-{chain.slug}", query_string=query, data=body)
        assert nodes(answer.text)["Content"] == WELCOME
    assert kept(chain, Push) == 1


@pytest.mark.parametrize("name", SIGNERS)
@pytest.mark.parametrize("mode", ["plain", "compat", "safe"])
def test_the_check_of_the_address_is_answered(client, chain, give, name, mode):
    make_scene(chain, mode=mode)
    push = give(name)
    query = {**push.query(signature=push.signature()), "echostr": "5927"}
    answer = client.get(f"/hooks/wechat/wx-{chain.slug}", query_string=query)
    assert (answer.status_code, answer.text) == (200, "5927")


@pytest.mark.parametrize(
    "wrong", [{"token": "another"}, {"encoding_aes_key": AES_KEY[::-1][:42] + "A"}, {"appid": "wx-another"}]
)
@pytest.mark.parametrize("name", ENVELOPES)
def test_a_push_with_other_keys_leaves_nothing(client, chain, give, name, wrong):
    make_scene(chain, mode="safe")
    push = give(name, **wrong)
    encrypted, signature = push.sealed()
    body = f"<xml><ToUserName>gh_1</ToUserName><Encrypt>{encrypted}</Encrypt></xml>"
    query = push.query(msg_signature=signature)
    answer = client.post(f"/hooks/wechat/wx-{chain.slug}", query_string=query, data=body)
    assert (answer.status_code, kept(chain, Push)) == (403, 0)


@pytest.mark.parametrize("name", ENVELOPES)
def test_envelopes_of_every_length_open_on_the_other_side(give, name):
    """The padding fills to 32 bytes, so that 32 lengths in a row need each padding once (WeChat §1)."""
    push = give(name)
    keys = envelope.Keys(push.library.account["appid"], "token", AES_KEY, "safe")
    now = dt.datetime.fromtimestamp(int(push.timestamp), dt.UTC)
    for length in range(1, 33):
        assert push.opened(envelope.seal(keys, "x" * length, now=now)) == "x" * length
        encrypted, signature = push.sealed("x" * length)
        body = f"<xml><Encrypt>{encrypted}</Encrypt></xml>".encode()
        opened = envelope.open_push(keys, push.query(msg_signature=signature), body, now=now)
        assert opened.xml == b"x" * length


@pytest.mark.parametrize("name", ENVELOPES)
def test_the_published_vector(give, name):
    """WeChat §12: the libraries of the tests above hold to the official demo key."""
    push = give(name, appid="wxb11529c136998cb6", token="pamtest")
    reply = (
        "<xml><Encrypt><![CDATA[jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==]]>"
        "</Encrypt><MsgSignature>82c962d39941aa48552f90ef55aa323dc620cc10</MsgSignature>"
        "<TimeStamp>1409304348</TimeStamp><Nonce>xxxxxx</Nonce></xml>"
    )
    assert push.opened(reply) == "我是中文abcd123"
