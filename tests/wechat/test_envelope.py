"""The envelope: the published vectors (WeChat §12), and everything that does not fit (R11)."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from engage.kernel.errors import Malformed
from engage.wechat import envelope, xml
from engage.wechat.envelope import Forged, Keys, Opened, check_address, open_push, seal, sign

# The official demonstration's parameters, used by client libraries of four languages.
KEYS = Keys("wxb11529c136998cb6", "pamtest", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", mode="safe")
NOW = dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)
TIMESTAMP, NONCE = str(int(NOW.timestamp())), "260774613"
PUSH = b"<xml><MsgType>text</MsgType><Content>\xe4\xbd\xa0\xe5\xa5\xbd</Content></xml>"


def at(timestamp: str) -> dt.datetime:
    """Give the time that a vector was made at."""
    return dt.datetime.fromtimestamp(int(timestamp), dt.UTC)


def encrypted_query(
    encrypted: str, *, token: str = KEYS.token, timestamp: str = TIMESTAMP, nonce: str = NONCE
) -> dict[str, str]:
    """Give the query of an encrypted push."""
    return {
        "encrypt_type": "aes",
        "timestamp": timestamp,
        "nonce": nonce,
        "signature": sign(token, timestamp, nonce),
        "msg_signature": sign(token, timestamp, nonce, encrypted),
    }


def plain_query(*, token: str = KEYS.token, timestamp: str = TIMESTAMP, nonce: str = NONCE) -> dict[str, str]:
    """Give the query of a plain push, or of the check of the address."""
    return {"timestamp": timestamp, "nonce": nonce, "signature": sign(token, timestamp, nonce)}


def sealed(content: bytes = PUSH) -> str:
    """Encrypt what is pushed, through the writing side."""
    nodes = xml.read(seal(KEYS, content.decode(), now=NOW).encode())
    assert isinstance(nodes["Encrypt"], str)
    return nodes["Encrypt"]


def raw(plaintext: bytes) -> str:
    """Encrypt whole blocks as they are, lengths and padding included."""
    key = base64.b64decode(KEYS.encoding_aes_key + "=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plaintext) + encryptor.finalize()).decode()


def safe(encrypted: str) -> bytes:
    """Write the body of a push in safe mode."""
    return f"<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()


def compatible(encrypted: str, content: bytes = PUSH) -> bytes:
    """Write the body of a push in compatible mode."""
    return content.replace(b"</xml>", f"<Encrypt>{encrypted}</Encrypt></xml>".encode())


def test_the_vector_of_a_plain_signature() -> None:
    assert sign("test", "1410685589", "test") == "f21891de399b4e33a1a93c9a7b8a8fffb5a443ff"


def test_the_vector_of_an_encrypted_text_both_ways() -> None:
    reply = seal(KEYS, "我是中文abcd123", now=at("1409304348"), nonce="xxxxxx", random=b"aaaabbbbccccdddd")
    nodes = xml.read(reply.encode())
    assert nodes == {
        "Encrypt": "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==",
        "MsgSignature": "82c962d39941aa48552f90ef55aa323dc620cc10",
        "TimeStamp": "1409304348",
        "Nonce": "xxxxxx",
    }
    query = {
        "encrypt_type": "aes",
        "timestamp": "1409304348",
        "nonce": "xxxxxx",
        "msg_signature": str(nodes["MsgSignature"]),
    }
    opened = open_push(KEYS, query, reply.encode(), now=at("1409304348"))
    assert opened == Opened("我是中文abcd123".encode(), encrypted=True)


def test_the_vector_of_a_whole_push() -> None:
    encrypted = (
        "rTNFcsut4LfGuAFKEUVVpwcaCOTJzOd9twZdIW910jb3k+iicx2uvhttIZ3Qg9Qgty3BEF2xbOrz6boTfb30dMomcgrkTqdF"
        "Pwnhqbk+kIQ7rZiwny9D7NUrTgA5kpX3KsZvrXzUZyP2x9YOlxbgm572lmxKvM7HAQQhIQ/p6HBmoY30bGXFK0BtIu1pW9Tj"
        "hOYrLQoU18nWYjWqDA1ynkmOytpv7QRI1P1+0NoxL0q2zO1DgeSvnE8CZGo/o5Ap/WHK5W2RAsinpzN4/LjPnmB6U01I5XCo"
        "JoC0GK/yMZycd2Oh8Nq6+wBkC1U85oy0ktOY4nLvsQMLrourmMGdZHuTbqpeJ8Ao/5PRYJ+WBvRUwPfGKBL2+2IKZF49vAJq"
        "kcGWSHGE76ZN2erXeuNazf/o9o3lIE3q739o4c8t9QGPe31GT2Go/rOz1BsrASwvauNulCh+++yz+CQzBIuikA=="
    )
    body = (
        f"<xml>\n    <ToUserName><![CDATA[asdasdasd]]></ToUserName>\n"
        f"    <Encrypt><![CDATA[{encrypted}]]></Encrypt>\n</xml>\n"
    )
    query = {
        "encrypt_type": "aes",
        "timestamp": "1458300676",
        "nonce": "260774613",
        "msg_signature": "4f3ad57b6989f09f4eb392acce4f9e93942ed890",
    }
    nodes = xml.read(open_push(KEYS, query, body.encode(), now=at("1458300676")).xml)
    assert nodes["FromUserName"] == "asdasdasdsadasd"
    assert nodes["Content"] == "hello"


def test_the_vector_of_a_whole_reply() -> None:
    keys = Keys("wx49f0ab532d5d035a", "123456", "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR", mode="safe")
    reply = (
        "<xml>\n<MsgType><![CDATA[text]]></MsgType>\n<Content><![CDATA[test]]></Content>\n"
        "<FromUserName><![CDATA[wx49f0ab532d5d035a]]></FromUserName>\n"
        "<ToUserName><![CDATA[messense]]></ToUserName>\n<AgentID>1</AgentID>\n"
        "<CreateTime>1411525903</CreateTime>\n</xml>"
    )
    answer = seal(keys, reply, now=at("1411525903"), nonce="461056294", random=b"1234567890123456")
    nodes = xml.read(answer.encode())
    assert nodes["MsgSignature"] == "407518b7649e86ef23978113f92d27afa9296533"
    assert nodes["Encrypt"] == (
        "9s4gMv99m88kKTh/H8IdkOiMg6bisoy3ypwy9H4hvSPe9nsGaqyw5hhSjdYbcrKk+j3nba4HMOTzHrluLBYqxgNcBqGsL8Gq"
        "xlhZgURnAtObvesEl5nZ+uBE8bviY0LWke8Zy9V/QYKxNV2FqllNXcfmstttyIkMKCCmVbCFM2JTF5wY0nFhHZSjPUL2Q1qv"
        "SUCUld+/WIXrx0oyKQmpB6o8NRrrNrsDf03oxI1p9FxUgMnwKKZeOA/uu+2IEvEBtb7muXsVbwbgX05UPPJvFurDXafG0RQy"
        "PR+mf1nDnAtQmmNOuiR5MIkdQ39xn1vWwi1O5oazPoQJz0nTYjxxEE8kv3kFxtAGVRe3ypD3WeK2XeFYFMNMpatF9XiKzHo3"
    )


@pytest.mark.parametrize("mode", ["plain", "compat", "safe"])
def test_encrypted_pushes_are_opened_in_every_mode(mode: str) -> None:
    keys, encrypted = replace(KEYS, mode=mode), sealed()
    for body in (safe(encrypted), compatible(encrypted)):
        opened = open_push(keys, encrypted_query(encrypted), body, now=NOW)
        assert opened == Opened(PUSH, encrypted=True)


def test_plain_pushes_are_taken_in_plain_mode_only() -> None:
    keys = replace(KEYS, mode="plain")
    assert open_push(keys, plain_query(), PUSH, now=NOW) == Opened(PUSH, encrypted=False)
    for mode in ("compat", "safe"):
        with pytest.raises(Forged):
            open_push(replace(KEYS, mode=mode), plain_query(), PUSH, now=NOW)


def test_what_is_plain_beside_an_encrypted_push_counts_for_nothing() -> None:
    encrypted = sealed()
    body = compatible(encrypted, PUSH.replace("你好".encode(), b"forged"))
    opened = open_push(replace(KEYS, mode="compat"), encrypted_query(encrypted), body, now=NOW)
    assert opened.xml == PUSH


def test_compatible_mode_has_two_signatures_that_fit_and_safe_mode_one() -> None:
    encrypted = sealed()
    query = encrypted_query(encrypted) | {"signature": sign("another", TIMESTAMP, NONCE)}
    assert open_push(KEYS, query, safe(encrypted), now=NOW).xml == PUSH
    with pytest.raises(Forged):
        open_push(KEYS, query, compatible(encrypted), now=NOW)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_five_minutes_either_way_are_fresh(seconds: int) -> None:
    check_address(KEYS, plain_query(), now=NOW + dt.timedelta(seconds=seconds))


STALE = [str(int(TIMESTAMP) + offset) for offset in (-301, 301, -(10**9), 86400)]
ODD = ["", "now", TIMESTAMP + ".0", "-" + TIMESTAMP, " " + TIMESTAMP, "0" + TIMESTAMP, "1e9"]
ODD += [TIMESTAMP[0] + "".join(chr(ord("٠") + int(digit)) for digit in TIMESTAMP[1:])]


@pytest.mark.parametrize("timestamp", STALE + ODD)
def test_what_is_stale_is_refused_however_well_signed(timestamp: str) -> None:
    query, encrypted = plain_query(timestamp=timestamp), sealed()
    with pytest.raises(Forged):
        check_address(KEYS, query, now=NOW)
    with pytest.raises(Forged):
        open_push(replace(KEYS, mode="plain"), query, PUSH, now=NOW)
    with pytest.raises(Forged):
        open_push(KEYS, encrypted_query(encrypted, timestamp=timestamp), safe(encrypted), now=NOW)


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ("signature", ""),
        ("signature", None),
        ("signature", "签名\ud800"),
        ("signature", sign("another token", TIMESTAMP, NONCE)),
        ("signature", sign(KEYS.token, TIMESTAMP, NONCE).upper()),
        ("nonce", "another"),
        ("nonce", "\ud800"),
        ("nonce", None),
        ("timestamp", str(int(TIMESTAMP) + 1)),
        ("timestamp", None),
    ],
)
def test_what_is_not_signed_is_refused(node: str, value: str | None) -> None:
    def spoilt(query: Mapping[str, str], name: str) -> dict[str, str]:
        return {key: text for key, text in {**query, name: value}.items() if text is not None}

    with pytest.raises(Forged):
        check_address(KEYS, spoilt(plain_query(), node), now=NOW)
    with pytest.raises(Forged):
        open_push(replace(KEYS, mode="plain"), spoilt(plain_query(), node), PUSH, now=NOW)
    encrypted, node = sealed(), "msg_signature" if node == "signature" else node
    with pytest.raises(Forged):
        open_push(KEYS, spoilt(encrypted_query(encrypted), node), safe(encrypted), now=NOW)


def test_an_encrypted_push_signed_with_another_token_is_refused() -> None:
    encrypted = sealed()
    with pytest.raises(Forged):
        open_push(KEYS, encrypted_query(encrypted, token="another"), safe(encrypted), now=NOW)


def test_the_signature_of_another_push_is_refused() -> None:
    with pytest.raises(Forged):
        open_push(KEYS, encrypted_query(sealed()), safe(sealed()), now=NOW)


def test_digits_cannot_move_from_the_nonce_to_the_time_stamp() -> None:
    """The signature is over parts without borders: `00` + `1763798400` is also "" + `001763798400`."""
    query = plain_query(nonce="00")
    assert query["signature"] == sign(KEYS.token, "00" + TIMESTAMP, "")
    with pytest.raises(Forged):
        check_address(KEYS, query | {"timestamp": "00" + TIMESTAMP, "nonce": ""}, now=NOW)


BLOCKS = b"r" * 16
ENVELOPES = {
    "empty": "",
    "no base64": "…",
    "a stray character": "-" + sealed(),
    "less than a block": "AAAA",
    "cut by a block": sealed(PUSH * 3)[:64],
    "padding to 16": raw(BLOCKS + (0).to_bytes(4, "big") + KEYS.app_id.encode() + b"\x0a" * 10),
    "padding of none": raw(BLOCKS + (0).to_bytes(4, "big") + KEYS.app_id.encode()[:12] + b"\x00" * 32),
    "padding of more than 32": raw(BLOCKS + (0).to_bytes(4, "big") + KEYS.app_id.encode() + b"\x3a" * 58),
    "padding of two minds": raw(
        BLOCKS + (0).to_bytes(4, "big") + KEYS.app_id.encode() + b"\x19" + b"\x1a" * 25
    ),
    "padding alone": raw(b"\x20" * 32),
    "a length beyond the end": raw(
        BLOCKS + (2**32 - 1).to_bytes(4, "big") + KEYS.app_id.encode() + b"\x1a" * 26
    ),
    "a length into the app id": raw(BLOCKS + (1).to_bytes(4, "big") + KEYS.app_id.encode() + b"\x1a" * 26),
    "no app id": raw(BLOCKS + (0).to_bytes(4, "big") + b"\x0c" * 12),
    "another app id": raw(BLOCKS + (0).to_bytes(4, "big") + b"wx0000000000000000" + b"\x1a" * 26),
    "more after the app id": raw(
        BLOCKS + (0).to_bytes(4, "big") + KEYS.app_id.encode() + b"x" + b"\x19" * 25
    ),
}


def test_the_form_that_the_bad_envelopes_depart_from_is_good() -> None:
    encrypted = raw(BLOCKS + (0).to_bytes(4, "big") + KEYS.app_id.encode() + b"\x1a" * 26)
    assert open_push(KEYS, encrypted_query(encrypted), safe(encrypted), now=NOW).xml == b""


@pytest.mark.parametrize("encrypted", ENVELOPES.values(), ids=ENVELOPES)
def test_a_signed_envelope_of_another_form_is_refused(encrypted: str) -> None:
    with pytest.raises(Forged):
        open_push(KEYS, encrypted_query(encrypted), safe(encrypted), now=NOW)


@pytest.mark.parametrize("body", [b"", b"not xml", b"<!DOCTYPE xml><xml/>", b"<xml><Encrypt>"])
def test_an_encrypted_push_that_is_no_xml_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        open_push(KEYS, encrypted_query(sealed()), body, now=NOW)


@pytest.mark.parametrize(
    "body", [b"<xml><a/></xml>", b"<xml><Encrypt/></xml>", b"<xml><Encrypt><a/></Encrypt></xml>"]
)
def test_a_push_that_says_it_is_encrypted_and_is_not_is_refused(body: bytes) -> None:
    with pytest.raises(Forged):
        open_push(KEYS, encrypted_query(""), body, now=NOW)


@pytest.mark.parametrize(
    "key", ["", "short", KEYS.encoding_aes_key[:-1], KEYS.encoding_aes_key + "A", "钥" * 43]
)
def test_an_account_without_a_usable_key_opens_nothing(key: str) -> None:
    encrypted = sealed()
    with pytest.raises(Forged):
        open_push(replace(KEYS, encoding_aes_key=key), encrypted_query(encrypted), safe(encrypted), now=NOW)


def test_every_refusal_reads_the_same() -> None:
    """Whether it was the signature, the padding or the app id is nobody's business."""
    seen = set()
    for encrypted in ENVELOPES.values():
        with pytest.raises(Forged) as refusal:
            open_push(KEYS, encrypted_query(encrypted), safe(encrypted), now=NOW)
        seen.add((refusal.value.code, refusal.value.title, str(refusal.value)))
    with pytest.raises(Forged) as refusal:
        check_address(KEYS, {}, now=NOW)
    assert seen == {(refusal.value.code, refusal.value.title, str(refusal.value))}


def test_two_sealed_replies_are_never_alike() -> None:
    one, other = (xml.read(seal(KEYS, "a", now=NOW).encode()) for _ in range(2))
    assert one["Encrypt"] != other["Encrypt"]
    assert one["Nonce"] != other["Nonce"]


def test_keys_do_not_show_in_what_is_printed() -> None:
    assert KEYS.token not in repr(KEYS)
    assert KEYS.encoding_aes_key not in repr(KEYS)


def test_new_callback_parameters_are_of_the_form_that_wechat_takes() -> None:
    for _ in range(50):
        token, key = envelope.new_token(), envelope.new_aes_key()
        assert token.isascii() and token.isalnum() and 3 <= len(token) <= 32  # noqa: PT018 one form
        assert key.isascii() and key.isalnum() and len(key) == 43  # noqa: PT018 one form
        assert len(base64.b64decode(key + "=")) == 32
        assert base64.b64encode(base64.b64decode(key + "=")).decode() == key + "="
    assert envelope.new_token() != envelope.new_token()
    assert envelope.new_aes_key() != envelope.new_aes_key()
