"""Giving coupons to many: exactly once for each cause, within stock and limits."""

from __future__ import annotations

import dataclasses
import datetime as dt

import psycopg
import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.coupons import queries, rules, services
from engage.coupons.models import Coupon, CouponGrant
from engage.coupons.rules import Terms
from engage.coupons.services import GrantedMany
from engage.kernel.errors import NotFound
from tests.coupons.scenes import NEW, NOW, TEN_OFF, Crowd, give, make_crowd, published


def counted(session, coupon_id: int) -> tuple[int, int]:
    """Give how many the coupon counts, and how many rows there are."""
    session.expire_all()
    rows = sa.select(sa.func.count()).where(CouponGrant.coupon_id == coupon_id)
    return session.get(Coupon, (session.tenant_id, coupon_id)).granted, session.scalar(rows)


def test_everybody_gets_one(session, crowd: Crowd) -> None:
    coupon_id = published(session)
    came = give(session, coupon_id, *crowd.fan_ids)
    assert came == GrantedMany(granted=frozenset(crowd.fan_ids))
    assert counted(session, coupon_id) == (3, 3)
    (held,) = queries.of_fan(session, crowd.fan_ids[0], NOW)
    assert (held.name, held.terms, held.granted_at) == ("新客立减", TEN_OFF, NOW)
    assert held.valid_until == dt.datetime(2026, 12, 22, 16, tzinfo=dt.UTC)


def test_a_repeat_of_the_cause_gives_nothing_more(session, crowd: Crowd) -> None:
    coupon_id = published(session, stock=10)
    give(session, coupon_id, *crowd.fan_ids[:2])
    came = give(session, coupon_id, *crowd.fan_ids, crowd.fan_ids[0])
    assert came.already == set(crowd.fan_ids[:2])
    assert came.granted == {crowd.fan_ids[2]}
    assert counted(session, coupon_id) == (3, 3)


def test_another_cause_gives_another(session, crowd: Crowd) -> None:
    coupon_id = published(session)
    give(session, coupon_id, crowd.fan_ids[0], cause_id=1)
    assert give(session, coupon_id, crowd.fan_ids[0], cause_id=2).granted == {crowd.fan_ids[0]}
    assert counted(session, coupon_id) == (2, 2)


def test_the_stock_goes_to_the_first(session, crowd: Crowd) -> None:
    coupon_id = published(session, stock=2)
    came = give(session, coupon_id, *reversed(crowd.fan_ids))
    assert came.granted == set(crowd.fan_ids[1:])
    assert came.out_of_stock == {crowd.fan_ids[0]}
    assert counted(session, coupon_id) == (2, 2)
    assert give(session, coupon_id, crowd.fan_ids[0]).out_of_stock == {crowd.fan_ids[0]}


def test_stock_that_conflicts_did_not_use_is_given_to_others(session, crowd: Crowd) -> None:
    """Two have it already, and one is left: the third gets it, though three were asked for."""
    coupon_id = published(session, stock=3)
    give(session, coupon_id, *crowd.fan_ids[:2])
    came = give(session, coupon_id, *crowd.fan_ids)
    assert came.granted == {crowd.fan_ids[2]}
    assert counted(session, coupon_id) == (3, 3)


def test_nobody_gets_more_than_a_person_may_have(session, crowd: Crowd) -> None:
    coupon_id = published(session, per_person=1, stock=9)
    give(session, coupon_id, crowd.fan_ids[0], cause_id=1)
    came = give(session, coupon_id, *crowd.fan_ids, cause_id=2)
    assert came.limited == {crowd.fan_ids[0]}
    assert came.granted == set(crowd.fan_ids[1:])
    assert counted(session, coupon_id) == (3, 3)


