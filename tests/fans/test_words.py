"""Short codes, remarks, names of tags, and what fans are searched by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engage.fans import rules
from engage.fans.errors import WrongRemark, WrongTagName


@given(st.integers(0, 2**62))
def test_a_short_code_leads_back_to_its_fan(fan_id: int):
    assert rules.fan_of_code(rules.short_code(fan_id)) == fan_id


@given(st.sets(st.integers(0, 2**22), min_size=2, max_size=50))
def test_no_two_fans_share_a_code(fan_ids: set[int]):
    assert len({rules.short_code(fan_id) for fan_id in fan_ids}) == len(fan_ids)


def test_a_code_is_read_as_people_write_it():
    code = rules.short_code(1)
    assert rules.fan_of_code(code.lower().replace("0", "o").replace("1", "l")) == 1


@given(st.text(max_size=14))
def test_whatever_is_typed_is_no_code_or_the_code_of_somebody(typed: str):
    fan_id = rules.fan_of_code(typed)
    assert fan_id is None or rules.fan_of_code(rules.short_code(fan_id)) == fan_id


@pytest.mark.parametrize(("typed", "kept"), [("  小红 \n妈妈 ", "小红 妈妈"), ("", None), ("   ", None)])
def test_a_remark_is_kept_tidy(typed: str, kept: str | None):
    assert rules.remark(typed) == kept


def test_too_long_remarks_and_names_are_refused():
    with pytest.raises(WrongRemark):
        rules.remark("好" * 41)
    for name in ("", " ", "好" * 17):
        with pytest.raises(WrongTagName):
            rules.tag_name(name)


def test_a_fan_is_searched_by_nickname_and_remark_as_written_and_in_letters():
    terms = rules.terms_of("小红", "Anna Lee")
    assert {"小红", "红", "xh", "xiaohong", "anna lee", "lee", "al"} <= terms
