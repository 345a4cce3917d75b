"""Many reach for the last coupons, many desks for one code; without the guards it is given too often."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR, Actor
from engage.coupons import queries, services
from engage.coupons.models import Coupon, CouponGrant
from engage.coupons.queries import Held
from engage.coupons.services import GrantedMany, granting, redeeming
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.outbox import OutboxRow
from engage.tenancy import services as tenancy
from engage.tenancy.rules import Grant
from tests.concurrency.race import WAIT, race
from tests.conftest import Chain
from tests.coupons.scenes import NOW, Crowd, give, make_crowd, published

DESKS = 50


def claiming(coupon_id: int, *fan_ids: int, cause_id: int = 1) -> Callable[[Session], GrantedMany]:
    """Make the call that gives a coupon."""
    return lambda session: give(session, coupon_id, *fan_ids, cause_id=cause_id)


def offered(crowd: Crowd, **changes: int) -> int:
    """Publish a coupon, committed."""
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        return published(session, **changes)


def counted(crowd: Crowd, coupon_id: int) -> tuple[int, int]:
    """Give how many the coupon counts, and how many are held."""
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        rows = sa.select(sa.func.count()).where(CouponGrant.coupon_id == coupon_id)
        return session.get(Coupon, (crowd.chain.id, coupon_id)).granted, session.scalar(rows)


def given(results: Sequence[GrantedMany | Exception]) -> int:
    """Count the grants; a call that broke fails the test."""
    assert not [one for one in results if isinstance(one, Exception)]
    return sum(len(one.granted) for one in results)


def test_a_thousand_claims_for_a_hundred(app: Flask, chain: Chain) -> None:
    """Twenty-five lines of forty people each, one at a time as they come."""
    crowd = make_crowd(chain, fan_count=1000)
    coupon_id = offered(crowd, stock=100)

    def line(fan_ids: Sequence[int]) -> Callable[[Session], GrantedMany]:
        def run(session: Session) -> GrantedMany:
            came = [give(session, coupon_id, fan_id) for fan_id in fan_ids[:1]]
            session.commit()
            for fan_id in fan_ids[1:]:
                with unit_of_work() as own:
                    came.append(give(own, coupon_id, fan_id))
            return GrantedMany(
                granted=frozenset().union(*(one.granted for one in came)),
                out_of_stock=frozenset().union(*(one.out_of_stock for one in came)),
            )

        return run

    results = race(app, chain.id, [line(crowd.fan_ids[start::25]) for start in range(25)])
    assert given(results) == 100
    assert sum(len(one.out_of_stock) for one in results if isinstance(one, GrantedMany)) == 900
    assert counted(crowd, coupon_id) == (100, 100)


def test_two_campaigns_share_one_stock(app: Flask, chain: Chain) -> None:
    crowd = make_crowd(chain, fan_count=60)
    coupon_id = offered(crowd, stock=50)
    calls = [claiming(coupon_id, *crowd.fan_ids, cause_id=cause) for cause in (1, 2)]
    assert given(race(app, chain.id, calls)) == 50
    assert counted(crowd, coupon_id) == (50, 50)


def test_one_cause_twice_at_once_gives_once(app: Flask, chain: Chain) -> None:
    crowd = make_crowd(chain, fan_count=40)
    coupon_id = offered(crowd, stock=100)
    results = race(app, chain.id, [claiming(coupon_id, *crowd.fan_ids)] * 8)
    assert given(results) == 40
    assert counted(crowd, coupon_id) == (40, 40)


def test_nobody_gets_two_where_one_is_the_limit(app: Flask, chain: Chain) -> None:
    crowd = make_crowd(chain, fan_count=1)
    coupon_id = offered(crowd, per_person=1)
    calls = [claiming(coupon_id, *crowd.fan_ids, cause_id=cause) for cause in range(1, 17)]
    assert given(race(app, chain.id, calls)) == 1
    assert counted(crowd, coupon_id) == (1, 1)


class ReadThenWrite:
    """The control: stock that is read, held until all have read, and then counted by each."""

    def __init__(self, callers: int) -> None:
        self.all_have_read = threading.Barrier(callers)

    def __call__(self, session: Session, coupon_id: int, n: int) -> granting._Taken:
        row = session.get_one(Coupon, (session.tenant_id, coupon_id))
        left = n if row.stock is None else min(n, row.stock - row.granted)
        self.all_have_read.wait(WAIT)
        session.execute(sa.update(Coupon).where(Coupon.id == coupon_id).values(granted=row.granted + left))
        return granting._Taken(left, is_given=True, terms_id=row.terms_id, per_person=row.per_person)


def test_control_without_the_conditional_update_more_are_given_than_there_are(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = make_crowd(chain, fan_count=2)
    coupon_id = offered(crowd, stock=1)
    monkeypatch.setattr(granting, "_take", ReadThenWrite(callers=2))
    results = race(app, chain.id, [claiming(coupon_id, fan_id) for fan_id in crowd.fan_ids])
    assert given(results) == 2
    assert counted(crowd, coupon_id) == (1, 2)


# Redeeming


def held(crowd: Crowd) -> Held:
    """Give the first fan a coupon, committed."""
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        give(session, published(session), crowd.fan_ids[0])
        (found,) = queries.of_fan(session, crowd.fan_ids[0], NOW)
        return found


def desks(crowd: Crowd, code: str, count: int) -> list[Callable[[Session], Held]]:
    """Make the calls of many desks, each somebody else's."""
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        details = tenancy.StaffDetails("desk", "Desk", "en", frozenset({Grant("desk", None)}))
        staff = tenancy.create_staff(
            session, details, password_hash="none", one_time=False, by=OPERATOR, now=NOW
        )
        who = Actor("staff", staff.id)
    store_id = crowd.chain.store.id
    return [lambda session: services.redeem(session, code, store_id=store_id, by=who, now=NOW)] * count


def outcomes(results: Sequence[object]) -> dict[str, int]:
    """Count what came of the calls."""
    return Counter("done" if isinstance(one, Held) else type(one).__name__ for one in results)


def events(crowd: Crowd) -> int:
    """Count how often it was said that a coupon was redeemed."""
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        told = sa.select(sa.func.count(OutboxRow.event_id.distinct()))
        return session.scalar(told.where(OutboxRow.event == "coupons.redeemed"))


def test_one_coupon_at_fifty_desks(app: Flask, chain: Chain) -> None:
    crowd = make_crowd(chain)
    results = race(app, chain.id, desks(crowd, held(crowd).code, DESKS))
    assert outcomes(results) == {"done": 1, "Redeemed": DESKS - 1}
    assert events(crowd) == 1


def test_control_without_the_guard_two_desks_redeem_it(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd, both_have_looked = make_crowd(chain), threading.Barrier(2)

    def take(session: Session, grant_id: int, **_told: object) -> bool:
        both_have_looked.wait(WAIT)
        return session.get_one(CouponGrant, (session.tenant_id, grant_id)).state == "held"

    monkeypatch.setattr(redeeming, "_take", take)
    results = race(app, chain.id, desks(crowd, held(crowd).code, 2))
    assert outcomes(results) == {"done": 2}
    assert events(crowd) == 2
