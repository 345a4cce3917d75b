"""Codes by text message: how often, how long, how many tries, and nothing told (PT-4)."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.patients import queries, rules
from engage.patients.errors import CodeTooSoon, TooManyCodes, WrongPhone
from engage.patients.models import FanPhone, PhoneCode, PhoneLimit
from engage.patients.rules import EXPIRED, RIGHT, SPENT, Fate, Verdict
from engage.patients.services import codes
from engage.tenancy import queries as tenancy
from tests.conftest import make_chain
from tests.patients.scenes import CLINIC_WIFI, NOW, PHONE, STORED, ask, chart, latest, make_people, recorded

MINUTE = dt.timedelta(minutes=1)
SECOND = dt.timedelta(seconds=1)


def check(session: Session, fan_id: int, code: str, *, phone: str = PHONE, now: dt.datetime = NOW) -> Verdict:
    return codes.check_code(session, fan_id=fan_id, phone=phone, code=code, now=now)


def other_than(code: str) -> str:
    """Give a wrong code."""
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_a_code_has_six_digits_and_waits_to_be_sent(people, session):
    code = ask(session, people.fan_ids[0])
    assert re.fullmatch(r"\d{6}", code)
    row = latest(session)
    assert (row.state, row.available_at, row.expires_at - NOW) == ("pending", NOW, dt.timedelta(minutes=5))


def test_codes_with_leading_zeros_keep_them(people, session, monkeypatch):
    monkeypatch.setattr(codes.secrets, "randbelow", lambda _most: 42)
    assert ask(session, people.fan_ids[0]) == "000042"


def test_code_and_phone_lie_sealed(people, session):
    code = ask(session, people.fan_ids[0])
    raw = str(
        bytes(session.execute(sa.text("select code || phone || phone_index from phone_code")).scalar_one())
    )
    assert code not in raw
    assert PHONE not in raw
    keys = session.execute(sa.text("select key from phone_limit")).scalars().all()
    assert CLINIC_WIFI.encode() not in b"".join(map(bytes, keys))


def test_the_right_code_proves_the_phone_once(people, session):
    fan_id = people.fan_ids[0]
    code = ask(session, fan_id)
    assert check(session, fan_id, f" {code} ") == RIGHT
    assert queries.verified_phone(session, fan_id) == queries.Verified(STORED, NOW)
    assert recorded(session, "patients.phone_verified") == [{"fan_id": fan_id}]
    assert check(session, fan_id, code) == SPENT
    assert len(recorded(session, "patients.phone_verified")) == 1


def test_a_new_phone_takes_the_place_of_the_old(people, session):
    fan_id = people.fan_ids[0]
    for phone in (PHONE, "13900005678"):
        code = ask(session, fan_id, phone=phone)
        assert check(session, fan_id, code, phone=phone) == RIGHT
    assert queries.verified_phone(session, fan_id).phone == "+8613900005678"


def test_five_tries_and_no_more(people, session):
    fan_id = people.fan_ids[0]
    code = ask(session, fan_id)
    wrong = [check(session, fan_id, other_than(code)) for _ in range(5)]
    assert wrong == [Verdict("wrong", left) for left in (4, 3, 2, 1, 0)]
    assert check(session, fan_id, code) == SPENT
    assert queries.verified_phone(session, fan_id) is None


def test_the_fifth_try_may_be_the_right_one(people, session):
    fan_id = people.fan_ids[0]
    code = ask(session, fan_id)
    for _ in range(4):
        check(session, fan_id, other_than(code))
    assert check(session, fan_id, code) == RIGHT


@pytest.mark.parametrize(("after", "verdict"), [(5 * MINUTE - SECOND, RIGHT), (5 * MINUTE, EXPIRED)])
def test_a_code_lives_five_minutes(people, session, after, verdict):
    code = ask(session, people.fan_ids[0])
    assert check(session, people.fan_ids[0], code, now=NOW + after) == verdict


def test_only_the_latest_code_counts(people, session):
    fan_id = people.fan_ids[0]
    first, second = ask(session, fan_id), ask(session, fan_id, now=NOW + MINUTE)
    if first != second:
        assert check(session, fan_id, first, now=NOW + MINUTE) == Verdict("wrong", 4)
    assert check(session, fan_id, second, now=NOW + MINUTE) == RIGHT


def test_a_code_is_one_fans_and_one_phones(people, session):
    mine, other = people.fan_ids
    code = ask(session, mine)
    assert check(session, other, code) == EXPIRED
    assert check(session, mine, code, phone="13900005678") == EXPIRED
    assert check(session, mine, code) == RIGHT
    assert queries.verified_phone(session, other) is None


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "１２３４５６", "abcdef", "红" * 500])
def test_odd_codes_are_wrong_and_count(people, session, typed):
    ask(session, people.fan_ids[0])
    assert check(session, people.fan_ids[0], typed) == Verdict("wrong", 4)


def test_asking_again_for_the_same_code_at_once_is_too_soon(people, session):
    ask(session, people.fan_ids[0])
    for after, left in ((0 * SECOND, 60), (1 * SECOND, 59), (MINUTE - SECOND / 2, 1)):
        with pytest.raises(CodeTooSoon) as refusal:
            ask(session, people.fan_ids[1], now=NOW + after)
        assert refusal.value.data == {"seconds": left}
    ask(session, people.fan_ids[1], now=NOW + MINUTE)


def test_ten_codes_a_day_for_a_phone_whoever_asks(people, session):
    for number in range(10):
        ask(session, people.fan_ids[number % 2], now=NOW + number * MINUTE)
    with pytest.raises(TooManyCodes):
        ask(session, people.fan_ids[0], now=NOW + 10 * MINUTE)
    ask(session, people.fan_ids[0], phone="13900005678", now=NOW + 10 * MINUTE)


def test_the_day_ends_at_the_chains_midnight(people, session):
    assert tenancy.tenant(session).zone == "Asia/Shanghai"
    midnight = dt.datetime(2026, 11, 22, 16, tzinfo=dt.UTC)
    begin = midnight - 11 * MINUTE
    for number in range(10):
        ask(session, people.fan_ids[0], now=begin + number * MINUTE)
    with pytest.raises(TooManyCodes):
        ask(session, people.fan_ids[0], now=midnight - SECOND)
    for number in range(10):
        ask(session, people.fan_ids[0], now=midnight + number * MINUTE)
    with pytest.raises(TooManyCodes):
        ask(session, people.fan_ids[0], now=midnight + 10 * MINUTE)


def test_midnight_does_not_shorten_the_minute(people, session):
    midnight = dt.datetime(2026, 11, 22, 16, tzinfo=dt.UTC)
    ask(session, people.fan_ids[0], now=midnight - SECOND)
    with pytest.raises(CodeTooSoon):
        ask(session, people.fan_ids[0], now=midnight + SECOND)


def test_another_chains_day_is_its_own(app):
    people = make_people(make_chain(zone="America/Los_Angeles"))
    with tenant_scope(people.chain.id), unit_of_work() as session:
        ask(session, people.fan_ids[0], now=dt.datetime(2026, 11, 22, 7, tzinfo=dt.UTC))
        days = session.scalars(sa.select(PhoneLimit.day)).all()
    assert set(days) == {dt.date(2026, 11, 21)}


def test_an_address_has_a_far_higher_ceiling(people, session, monkeypatch):
    monkeypatch.setattr(rules, "A_DAY_PER_ADDRESS", 12)
    for number in range(12):
        ask(session, people.fan_ids[0], phone=f"1380000{number:04}")
    with pytest.raises(TooManyCodes):
        ask(session, people.fan_ids[0], phone="13900005678")
    codes.request_code(session, fan_id=people.fan_ids[0], phone="13911110000", address="203.0.113.8", now=NOW)


def test_twenty_codes_a_day_for_a_fan_whatever_phones_and_addresses(people, session):
    fan_id, other = people.fan_ids
    told = {"fan_id": fan_id, "now": NOW}
    for number in range(20):
        codes.request_code(session, **told, phone=f"1380000{number:04}", address=f"203.0.113.{number}")
    with pytest.raises(TooManyCodes):
        codes.request_code(session, **told, phone="13900005678", address="203.0.113.99")
    ask(session, other, phone="13900005679")
    ask(session, fan_id, phone="13900005678", now=NOW + dt.timedelta(days=1))


def test_who_asked_first_but_is_counted_last_is_not_refused(people, session):
    """Two people on one network: the later request was faster."""
    for fan_id, phone, now in zip(
        people.fan_ids, (PHONE, "13900005678"), (NOW, NOW - SECOND / 10), strict=True
    ):
        ask(session, fan_id, phone=phone, now=now)
    assert session.scalars(sa.select(PhoneLimit.last_at).where(PhoneLimit.count == 2)).all() == [NOW]


def test_a_day_that_ended_does_not_come_back(people, session, monkeypatch):
    """Asked before midnight, counted after somebody who asked after it."""
    monkeypatch.setattr(rules, "A_DAY_PER_ADDRESS", 2)
    midnight = dt.datetime(2026, 11, 22, 16, tzinfo=dt.UTC)
    for fan_id, phone, now in zip(
        people.fan_ids, (PHONE, "13900005678"), (midnight, midnight - SECOND), strict=True
    ):
        ask(session, fan_id, phone=phone, now=now)
    with pytest.raises(TooManyCodes):
        ask(session, people.fan_ids[0], phone="13900005679", now=midnight + SECOND)


def test_a_refused_request_counts_for_nothing(people):
    fan_id = people.fan_ids[0]
    with tenant_scope(people.chain.id):
        with unit_of_work() as session:
            ask(session, fan_id)
        with pytest.raises(CodeTooSoon), unit_of_work() as session:
            ask(session, fan_id, now=NOW + SECOND)
        with unit_of_work() as session:
            counts = session.scalars(sa.select(PhoneLimit.count)).all()
            sent = session.scalar(sa.select(sa.func.count()).select_from(PhoneCode))
    assert (counts, sent) == ([1, 1, 1], 1)


def test_whether_a_chart_exists_changes_nothing(people, session, count_queries):
    chart(session, phone="13900005678")
    asked = []
    for fan_id, phone in zip(people.fan_ids, (PHONE, "13900005678"), strict=True):
        with count_queries() as counted:
            code = ask(session, fan_id, phone=phone)
            check(session, fan_id, other_than(code), phone=phone)
        asked.append(counted.n)
    assert asked[0] == asked[1]


@pytest.mark.parametrize("phone", ["021-62345678", "12345", ""])
def test_no_code_for_what_takes_no_texts(people, session, phone):
    with pytest.raises(WrongPhone):
        ask(session, people.fan_ids[0], phone=phone)
    assert session.scalar(sa.select(sa.func.count()).select_from(PhoneLimit)) == 0


def test_a_claimed_code_is_sent_once_and_never_blindly_again(people, session):
    ask(session, people.fan_ids[0])
    claimed, envelopes = codes.claim(session, now=NOW, batch=5)
    assert [(one.phone, len(one.code)) for one in envelopes] == [(STORED, 6)]
    assert codes.claim(session, now=NOW, batch=5)[1] == []
    later = codes.next_at(session)
    _, again = codes.claim(session, now=later, batch=5)
    assert again == []
    row = latest(session)
    assert (row.state, row.reason, row.available_at) == ("unknown", "no_answer", None)
    codes.settle(session, claimed, {row.id: Fate("sent")})
    assert row.state == "unknown"


def test_a_code_that_is_over_is_not_sent(people, session):
    ask(session, people.fan_ids[0])
    _, envelopes = codes.claim(session, now=NOW + 5 * MINUTE, batch=5)
    assert envelopes == []
    assert (latest(session).state, latest(session).reason) == ("failed", "expired")


@pytest.mark.parametrize("fate", [Fate("sent"), Fate("failed", "HTTP 400"), Fate("unknown", "ReadTimeout")])
def test_what_became_of_it_is_kept_and_ends_it(people, session, fate):
    code = ask(session, people.fan_ids[0])
    claimed, (envelope,) = codes.claim(session, now=NOW, batch=5)
    codes.settle(session, claimed, {envelope.id: fate})
    row = latest(session)
    assert (row.state, row.reason, row.available_at) == (fate.state, fate.reason, None)
    assert check(session, people.fan_ids[0], code) == RIGHT


def test_the_backlog_counts_what_was_not_sent_lately(people, session):
    for number, fate in enumerate((Fate("sent"), Fate("failed", "x"), Fate("unknown", "y"))):
        ask(session, people.fan_ids[0], phone=f"1380000000{number}")
        claimed, (envelope,) = codes.claim(session, now=NOW, batch=5)
        codes.settle(session, claimed, {envelope.id: fate})
    ask(session, people.fan_ids[0])
    backlog = queries.codes_backlog(session, now=NOW + MINUTE)
    assert (backlog.queue, backlog.waiting, backlog.oldest_due_at, backlog.failed) == ("codes", 1, NOW, 2)
    assert queries.codes_backlog(session, now=NOW + dt.timedelta(days=2)).failed == 0


def test_proof_of_a_phone_is_one_row_a_fan(people, session):
    for minute in range(2):
        code = ask(session, people.fan_ids[0], now=NOW + minute * MINUTE)
        check(session, people.fan_ids[0], code, now=NOW + minute * MINUTE)
    row = session.scalars(sa.select(FanPhone)).one()
    assert row.verified_at == NOW + MINUTE
