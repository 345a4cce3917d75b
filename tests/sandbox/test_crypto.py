"""The published vectors (WeChat §12)."""

import pytest

from sandbox import crypto, xml

APPID = "wxb11529c136998cb6"
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
TEXT = "我是中文abcd123"
SEALED = "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="


def test_signature_vectors() -> None:
    assert crypto.signature("test", "1410685589", "test") == "f21891de399b4e33a1a93c9a7b8a8fffb5a443ff"
    assert (
        crypto.signature("pamtest", "1409304348", "xxxxxx", SEALED)
        == "82c962d39941aa48552f90ef55aa323dc620cc10"
    )


def test_envelope_vector_both_ways() -> None:
    assert crypto.encrypt(KEY, APPID, TEXT, random16=b"aaaabbbbccccdddd") == SEALED
    assert crypto.decrypt(KEY, APPID, SEALED) == TEXT


@pytest.mark.parametrize("length", range(0, 70, 3))
def test_envelope_of_every_padding(length: int) -> None:
    assert crypto.decrypt(KEY, APPID, crypto.encrypt(KEY, APPID, "x" * length)) == "x" * length


@pytest.mark.parametrize("envelope", ["", "a", "AAAA", SEALED[:-24], "…", SEALED[4:]])
def test_broken_envelopes_are_refused(envelope: str) -> None:
    with pytest.raises(crypto.BadEnvelope):
        crypto.decrypt(KEY, APPID, envelope)


def test_an_envelope_for_another_account_is_refused() -> None:
    with pytest.raises(crypto.BadEnvelope):
        crypto.decrypt(KEY, "wx0000000000000000", SEALED)


def test_xml_survives_the_end_of_its_own_cdata() -> None:
    fields = {"Content": "a ]]> b & <c>", "CreateTime": 12, "Articles": [{"Title": "一"}, {"Title": "二"}]}
    assert xml.parse(xml.build(fields)) == {**fields, "CreateTime": "12"}
