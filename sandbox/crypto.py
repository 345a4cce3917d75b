"""Signatures and the AES envelope of server pushes (WeChat §1)."""

import base64
import binascii
import hashlib
import os
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PAD_BLOCK = 32  # PKCS7 over 32 bytes, not over the cipher's own 16


class BadEnvelope(ValueError):
    """Nothing that was encrypted with this key for this account."""


def signature(*parts: str) -> str:
    """SHA-1, in hexadecimal, of the sorted parts."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def encrypt(aes_key: str, appid: str, text: str, *, random16: bytes | None = None) -> str:
    """The base64 envelope of `text`; `random16` is for tests."""
    message = text.encode()
    plain = (random16 or os.urandom(16)) + struct.pack(">I", len(message)) + message + appid.encode()
    pad = PAD_BLOCK - len(plain) % PAD_BLOCK
    encryptor = _cipher(aes_key).encryptor()
    sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
    return base64.b64encode(sealed).decode()


def decrypt(aes_key: str, appid: str, envelope: str) -> str:
    """The text in an envelope.

    Raises:
        BadEnvelope: broken, cut, or made for another account.
    """
    try:
        sealed = base64.b64decode(envelope, validate=True)
        decryptor = _cipher(aes_key).decryptor()
        plain = decryptor.update(sealed) + decryptor.finalize()
        plain = plain[: -plain[-1]]
        (size,) = struct.unpack(">I", plain[16:20])
        text = plain[20 : 20 + size].decode()
    except (binascii.Error, ValueError, IndexError, struct.error) as error:
        raise BadEnvelope("the envelope cannot be opened") from error
    if plain[20 + size :] != appid.encode():
        raise BadEnvelope("the envelope names another app id")
    return text


def _cipher(aes_key: str) -> Cipher[modes.CBC]:
    key = base64.b64decode(aes_key + "=")
    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))
