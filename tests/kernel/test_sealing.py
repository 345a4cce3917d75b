"""Encryption at rest."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator

import pytest
from cryptography.exceptions import InvalidTag

from engage.kernel import sealing


@pytest.fixture(autouse=True)
def _own_key() -> Iterator[None]:
    before = sealing._cipher
    sealing.use_key(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    yield
    sealing._cipher = before


@pytest.mark.parametrize("text", ["", "王小红", "a" * 10_000, "\0\n😷"])
def test_what_is_sealed_can_be_unsealed(text: str) -> None:
    assert sealing.unseal(sealing.seal(text)) == text


def test_the_same_text_looks_different_each_time() -> None:
    assert sealing.seal("王小红") != sealing.seal("王小红")


def test_the_text_is_not_in_it() -> None:
    assert b"secret" not in sealing.seal("secret")


@pytest.mark.parametrize("place", [0, 1, 12, 13, -1])
def test_any_change_is_noticed(place: int) -> None:
    sealed = bytearray(sealing.seal("王小红"))
    sealed[place] ^= 1
    with pytest.raises(InvalidTag):
        sealing.unseal(bytes(sealed))


def test_another_key_does_not_open_it() -> None:
    sealed = sealing.seal("王小红")
    sealing.use_key(base64.b64encode(secrets.token_bytes(32)).decode())
    with pytest.raises(InvalidTag):
        sealing.unseal(sealed)


def test_both_alphabets_of_base64_are_read() -> None:
    key = b"\xfb\xff" * 16
    sealing.use_key(base64.b64encode(key).decode())
    sealed = sealing.seal("text")
    sealing.use_key(base64.urlsafe_b64encode(key).decode())
    assert sealing.unseal(sealed) == "text"


def test_nothing_is_sealed_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_cipher", None)
    with pytest.raises(RuntimeError):
        sealing.seal("text")
