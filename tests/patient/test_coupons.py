"""A fan's coupons: their own alone, drawn as they stand, and the code until it is used."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from engage.audit.services import OPERATOR, Actor
from engage.coupons import queries, rules, services
from engage.coupons.models import CouponGrant
from engage.coupons.queries import Held
from engage.coupons.rules import Terms
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.tenancy import services as tenancy
from engage.tenancy.rules import Grant
from tests.conftest import Chain
from tests.contracts.callers import fan_browser
from tests.coupons.scenes import TEN_OFF, Crowd, give, make_crowd, published

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def crowd(chain: Chain) -> Crowd:
    return make_crowd(chain, now=clock.now())


@pytest.fixture
def me(app: Flask, crowd: Crowd) -> FlaskClient:
    """The browser of the first fan."""
    return fan_browser(app, crowd.chain, crowd.fan_ids[0])


def hold(crowd: Crowd, *, fan: int = 0, days_ago: int = 0, **changes) -> Held:
    """Give a fan a coupon, committed."""
    now = clock.now() - dt.timedelta(days=days_ago)
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        coupon_id = published(session, now=now, **changes)
        give(session, coupon_id, crowd.fan_ids[fan], now=now)
        return queries.latest(session, coupon_id, limit=1)[0]


def redeem(crowd: Crowd, held: Held) -> None:
    """Redeem it at the desk, committed."""
    details = tenancy.StaffDetails("desk", "Desk", "en", frozenset({Grant("desk", None)}))
    told = {"by": OPERATOR, "now": clock.now()}
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        staff = tenancy.create_staff(session, details, password_hash="none", one_time=False, **told)
        by, store_id = Actor("staff", staff.id), crowd.chain.store.id
        services.redeem(session, held.code, store_id=store_id, by=by, now=clock.now())


def page(me: FlaskClient, crowd: Crowd, path: str = "", status: int = 200) -> str:
    """Open a page of coupons, in English."""
    answer = me.get(f"/p/{crowd.account_slug}/coupons{path}", headers=ENGLISH)
    assert answer.status_code == status
    return html.unescape(answer.text)


def names(shown: str) -> list[str]:
    return re.findall(r'<p class="coupon-name">([^<]*)</p>', shown)


def test_an_empty_wallet_says_why(me: FlaskClient, crowd: Crowd) -> None:
    assert "No coupon at the moment" in page(me, crowd)
    assert "None used yet" in page(me, crowd, "?which=used")
    assert "None has expired" in page(me, crowd, "?which=expired")
    assert "No coupon at the moment" in page(me, crowd, "?which=nonsense")


def test_what_is_held_stands_where_it_belongs(me: FlaskClient, crowd: Crowd) -> None:
    hold(crowd, name="Usable one")
    hold(crowd, name="Old one", days_ago=60)
    redeem(crowd, hold(crowd, name="Used one"))
    hold(crowd, fan=1, name="Another's")
    assert names(page(me, crowd)) == ["Usable one"]
    assert names(page(me, crowd, "?which=used")) == ["Used one"]
    assert names(page(me, crowd, "?which=expired")) == ["Old one"]


def test_the_coupon_shows_code_terms_and_stores(me: FlaskClient, crowd: Crowd) -> None:
    held = hold(crowd, terms=dataclasses.replace(TEN_OFF, store_ids=frozenset({crowd.chain.store.id})))
    shown = page(me, crowd, f"/{held.id}")
    assert rules.grouped(held.code) in shown
    assert "data:image/svg+xml;base64," in shown
    assert "¥10 off, only at 徐汇店, valid for 30 days after receipt, not with other offers" in shown
    assert f"/stores/{crowd.chain.store.id}" in shown


def test_a_coupon_that_ends_soon_says_so(me: FlaskClient, crowd: Crowd) -> None:
    hold(crowd, terms=dataclasses.replace(TEN_OFF, valid_days=1))
    assert "Until tomorrow" in page(me, crowd)


def test_one_whose_time_is_to_come_shows_no_code(me: FlaskClient, crowd: Crowd) -> None:
    first = clock.now().date() + dt.timedelta(days=5)
    held = hold(crowd, terms=Terms("cash", 1000, valid_from=first, valid_until=first))
    shown = page(me, crowd, f"/{held.id}")
    assert "The code appears here on that day." in shown
    assert rules.grouped(held.code) not in shown


def test_the_page_hears_that_it_was_redeemed(me: FlaskClient, crowd: Crowd) -> None:
    held = hold(crowd)
    poll = re.search(r'data-poll="([^"]+)"', page(me, crowd, f"/{held.id}"))[1]
    assert me.get(poll).status_code == 204
    redeem(crowd, held)
    answer = me.get(poll, headers=ENGLISH)
    assert answer.status_code == 200
    assert 'data-said="Used"' in answer.text
    assert "data-poll" not in answer.text
    assert "at 徐汇店" in answer.text
    assert "<html" not in answer.text


def test_an_expired_one_has_no_picture_to_scan(me: FlaskClient, crowd: Crowd) -> None:
    shown = page(me, crowd, f"/{hold(crowd, days_ago=60).id}")
    assert "Expired on" in shown
    assert "data:image" not in shown


def test_anothers_coupon_is_not_found(me: FlaskClient, crowd: Crowd) -> None:
    held = hold(crowd, fan=1)
    page(me, crowd, f"/{held.id}", 404)
    page(me, crowd, f"/{held.id}/state", 404)


def test_what_was_taken_back_is_shown_nowhere_and_opens_as_void(me: FlaskClient, crowd: Crowd) -> None:
    held = hold(crowd)
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        session.execute(sa.update(CouponGrant).values(state=rules.VOIDED))
    assert not names(page(me, crowd) + page(me, crowd, "?which=expired"))
    assert "Void" in page(me, crowd, f"/{held.id}")


def test_a_full_wallet_takes_no_more_statements_than_one(me, crowd: Crowd, count_queries) -> None:
    hold(crowd)
    page(me, crowd)
    with count_queries() as few:
        page(me, crowd)
    for _ in range(4):
        hold(crowd)
    with count_queries() as many:
        assert len(names(page(me, crowd))) == 5
    assert many.n == few.n <= 8


def test_me_leads_to_the_coupons(me: FlaskClient, crowd: Crowd) -> None:
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        fans.record_refusal(session, crowd.fan_ids[0], now=clock.now())
    shown = me.get(f"/p/{crowd.account_slug}/me", headers=ENGLISH).text
    assert f'href="/p/{crowd.account_slug}/coupons"' in shown
