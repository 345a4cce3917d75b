"""The envelope of a push (WeChat §1): signature, age and encryption, in both directions.

Every refusal after the envelope was read is the same `Forged`, whatever did not fit, so that nobody
learns from trying. Only the account's token makes a signature; nothing is decrypted before it fits.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import hashlib
import hmac
import os
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from engage.kernel.errors import N_, DomainError
from engage.wechat import xml as wechat_xml

MAX_BODY = 64 * 1024
FRESH = dt.timedelta(minutes=5)
# Ten digits exactly: of `nonce + time stamp` no other pair can be cut that has the same signature.
TIMESTAMP = re.compile(r"[1-9][0-9]{9}")
BLOCK = 32  # WeChat pads to twice the block of AES
RANDOM = 16
LENGTH = 4

LETTERS_AND_DIGITS = string.ascii_letters + string.digits
# 43 letters hold 258 bits for 256: these leave the last two empty, as strict readers want them.
LAST_OF_A_KEY = "AEIMQUYcgkosw048"


class Forged(DomainError):
    """The signature does not fit, the time stamp is stale, or what is inside is for another account."""

    code = "forged"
    status = 403
    title = N_("The signature does not fit.")


@dataclass(frozen=True, slots=True)
class Keys:
    """An account's callback parameters; `mode` (plain, compat, safe) is the least that is accepted."""

    app_id: str
    token: str = field(repr=False)
    encoding_aes_key: str = field(repr=False)
    mode: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What was in the envelope, and whether it was encrypted: then the reply is to be, too."""

    xml: bytes
    encrypted: bool


def sign(*parts: str) -> str:
    """Give the SHA-1 of the sorted parts, in hex (WeChat §1)."""
    return hashlib.sha1("".join(sorted(parts)).encode(errors="replace")).hexdigest()  # noqa: S324 WeChat's choice


def check_address(keys: Keys, query: Mapping[str, str], *, now: dt.datetime) -> None:
    """Check that it is WeChat who tries the address, and now. `now` is real time, never moved.

    Raises:
        Forged: wrong signature, or a time stamp more than five minutes away.
    """
    _check_age(query, now)
    _check_signature(keys, query)


def open_push(keys: Keys, query: Mapping[str, str], body: bytes, *, now: dt.datetime) -> Opened:
    """Give the XML that WeChat pushed. `now` is real time, never moved.

    Encrypted pushes are taken in every mode, plain ones in plain mode only. In compatible mode the
    plain nodes beside `Encrypt` are passed over: nothing proves them.

    Raises:
        Forged: wrong signature, stale, for another account, cut, or plain where that is not enough.
        Malformed: an encrypted push whose outer XML cannot be read.
    """
    _check_age(query, now)
    if query.get("encrypt_type") == "aes":
        return Opened(_open_encrypted(keys, query, body), encrypted=True)
    if keys.mode != "plain":
        raise Forged
    _check_signature(keys, query)
    return Opened(body, encrypted=False)


def seal(
    keys: Keys, xml: str, *, now: dt.datetime, nonce: str | None = None, random: bytes | None = None
) -> str:
    """Encrypt a reply and give the XML that carries it. `nonce` and the 16 `random` bytes are drawn anew."""
    timestamp = str(int(now.timestamp()))
    nonce = nonce or secrets.token_hex(8)
    encrypted = _encrypt(keys, xml, random or os.urandom(RANDOM))
    return (
        "<xml>"
        f"<Encrypt><![CDATA[{encrypted}]]></Encrypt>"
        f"<MsgSignature><![CDATA[{sign(keys.token, timestamp, nonce, encrypted)}]]></MsgSignature>"
        f"<TimeStamp>{timestamp}</TimeStamp>"
        f"<Nonce>{wechat_xml.cdata(nonce)}</Nonce>"
        "</xml>"
    )


def new_token() -> str:
    """Draw a callback token: WeChat takes 3 to 32 letters and digits."""
    return "".join(secrets.choice(LETTERS_AND_DIGITS) for _ in range(32))


def new_aes_key() -> str:
    """Draw an EncodingAESKey: 43 letters and digits that stand for 32 bytes, and back again."""
    return "".join(secrets.choice(LETTERS_AND_DIGITS) for _ in range(42)) + secrets.choice(LAST_OF_A_KEY)


def _check_age(query: Mapping[str, str], now: dt.datetime) -> None:
    timestamp = query.get("timestamp", "")
    if not TIMESTAMP.fullmatch(timestamp):
        raise Forged
    if abs(now.timestamp() - int(timestamp)) > FRESH.total_seconds():
        raise Forged


def _check_signature(keys: Keys, query: Mapping[str, str]) -> None:
    expected = sign(keys.token, query["timestamp"], query.get("nonce", ""))
    if not _same(expected, query.get("signature", "")):
        raise Forged


def _open_encrypted(keys: Keys, query: Mapping[str, str], body: bytes) -> bytes:
    nodes = wechat_xml.read(body)
    encrypted = nodes.get("Encrypt", "")
    if not isinstance(encrypted, str):
        raise Forged
    expected = sign(keys.token, query["timestamp"], query.get("nonce", ""), encrypted)
    if not _same(expected, query.get("msg_signature", "")):
        raise Forged
    if "MsgType" in nodes:  # compatible mode; in safe mode `signature` means nothing
        _check_signature(keys, query)
    return _decrypt(keys, encrypted)


def _decrypt(keys: Keys, encrypted: str) -> bytes:
    """Undo `_encrypt`, and hold it against everything that `_encrypt` would have made of it."""
    try:
        ciphertext = base64.b64decode(encrypted, validate=True)
    except ValueError as error:
        raise Forged from error
    if not ciphertext or len(ciphertext) % BLOCK:
        raise Forged
    decryptor = _cipher(keys).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    padding = padded[-1]
    if not 1 <= padding <= BLOCK or not padded.endswith(bytes([padding]) * padding):
        raise Forged
    end = len(padded) - padding
    begin = RANDOM + LENGTH
    middle = begin + int.from_bytes(padded[RANDOM:begin], "big")
    # A length beyond the end leaves no app id to compare.
    if not hmac.compare_digest(padded[middle:end], keys.app_id.encode()):
        raise Forged
    return padded[begin:middle]


def _encrypt(keys: Keys, xml: str, random: bytes) -> str:
    """AES of 16 random bytes, the length in four bytes, the text and the app id, padded; in base64."""
    text = xml.encode()
    content = random + len(text).to_bytes(LENGTH, "big") + text + keys.app_id.encode()
    padding = BLOCK - len(content) % BLOCK
    encryptor = _cipher(keys).encryptor()
    ciphertext = encryptor.update(content + bytes([padding]) * padding) + encryptor.finalize()
    return base64.b64encode(ciphertext).decode()


@functools.lru_cache(maxsize=256)
def _cipher(keys: Keys) -> Cipher[modes.CBC]:
    try:
        key = base64.b64decode(keys.encoding_aes_key + "=", validate=True)
        return Cipher(algorithms.AES(key), modes.CBC(key[:16]))
    except ValueError as error:  # of an account without a key, or with a wrong one
        raise Forged from error


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode(errors="replace"))
