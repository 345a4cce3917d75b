"""Terms: what is wrong with them, how long they hold, and the sentence people read, in both languages."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po
from hypothesis import given, settings
from hypothesis import strategies as st

from engage.config import ROOT
from engage.coupons import rules, wording
from engage.coupons.rules import CASH, EXCHANGE, PERCENT, THRESHOLD, Terms
from engage.coupons.wording import Face, Speech
from tests.coupons.scenes import NOW, TEN_OFF, ZONE

DAY = dt.timedelta(days=1)
STORES = {1: "徐汇店", 2: "浦东店", 3: "静安店"}
ITEMS = {7: "洗牙", 8: "涂氟"}


@pytest.fixture(scope="module")
def chinese() -> Speech:
    """Words of the Chinese catalogue."""
    with (ROOT / "engage/translations/zh_Hans/LC_MESSAGES/messages.po").open("rb") as file:
        words = {message.id: message.string for message in read_po(file) if message.id}
    return Speech(lambda text: words[text], "zh_Hans", "CNY", STORES, ITEMS)


@pytest.fixture
def english() -> Speech:
    return Speech(str, "en", "CNY", STORES, ITEMS)


SENTENCES = [
    (
        Terms(CASH, amount_minor=100_00, valid_days=30),
        "立减 100 元，领取后 30 天内有效，不与其他优惠同享",
        "¥100 off, valid for 30 days after receipt, not with other offers",
    ),
    (
        Terms(
            THRESHOLD,
            amount_minor=100_00,
            minimum_minor=500_00,
            store_ids=frozenset({2, 1}),
            valid_days=30,
        ),
        "满 500 元减 100 元，限徐汇店、浦东店，领取后 30 天内有效，不与其他优惠同享",
        "¥100 off from ¥500, only at 徐汇店, 浦东店, valid for 30 days after receipt, not with other offers",
    ),
    (
        Terms(PERCENT, percent=85, item_ids=frozenset({7}), stackable=True, valid_days=1),
        "8.5 折，限洗牙，领取后次日内有效，可与其他优惠同享",
        "15% off, only for 洗牙, valid until the day after receipt, together with other offers too",
    ),
    (
        Terms(PERCENT, percent=80, minimum_minor=1000_00, valid_until=dt.date(2026, 12, 31)),
        "满 1,000 元享 8 折，2026年12月31日前有效（含当日），不与其他优惠同享",
        "20% off from ¥1,000, valid until 31 Dec 2026, not with other offers",
    ),
    (
        Terms(EXCHANGE, item_id=8, valid_from=dt.date(2026, 12, 1), valid_until=dt.date(2026, 12, 31)),
        "可兑换涂氟一次，2026年12月1日至2026年12月31日有效，不与其他优惠同享",
        "Good for 涂氟 once, valid from 1 Dec 2026 to 31 Dec 2026, not with other offers",
    ),
    (
        Terms(CASH, amount_minor=99_50, valid_days=7),
        "立减 99.5 元，领取后 7 天内有效，不与其他优惠同享",
        "¥99.5 off, valid for 7 days after receipt, not with other offers",
    ),
]


@pytest.mark.parametrize(("terms", "zh", "en"), SENTENCES)
def test_the_sentence_people_read(chinese: Speech, english: Speech, terms: Terms, zh: str, en: str) -> None:
    assert wording.sentence(terms, chinese) == zh
    assert wording.sentence(terms, english) == en


@pytest.mark.parametrize(
    ("terms", "zh", "condition"),
    [
        (Terms(CASH), "立减 … 元，…前有效（含当日），不与其他优惠同享", "无门槛"),
        (
            Terms(THRESHOLD, valid_days=30),
            "满 … 元减 … 元，领取后 30 天内有效，不与其他优惠同享",
            "满 … 元可用",
        ),
        (Terms(PERCENT, valid_days=30), "… 折，领取后 30 天内有效，不与其他优惠同享", "无门槛"),
        (Terms(EXCHANGE, valid_days=30), "可兑换…一次，领取后 30 天内有效，不与其他优惠同享", "凭券兑换一次"),
    ],
)
def test_what_is_not_typed_yet_is_left_open(chinese: Speech, terms: Terms, zh: str, condition: str) -> None:
    """A preview of an empty form promises nothing, and not 0 off from 0."""
    assert wording.sentence(terms, chinese) == zh
    assert (wording.face(terms, chinese).figure, wording.face(terms, chinese).condition) == ("…", condition)


def test_other_money_is_written_as_there() -> None:
    seoul = Speech(str, "en", "KRW")
    assert wording.money(10_000, seoul) == "₩10,000"
    assert wording.money(10_000, Speech(str, "zh_Hans", "KRW")) == "₩10,000"


@pytest.mark.parametrize(
    ("terms", "zh", "en"),
    [
        (TEN_OFF, ("¥", "10", "", "无门槛"), ("¥", "10", "", "no minimum")),
        (
            Terms(THRESHOLD, amount_minor=100_00, minimum_minor=500_00, valid_days=1),
            ("¥", "100", "", "满 500 元可用"),
            ("¥", "100", "", "from ¥500"),
        ),
        (
            Terms(PERCENT, percent=85, valid_days=1),
            ("", "8.5", "折", "无门槛"),
            ("", "15", "% off", "no minimum"),
        ),
        (
            Terms(EXCHANGE, item_id=7, valid_days=1),
            ("", "洗牙", "", "凭券兑换一次"),
            ("", "洗牙", "", "once, with this coupon"),
        ),
    ],
)
def test_the_large_print(chinese: Speech, english: Speech, terms: Terms, zh: tuple, en: tuple) -> None:
    assert wording.face(terms, chinese) == Face(*zh)
    assert wording.face(terms, english) == Face(*en)


def test_terms_are_stored_and_read_again() -> None:
    for terms, _zh, _en in SENTENCES:
        assert Terms.of_data(terms.as_data()) == terms


@pytest.mark.parametrize(
    ("terms", "fields"),
    [
        (TEN_OFF, set()),
        (Terms("gift", valid_days=1), {"kind"}),
        (Terms(CASH, valid_days=1), {"amount"}),
        (Terms(CASH, amount_minor=0, valid_days=1), {"amount"}),
        (Terms(CASH, amount_minor=rules.MOST_MINOR + 1, valid_days=1), {"amount"}),
        (Terms(THRESHOLD, amount_minor=100, valid_days=1), {"minimum"}),
        (Terms(THRESHOLD, amount_minor=100, minimum_minor=100, valid_days=1), {"minimum"}),
        (Terms(PERCENT, valid_days=1), {"percent"}),
        (Terms(PERCENT, percent=100, valid_days=1), {"percent"}),
        (Terms(EXCHANGE, valid_days=1), {"item"}),
        (Terms(CASH, amount_minor=1), {"valid_days"}),
        (Terms(CASH, amount_minor=1, valid_days=0), {"valid_days"}),
        (Terms(CASH, amount_minor=1, valid_days=1, valid_until=dt.date(2026, 1, 1)), {"valid_days"}),
        (
            Terms(CASH, amount_minor=1, valid_from=dt.date(2026, 1, 2), valid_until=dt.date(2026, 1, 1)),
            {"valid_until"},
        ),
    ],
)
def test_what_is_wrong_with_terms(terms: Terms, fields: set[str]) -> None:
    assert set(rules.problems(terms)) == fields


def local(*parts: int, zone: str = ZONE) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("terms", "granted", "begins", "ends"),
    [
        (Terms(CASH, valid_days=1), local(2026, 11, 22, 0), local(2026, 11, 22), local(2026, 11, 24)),
        (Terms(CASH, valid_days=1), local(2026, 11, 22, 23, 59), None, local(2026, 11, 24)),
        (Terms(CASH, valid_days=30), local(2026, 11, 22, 15), None, local(2026, 12, 23)),
        (
            Terms(CASH, valid_from=dt.date(2026, 12, 1), valid_until=dt.date(2026, 12, 1)),
            local(2026, 11, 22, 15),
            local(2026, 12, 1),
            local(2026, 12, 2),
        ),
        (Terms(CASH, valid_until=dt.date(2026, 11, 22)), local(2026, 11, 22, 15), None, local(2026, 11, 23)),
    ],
)
def test_it_ends_with_a_local_day(terms, granted, begins, ends) -> None:
    assert rules.validity(terms, granted, ZONE) == (begins or granted, ends)


def test_a_day_of_twenty_five_hours_is_a_day() -> None:
    granted = local(2026, 10, 31, 12, zone="America/New_York")
    _begins, ends = rules.validity(Terms(CASH, valid_days=1), granted, "America/New_York")
    assert ends == local(2026, 11, 2, zone="America/New_York")
    assert ends - local(2026, 11, 1, zone="America/New_York").astimezone(dt.UTC) == 25 * dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("state", "now", "standing"),
    [
        ("held", NOW, "held"),
        ("held", NOW - dt.timedelta(microseconds=1), "not_yet"),
        ("held", NOW + DAY - dt.timedelta(microseconds=1), "held"),
        ("held", NOW + DAY, "expired"),
        ("redeemed", NOW + 2 * DAY, "redeemed"),
        ("voided", NOW, "voided"),
    ],
)
def test_how_it_stands(state: str, now: dt.datetime, standing: str) -> None:
    assert rules.standing(state, NOW, NOW + DAY, now) == standing


def test_every_standing_has_words_and_a_colour() -> None:
    assert rules.STANDINGS.keys() == rules.STANDING_TONES.keys()
    assert rules.STATES.keys() == rules.TONES.keys()


def test_where_it_can_be_used() -> None:
    somewhere = Terms(CASH, store_ids=frozenset({1}))
    assert rules.usable("held", TEN_OFF, 9) is None
    assert rules.usable("held", somewhere, 1) is None
    assert rules.usable("held", somewhere, 9) == "other_store"
    assert rules.usable("expired", somewhere, 9) == "expired"


def test_no_two_characters_of_a_code_look_alike() -> None:
    for alike in ("0ODQ", "1IL", "2Z", "5S", "6G", "8B", "UV"):
        assert len(set(alike) & set(rules.ALPHABET)) <= 1
    assert len(set(rules.ALPHABET)) == len(rules.ALPHABET)


def test_a_code_is_shown_in_groups() -> None:
    assert rules.grouped("ACEFGHJKMNPR") == "ACEF GHJK MNPR"


@settings(deadline=None)
@given(
    st.text(rules.ALPHABET, min_size=12, max_size=12),
    st.lists(st.sampled_from([" ", "-", "\t", "\u3000", "·"]), min_size=12, max_size=12),
    st.sampled_from([str.lower, str.upper, lambda text: "".join(chr(ord(c) + 0xFEE0) for c in text)]),
)
def test_a_code_is_read_however_it_is_typed(code: str, between: list[str], write) -> None:
    typed = "".join(write(char) + gap for char, gap in zip(code, between, strict=True))
    assert rules.read_code(typed) == code
