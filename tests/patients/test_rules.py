"""Phones, names and what they are searched by."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engage.patients import rules
from engage.patients.errors import WrongEmail, WrongName, WrongPhone


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
    [
        ("+8613800001234", "138****1234"),
        ("+821012345678", "010****5678"),
        ("+862162345678", "021****5678"),
        ("+85261234567", "****4567"),
        ("+12025550123", "20****0123"),
        ("+2905123456", "****456"),
    ],
)
def test_a_phone_is_shown_masked(stored: str, shown: str):
    assert rules.masked(stored) == shown


def test_people_are_written_to_in_the_language_of_their_number():
    assert rules.language_of("+8613800001234") == "zh_Hans"
    assert rules.language_of("+821012345678") == "en"


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("王小红", {"王小红", "小红", "红", "wangxiaohong", "xiaohong", "wangxh", "wxh", "xh", "h", "7"}),
        ("Anna Lee", {"anna lee", "lee", "annalee", "annal", "al", "l", "7"}),
        ("김 민수", {"김 민수", "민수", "수", "7"}),
        ("红", {"红", "hong", "h", "7"}),
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


@pytest.mark.parametrize(
    ("family", "middle", "given", "name"),
    [
        ("王", "", "小红", "王小红"),
        ("欧阳", "", "娜娜", "欧阳娜娜"),
        ("Lee", "Marie", "Anna", "Anna Marie Lee"),
        ("Lee", "", "Anna", "Anna Lee"),
        ("", "", "Madonna", "Madonna"),
        (" Van  der Berg ", "", "Jan", "Jan Van der Berg"),
        ("김", "", "민수", "김민수"),
        ("", "", "小红", "小红"),
    ],
)
def test_a_name_is_made_of_its_parts(family: str, middle: str, given: str, name: str):
    assert rules.composed(family, middle, given) == name


def test_parts_without_a_letter_are_no_name():
    with pytest.raises(WrongName):
        rules.composed(" ", "", "\t")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("王小红", ("王", "", "小红")),
        ("王明", ("王", "", "明")),
        ("欧阳娜娜", ("欧阳", "", "娜娜")),
        ("红", ("红", "", "")),
        ("Anna Marie Lee", ("Lee", "Marie", "Anna")),
        ("Anna Lee", ("Lee", "", "Anna")),
        ("Madonna", ("", "", "Madonna")),
        ("", ("", "", "")),
    ],
)
def test_a_whole_name_is_parted_as_one_may_guess(name: str, parts: tuple[str, str, str]):
    assert rules.parted(name) == parts


@given(
    st.text(alphabet="王小红欧阳明 ", min_size=1, max_size=6)
    | st.from_regex(r"[A-Z][a-z]{1,8}( [A-Z][a-z]{1,8}){0,3}", fullmatch=True)
)
def test_a_guess_loses_nothing_of_a_name(name: str):
    whole = rules.tidy(name)
    assume(whole)
    assert rules.composed(*rules.parted(name)).replace(" ", "") == whole.replace(" ", "")


@pytest.mark.parametrize("text", ["Anna.Lee@Example.com", " anna.lee@example.com\n"])
def test_an_address_is_kept_small(text: str):
    assert rules.mail(text) == "anna.lee@example.com"


@pytest.mark.parametrize(
    "text",
    ["", "anna", "anna@", "@example.com", "anna@example", "a b@example.com", "a@b@c.de", "a@b.c" + "d" * 260],
)
def test_what_is_no_address_is_refused(text: str):
    with pytest.raises(WrongEmail):
        rules.mail(text)


@pytest.mark.parametrize(
    ("born", "age"),
    [
        (dt.date(1990, 11, 22), 36),
        (dt.date(1990, 11, 23), 35),
        (dt.date(2026, 11, 22), 0),
        (dt.date(2024, 2, 29), 2),
    ],
)
def test_how_old_somebody_is(born: dt.date, age: int):
    assert rules.age(born, dt.date(2026, 11, 22)) == age


def test_a_phone_as_it_is_read_out():
    assert rules.spaced("+8613800001234") == "138 0000 1234"
    assert rules.spaced("+821012345678") == "+82 10-1234-5678"
