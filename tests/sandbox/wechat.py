"""The envelope of WeChat §1, computed apart from the sandbox's own code."""

import base64
import hashlib
from typing import Any
from xml.etree import ElementTree

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def sha1_of_sorted(*parts: str) -> str:
    """SHA-1 over the sorted parts."""
    digest = hashlib.sha1(usedforsecurity=False)
    for part in sorted(parts):
        digest.update(part.encode())
    return digest.hexdigest()


def _aes(aes_key: str) -> Cipher[modes.CBC]:
    key = base64.b64decode(aes_key + "=")
    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))


def open_envelope(aes_key: str, envelope: str) -> tuple[str, str]:
    """The text and the app id inside an envelope."""
    decryptor = _aes(aes_key).decryptor()
    padded = decryptor.update(base64.b64decode(envelope)) + decryptor.finalize()
    assert 1 <= padded[-1] <= 32
    content = padded[16 : -padded[-1]]
    size = int.from_bytes(content[:4], "big")
    return content[4 : 4 + size].decode(), content[4 + size :].decode()


def seal_reply(account: dict[str, Any], text: str) -> bytes:
    """A passive reply in safe mode."""
    message = text.encode()
    content = b"0123456789abcdef" + len(message).to_bytes(4, "big") + message + account["appid"].encode()
    missing = 32 - len(content) % 32
    encryptor = _aes(account["encoding_aes_key"]).encryptor()
    sealed = encryptor.update(content + missing * bytes([missing])) + encryptor.finalize()
    envelope = base64.b64encode(sealed).decode()
    signed = sha1_of_sorted(account["token"], "1409304348", "nonce", envelope)
    return (
        f"<xml><Encrypt><![CDATA[{envelope}]]></Encrypt><MsgSignature>{signed}</MsgSignature>"
        "<TimeStamp>1409304348</TimeStamp><Nonce>nonce</Nonce></xml>"
    ).encode()


def text_reply(account: dict[str, Any], openid: str, content: str) -> str:
    """The XML of a text reply."""
    return (
        f"<xml><ToUserName><![CDATA[{openid}]]></ToUserName>"
        f"<FromUserName><![CDATA[{account['username']}]]></FromUserName><CreateTime>1</CreateTime>"
        f"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{content}]]></Content></xml>"
    )


def tree(document: str | bytes) -> ElementTree.Element:
    """A document with nodes inside nodes."""
    return ElementTree.fromstring(document)  # noqa: S314 the sandbox's own XML


def nodes(document: str | bytes) -> dict[str, str]:
    """Tag → text of a flat document."""
    return {node.tag: node.text or "" for node in tree(document)}
