"""Chinese names in letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engage.kernel import pinyin


@pytest.mark.parametrize(
    ("name", "full", "initials"),
    [
        ("王小红", "wangxiaohong", "wxh"),
        ("单小红", "shanxiaohong", "sxh"),
        ("曾国藩", "zengguofan", "zgf"),
        ("仇英", "qiuying", "qy"),
        ("欧阳娜娜", "ouyangnana", "oynn"),
        ("吕布", "lvbu", "lb"),
        ("重庆小面", "chongqingxiaomian", "cqxm"),
        ("Anna Marie Lee", "annamarielee", "aml"),
        ("🌸小红 Anna", "xiaohonganna", "xha"),
        ("🌸", "", ""),
        ("", "", ""),
    ],
)
def test_a_name_is_read_as_people_say_it(name: str, full: str, initials: str):
    assert (pinyin.full(name), pinyin.initials(name)) == (full, initials)


def test_a_name_is_found_by_initials_from_each_character_and_by_surname_with_initials():
    assert pinyin.terms("王小红") == {"wxh", "xh", "h", "wangxiaohong", "xiaohong", "wangxh"}


def test_a_surname_of_two_readings_is_found_by_both():
    assert {"sxh", "dxh", "shanxiaohong", "danxiaohong"} <= pinyin.terms("单小红")


def test_a_surname_of_two_characters_is_one_surname():
    assert {"ouyangnn", "nana", "oynn"} <= pinyin.terms("欧阳娜娜")


@given(st.text(max_size=30))
def test_whatever_is_typed_gives_terms_in_small_letters(name: str):
    for term in pinyin.terms(name):
        assert term
        assert term == term.lower()
