"""Encryption at rest."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterator

import pytest
from cryptography.exceptions import InvalidTag

from engage.kernel import sealing


@pytest.fixture(autouse=True)
def _own_key() -> Iterator[None]:
    before = sealing._cipher, sealing._index_key
    sealing.use_key(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    yield
    sealing._cipher, sealing._index_key = before


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
    monkeypatch.setattr(sealing, "_index_key", None)
    for use in (sealing.seal, sealing.index):
        with pytest.raises(RuntimeError):
            use("text")


def test_an_index_finds_the_same_text_alone() -> None:
    assert sealing.index("+8613800001234") == sealing.index("+8613800001234")
    assert sealing.index("+8613800001234") != sealing.index("+8613800001235")


def test_an_index_says_nothing_without_the_key_and_of_which_version_it_is() -> None:
    text = "+8613800001234"
    mine = sealing.index(text)
    assert mine[:1] == sealing.KEY_VERSION
    assert hashlib.sha256(text.encode()).digest() not in mine
    sealing.use_key(base64.b64encode(secrets.token_bytes(32)).decode())
    assert sealing.index(text) != mine
