"""Phones, names and what they are searched by."""

from __future__ import annotations

import pytest

from engage.patients import rules
from engage.patients.errors import WrongName, WrongPhone


@pytest.mark.parametrize(
    ("typed", "region", "stored"),
    [
        ("13800001234", "CN", "+8613800001234"),
        ("138 0000 1234", "CN", "+8613800001234"),
        ("+86 138-0000-1234", "KR", "+8613800001234"),
        ("１３８００００１２３４", "CN", "+8613800001234"),
        ("010-1234-5678", "KR", "+821012345678"),
        ("021-62345678", "CN", "+862162345678"),
        ("+8613800001234", "CN", "+8613800001234"),
    ],
)
def test_a_phone_is_stored_in_one_way(typed: str, region: str, stored: str):
    assert rules.normalised(typed, region) == stored
    assert rules.normalised(stored, region) == stored


@pytest.mark.parametrize(
    "typed", ["", "1380000123", "138000012345", "abc", "12345", "+99912345678", "1" * 300]
)
def test_what_is_no_phone(typed: str):
    with pytest.raises(WrongPhone):
        rules.normalised(typed)


def test_texts_reach_mobiles_alone():
    assert rules.takes_texts("+8613800001234")
    assert rules.takes_texts("+12025550123")
    assert not rules.takes_texts("+862162345678")


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("+8613800001234", "138****1234"), ("+821012345678", "010****5678"), ("+862162345678", "021****5678")],
)
def test_a_phone_is_shown_masked(stored: str, shown: str):
    assert rules.masked(stored) == shown


def test_people_are_written_to_in_the_language_of_their_number():
    assert rules.language_of("+8613800001234") == "zh_Hans"
    assert rules.language_of("+821012345678") == "en"


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("王小红", {"王小红", "小红", "红", "7"}),
        ("Anna Lee", {"anna lee", "lee", "7"}),
        ("김 민수", {"김 민수", "민수", "수", "7"}),
        ("红", {"红", "7"}),
    ],
)
def test_a_name_is_searched_from_each_of_its_beginnings(name: str, terms: set[str]):
    assert rules.terms_of(name, 7) == terms


def test_a_name_has_single_spaces():
    assert rules.named("  Anna \t Lee ") == "Anna Lee"
    assert rules.named("王\u3000小\0红\n") == "王 小 红"


@pytest.mark.parametrize("text", ["", "   ", "\0", "红" * 41])
def test_what_is_no_name(text: str):
    with pytest.raises(WrongName):
        rules.named(text)


def test_the_numbers_of_codes_are_as_promised():
    minutes = rules.CODE_LIFE.total_seconds() / 60
    assert (rules.CODE_DIGITS, minutes, rules.TRIES) == (6, 5, 5)
    assert (rules.RESEND_AFTER.total_seconds(), rules.A_DAY_PER_PHONE) == (60, 10)
    assert rules.A_DAY_PER_ADDRESS >= 20 * rules.A_DAY_PER_PHONE