@pytest.mark.parametrize("state", ["draft", "offline", "withdrawn", "over"])
def test_what_is_not_given_online_is_given_to_nobody(session, crowd: Crowd, state: str) -> None:
    told, now = {"by": OPERATOR, "now": NOW}, NOW
    terms = Terms("cash", amount_minor=1, valid_until=dt.date(2026, 11, 22))
    coupon_id = services.create(session, dataclasses.replace(NEW, terms=terms), **told).id
    if state != "draft":
        services.publish(session, coupon_id, online=state != "offline", offline=True, **told)
    if state == "withdrawn":
        services.withdraw(session, coupon_id, **told)
    if state == "over":
        now = dt.datetime(2026, 11, 22, 16, tzinfo=dt.UTC)
    came = give(session, coupon_id, *crowd.fan_ids, now=now)
    assert came == GrantedMany(closed=frozenset(crowd.fan_ids))
    assert counted(session, coupon_id) == (0, 0)


def test_who_has_it_from_the_cause_is_told_so_after_it_was_withdrawn(session, crowd: Crowd) -> None:
    coupon_id = published(session)
    give(session, coupon_id, crowd.fan_ids[0])
    services.withdraw(session, coupon_id, by=OPERATOR, now=NOW)
    came = give(session, coupon_id, *crowd.fan_ids[:2])
    assert came == GrantedMany(already=frozenset(crowd.fan_ids[:1]), closed=frozenset(crowd.fan_ids[1:2]))
    assert queries.of_fan(session, crowd.fan_ids[0], NOW)


def test_nothing_is_asked_for_nobody(session, crowd: Crowd) -> None:
    assert give(session, published(session)) == GrantedMany()


def test_there_must_be_a_coupon(session, crowd: Crowd) -> None:
    with pytest.raises(NotFound):
        give(session, 0, *crowd.fan_ids)


def test_stock_is_taken_as_far_as_it_goes(session, crowd: Crowd) -> None:
    coupon_id = published(session, stock=5)
    came = [give(session, coupon_id, *crowd.fan_ids, cause_id=cause) for cause in range(3)]
    assert [(len(one.granted), len(one.out_of_stock)) for one in came] == [(3, 0), (2, 1), (0, 3)]
    assert len(give(session, published(session), *crowd.fan_ids).granted) == 3


def test_the_database_refuses_more_than_the_stock(session, crowd: Crowd) -> None:
    coupon_id = published(session, stock=1)
    with pytest.raises(sa.exc.IntegrityError) as refusal:
        session.execute(sa.update(Coupon).where(Coupon.id == coupon_id).values(granted=2))
    assert isinstance(refusal.value.orig, psycopg.errors.CheckViolation)


def test_what_people_hold_keeps_its_terms(session, crowd: Crowd) -> None:
    coupon_id = published(session)
    give(session, coupon_id, crowd.fan_ids[0])
    better = dataclasses.replace(TEN_OFF, amount_minor=20_00, valid_days=60)
    version = queries.coupon(session, coupon_id).version
    changed = dataclasses.replace(NEW, terms=better)
    services.edit(session, coupon_id, changed, version=version, by=OPERATOR, now=NOW)
    give(session, coupon_id, crowd.fan_ids[1])
    first, second = (queries.of_fan(session, fan_id, NOW)[0] for fan_id in crowd.fan_ids[:2])
    assert (first.terms, second.terms) == (TEN_OFF, better)


def test_thousands_take_as_many_statements_as_one(session, chain, count_queries) -> None:
    many = make_crowd(chain, fan_count=120)
    coupon_id = published(session)
    session.flush()
    with count_queries() as one:
        give(session, coupon_id, many.fan_ids[0])
    with count_queries() as rest:
        give(session, coupon_id, *many.fan_ids[1:])
    assert rest.n <= one.n <= 6


def test_codes_are_apart_and_readable(session, crowd: Crowd) -> None:
    coupon_id = published(session)
    give(session, coupon_id, *crowd.fan_ids)
    codes = set(session.scalars(sa.select(CouponGrant.code)))
    assert len(codes) == 3
    assert all(len(code) == rules.CODE_LENGTH and set(code) <= set(rules.ALPHABET) for code in codes)
