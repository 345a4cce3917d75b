"""Encryption at rest of secrets and personal data (design §3.8): AES-256-GCM with a key version."""

from __future__ import annotations

import base64
import secrets
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_VERSION = b"\x01"
NONCE_BYTES = 12

_cipher: AESGCM | None = None


def use_key(data_key: str) -> None:
    """Use ENGAGE_DATA_KEY, 32 bytes in base64, for all sealed values of this process."""
    global _cipher
    _cipher = AESGCM(base64.urlsafe_b64decode(data_key.replace("+", "-").replace("/", "_")))


def seal(text: str) -> bytes:
    """Encrypt; the same text gives another value each time."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return KEY_VERSION + nonce + _ready().encrypt(nonce, text.encode(), KEY_VERSION)


def unseal(sealed: bytes) -> str:
    """Decrypt what `seal` made.

    Raises:
        cryptography.exceptions.InvalidTag: another key was used, or the value was changed.
    """
    version, nonce, cipher = sealed[:1], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    return _ready().decrypt(nonce, cipher, version).decode()


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
