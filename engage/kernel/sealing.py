"""Encryption at rest of secrets and personal data (design §3.8): AES-256-GCM with a key version.

What is sealed cannot be compared; an index beside it can: HMAC-SHA256 under a key of its own.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_VERSION = b"\x01"
NONCE_BYTES = 12

INDEX_PURPOSE = b"engage: index of sealed text"

_cipher: AESGCM | None = None
_index_key: bytes | None = None


def use_key(data_key: str) -> None:
    """Use ENGAGE_DATA_KEY, 32 bytes in base64, for all sealed values of this process."""
    global _cipher, _index_key
    key = base64.urlsafe_b64decode(data_key.replace("+", "-").replace("/", "_"))
    _cipher, _index_key = AESGCM(key), hmac.digest(key, INDEX_PURPOSE, "sha256")


def seal(text: str) -> bytes:
    """Encrypt; the same text gives another value each time."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return KEY_VERSION + nonce + _ready().encrypt(nonce, text.encode(), KEY_VERSION)


def unseal(sealed: bytes) -> str:
    """Decrypt what `seal` made. No bytes are no text: what a migration writes, which has no key.

    Raises:
        cryptography.exceptions.InvalidTag: another key was used, or the value was changed.
    """
    if not sealed:
        return ""
    version, nonce, cipher = sealed[:1], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    return _ready().decrypt(nonce, cipher, version).decode()


def index(text: str) -> bytes:
    """Give what finds a sealed text by equality: the same for the same text, nothing without the key."""
    if _index_key is None:
        raise RuntimeError("sealing.use_key was not called")
    return KEY_VERSION + hmac.digest(_index_key, text.encode(), "sha256")


def _ready() -> AESGCM:
    if _cipher is None:
        raise RuntimeError("sealing.use_key was not called")
    return _cipher


class Sealed(sa.types.TypeDecorator[str]):
    """Column of encrypted text; it cannot be searched or compared."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> bytes | None:  # noqa: ARG002
        """Encrypt on the way in."""
        return None if value is None else seal(value)

    def process_result_value(self, value: bytes | None, dialect: Any) -> str | None:  # noqa: ARG002
        """Decrypt on the way out."""
        return None if value is None else unseal(bytes(value))
