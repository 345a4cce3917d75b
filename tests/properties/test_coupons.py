"""Coupons against a plain model: whatever is given in whatever order, stock and grants agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engage.audit.services import OPERATOR
from engage.coupons import services
from engage.coupons.models import Coupon, CouponGrant
from engage.coupons.services import GrantedMany
from engage.kernel.db import Session
from tests.conftest import Chain
from tests.coupons.scenes import NOW, Crowd, give, make_crowd, published

FANS = 4


@pytest.fixture
def crowd(chain: Chain) -> Crowd:
    return make_crowd(chain, fan_count=FANS)


@dataclass
class Model:
    """What should be there: how many are left, who has which from where."""

    stock: int | None
    per_person: int | None
    is_open: bool = True
    held: Counter[int] = field(default_factory=Counter)
    causes: set[tuple[int, int]] = field(default_factory=set)

    def give(self, fans: list[int], cause: int) -> dict[int, str]:
        """Say what becomes of each, one after the other."""
        came: dict[int, str] = {}
        for fan in dict.fromkeys(fans):
            came[fan] = self._one(fan, cause)
            if came[fan] == "granted":
                self.held[fan] += 1
                self.causes.add((fan, cause))
        return came

    def _one(self, fan: int, cause: int) -> str:
        if (fan, cause) in self.causes:
            return "already"
        if not self.is_open:
            return "closed"
        if self.per_person is not None and self.held[fan] >= self.per_person:
            return "limited"
        if self.stock is not None and self.held.total() >= self.stock:
            return "out_of_stock"
        return "granted"


def told(came: GrantedMany) -> dict[int, str]:
    """Give what became of each; nobody is in two sets."""
    names = ("granted", "already", "limited", "out_of_stock", "closed")
    found = [(fan, name) for name in names for fan in getattr(came, name)]
    assert len(found) == len(dict(found))
    return dict(found)


ACTS = st.one_of(
    st.tuples(st.lists(st.integers(0, FANS - 1), max_size=6), st.integers(1, 3)), st.just("withdraw")
)


@given(
    stock=st.none() | st.integers(1, 6),
    per_person=st.none() | st.integers(1, 2),
    acts=st.lists(ACTS, max_size=8),
)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_stock_is_what_people_hold(
    session: Session, crowd: Crowd, stock: int | None, per_person: int | None, acts: list
) -> None:
    coupon_id = published(session, stock=stock, per_person=per_person)
    model = Model(stock, per_person)
    for act in acts:
        if act == "withdraw":
            services.withdraw(session, coupon_id, by=OPERATOR, now=NOW)
            model.is_open = False
            continue
        fans, cause = act
        came = give(session, coupon_id, *(crowd.fan_ids[fan] for fan in fans), cause_id=cause)
        wanted = {crowd.fan_ids[fan]: what for fan, what in model.give(fans, cause).items()}
        assert told(came) == wanted
    session.expire_all()
    rows = sa.select(sa.func.count()).where(CouponGrant.coupon_id == coupon_id)
    assert session.get_one(Coupon, (session.tenant_id, coupon_id)).granted == model.held.total()
    assert session.scalar(rows) == model.held.total()
