"""Coupons in the console: the list, the form with its card, publishing, and redeeming at the desk."""

from __future__ import annotations

import dataclasses
import html
import re

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR
from engage.clinic import services as clinic
from engage.coupons import queries, rules, services
from engage.coupons.models import Coupon
from engage.coupons.queries import Held
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.conftest import Chain
from tests.contracts.callers import Person, log_in_directly
from tests.coupons.scenes import NEW, TEN_OFF, Crowd, give, make_crowd, published
from tests.patient.phones import add_item

COUPONS = "/console/coupons"
FORM = {
    "name": "洁牙满减",
    "kind": "threshold",
    "amount": "99.5",
    "minimum": "500",
    "validity": "days",
    "valid_days": "30",
    "per_person": "1",
    "stock": "",
}


@pytest.fixture
def crowd(chain: Chain) -> Crowd:
    return make_crowd(chain, now=clock.now())


@pytest.fixture
def marketer(app: Flask, chain: Chain) -> Person:
    return log_in_directly(app, chain, "marketer")


@pytest.fixture
def desk(app: Flask, chain: Chain) -> Person:
    return log_in_directly(app, chain, "desk", store_id=chain.store.id)


def hold(crowd: Crowd, *, fan: int = 0, **changes) -> Held:
    """Give a fan a coupon, committed."""
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        coupon_id = published(session, now=clock.now(), **changes)
        give(session, coupon_id, crowd.fan_ids[fan], now=clock.now())
        return queries.latest(session, coupon_id, limit=1)[0]


def only(chain: Chain) -> queries.Offer:
    """Give the chain's one coupon."""
    with tenant_scope(chain.id), unit_of_work() as session:
        return queries.coupon(session, session.scalars(sa.select(Coupon.id)).one())


def standing(crowd: Crowd, held: Held) -> str:
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        return queries.grant(session, held.id).state


def text(answer) -> str:
    return html.unescape(answer.text)


def errors(answer) -> set[str]:
    return set(re.findall(r'href="#field-(\w+)"', answer.text))


# The form


def test_a_coupon_is_made_published_and_withdrawn(chain: Chain, marketer: Person) -> None:
    made = marketer.ask("POST", f"{COUPONS}/new", FORM)
    assert made.status_code == 303
    offer = only(chain)
    assert (offer.state, offer.terms.amount_minor, offer.terms.minimum_minor) == ("draft", 9950, 50000)
    assert (offer.stock, offer.per_person) == (None, 1)
    shown = text(marketer.client.get(made.location))
    assert "¥99.5 off from ¥500, valid for 30 days after receipt, not with other offers" in shown
    assert marketer.ask("POST", f"{made.location}/publish", {"online": "yes"}).status_code == 303
    assert only(chain).online
    assert not only(chain).offline
    assert marketer.ask("POST", f"{made.location}/withdraw").status_code == 303
    assert only(chain).state == "withdrawn"
    assert marketer.client.get(f"{made.location}/edit").status_code == 302


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"name": ""}, {"name"}),
        ({"name": "很" * 21}, {"name"}),
        ({"kind": "gift"}, {"kind"}),
        ({"amount": ""}, {"amount"}),
        ({"amount": "0"}, {"amount"}),
        ({"amount": "ten"}, {"amount"}),
        ({"amount": "1.005"}, {"amount"}),
        ({"amount": "NaN"}, {"amount"}),
        ({"amount": "9" * 40}, {"amount"}),
        ({"minimum": "99.5"}, {"minimum"}),
        ({"kind": "percent", "percent": "100"}, {"percent"}),
        ({"kind": "exchange", "item": ""}, {"item"}),
        ({"kind": "exchange", "item": "99"}, {"item"}),
        ({"valid_days": "0"}, {"valid_days"}),
        ({"valid_days": ""}, {"valid_days"}),
        ({"validity": "dates", "valid_from": "2026-12-02", "valid_until": "2026-12-01"}, {"valid_until"}),
        ({"stores": "99"}, {"stores"}),
        ({"items": "99"}, {"items"}),
        ({"stock": "0"}, {"stock"}),
        ({"per_person": "0"}, {"per_person"}),
    ],
)
def test_what_is_wrong_stands_beside_its_field(marketer: Person, changed: dict, wrong: set[str]) -> None:
    answer = marketer.ask("POST", f"{COUPONS}/new", {**FORM, **changed})
    assert answer.status_code == 422
    assert errors(answer) == wrong
    assert f'value="{changed.get("valid_days", "30")}"' in answer.text


def test_a_last_day_is_asked_for_where_dates_are_chosen(marketer: Person) -> None:
    answer = marketer.ask("POST", f"{COUPONS}/new", {**FORM, "validity": "dates", "valid_until": ""})
    assert errors(answer) == {"valid_until"}


def test_what_belongs_to_another_kind_is_left_out(chain: Chain, marketer: Person) -> None:
    form = {**FORM, "kind": "cash", "percent": "250", "minimum": "x", "valid_until": "never"}
    assert marketer.ask("POST", f"{COUPONS}/new", form).status_code == 303
    assert only(chain).terms.minimum_minor is None


def test_an_exchange_is_for_its_item_alone(chain: Chain, marketer: Person) -> None:
    """Items that were ticked before the kind was changed are sent by the form, unseen."""
    one, other = add_item(chain, minutes=30), add_item(chain, minutes=60)
    form = {**FORM, "kind": "exchange", "item": str(one), "items": str(other)}
    assert marketer.ask("POST", f"{COUPONS}/new", form).status_code == 303
    assert (only(chain).terms.item_id, only(chain).terms.item_ids) == (one, frozenset())


def test_the_form_shows_the_coupon_as_it_is(chain: Chain, marketer: Person) -> None:
    marketer.ask("POST", f"{COUPONS}/new", {**FORM, "stores": str(chain.store.id)})
    offer = only(chain)
    shown = marketer.client.get(f"{COUPONS}/{offer.id}/edit").text
    again = dict(re.findall(r'name="(\w+)" type="\w+" value="([^"]*)"', shown))
    assert again["amount"] == "99.5"
    assert again["minimum"] == "500"
    form = {**FORM, **again, "stores": str(chain.store.id), "version": "1"}
    assert marketer.ask("POST", f"{COUPONS}/{offer.id}/edit", form).status_code == 303
    assert only(chain) == offer


def test_refused_edits_keep_what_was_typed(crowd: Crowd, marketer: Person) -> None:
    held = hold(crowd, stock=5)
    address = f"{COUPONS}/{held.coupon_id}/edit"
    form = {**FORM, "kind": "cash", "name": "Typed"}
    stale = marketer.ask("POST", address, {**form, "version": "1"})
    assert (stale.status_code, errors(stale)) == (409, {"name"})
    assert 'value="Typed"' in stale.text
    assert marketer.ask("POST", address, {**form, "version": "²"}).status_code == 409
    kind = marketer.ask("POST", address, {**FORM, "version": "2"})
    assert (kind.status_code, errors(kind)) == (409, {"kind"})
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        give(session, held.coupon_id, crowd.fan_ids[1], now=clock.now())
    few = marketer.ask("POST", address, {**form, "version": "2", "stock": "1"})
    assert (few.status_code, errors(few)) == (409, {"stock"})
    assert "2 of this coupon are given out already" in few.text


def test_the_card_follows_what_is_typed(marketer: Person) -> None:
    half = {"name": "", "kind": "cash", "amount": "20", "validity": "days", "valid_days": ""}
    shown = text(marketer.ask("POST", f"{COUPONS}/preview", half))
    assert "<b>20</b>" in shown
    assert "The coupon’s name" in shown
    assert "<html" not in shown
    assert marketer.ask("POST", f"{COUPONS}/preview").status_code == 200
    assert "<b>…</b>" in text(marketer.client.get(f"{COUPONS}/new"))


# Lists


def test_the_list_by_state(crowd: Crowd, marketer: Person) -> None:
    assert "No coupon yet" in text(marketer.client.get(COUPONS))
    hold(crowd, name="Published one", stock=1)
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        services.create(session, dataclasses.replace(NEW, name="Draft one"), by=OPERATOR, now=clock.now())

    def names(state: str) -> list[str]:
        shown = text(marketer.client.get(COUPONS, query_string={"state": state}))
        return re.findall(r'class="row-link"[^>]*>([^<]+)<', shown)

    assert names("") == names("nonsense") == ["Draft one", "Published one"]
    assert names("published") == ["Published one"]
    assert "No coupon is in this state" in text(marketer.client.get(f"{COUPONS}?state=withdrawn"))
    assert "none left" in text(marketer.client.get(COUPONS))


def test_lists_take_as_many_statements_as_one_row(crowd: Crowd, marketer: Person, count_queries) -> None:
    held = hold(crowd)
    addresses = [COUPONS, f"{COUPONS}/{held.coupon_id}"]
    for address in addresses:
        marketer.client.get(address)
    few = []
    for address in addresses:
        with count_queries() as counted:
            marketer.client.get(address)
        few.append(counted.n)
    for _ in range(4):
        hold(crowd)
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        give(session, held.coupon_id, *crowd.fan_ids, now=clock.now())
    for address, before in zip(addresses, few, strict=True):
        with count_queries() as counted:
            assert marketer.client.get(address).status_code == 200
        assert counted.n == before <= 14


def test_a_manager_of_one_store_looks_and_changes_nothing(app: Flask, crowd: Crowd) -> None:
    held = hold(crowd)
    manager = log_in_directly(app, crowd.chain, "manager", store_id=crowd.chain.store.id)
    shown = manager.client.get(f"{COUPONS}/{held.coupon_id}")
    assert shown.status_code == 200
    assert "/withdraw" not in shown.text
    assert manager.ask("POST", f"{COUPONS}/{held.coupon_id}/withdraw").status_code == 403
    assert manager.client.get(f"{COUPONS}/new").status_code == 403


# Redeeming


def look(desk: Person, code: str):
    return desk.ask("POST", f"{COUPONS}/redeem", {"code": code})


def test_the_desk_redeems(crowd: Crowd, desk: Person) -> None:
    held = hold(crowd, name="Ten off")
    assert "None redeemed today" in text(desk.client.get(f"{COUPONS}/redeem"))
    shown = look(desk, f" {rules.grouped(held.code).lower()} ")
    assert shown.status_code == 200
    assert "Ten off" in shown.text
    assert "Redeem at 徐汇店" in text(shown)
    confirmed = desk.ask(
        "POST", f"{COUPONS}/redeem/confirm", {"code": held.code, "store": str(crowd.chain.store.id)}
    )
    assert confirmed.status_code == 303
    done = text(desk.client.get(confirmed.location))
    assert "Redeemed" in done
    assert done.count("Ten off") >= 2
    assert standing(crowd, held) == "redeemed"


def test_why_it_is_refused(crowd: Crowd, desk: Person) -> None:
    assert look(desk, " ").status_code == 422
    unknown = look(desk, "ACEF-ACEF-ACEF")
    assert unknown.status_code == 409
    assert "There is no coupon with this code" in text(unknown)
    assert 'value="ACEFACEFACEF"' in unknown.text
    elsewhere = look(desk, hold(crowd, terms=dataclasses.replace(TEN_OFF, store_ids=frozenset({10**9}))).code)
    assert elsewhere.status_code == 409
    assert "cannot be used at this store" in elsewhere.text
    held = hold(crowd)
    form = {"code": held.code, "store": str(crowd.chain.store.id)}
    desk.ask("POST", f"{COUPONS}/redeem/confirm", form)
    for again in (look(desk, held.code), desk.ask("POST", f"{COUPONS}/redeem/confirm", form)):
        assert again.status_code == 409
        assert "has been used already" in again.text
        assert "at 徐汇店" in text(again)


@pytest.mark.parametrize("store_id", [0, 999_999, 10**19])
def test_a_store_that_nobody_has_is_not_found(app: Flask, crowd: Crowd, store_id: int) -> None:
    held = hold(crowd)
    owner = log_in_directly(app, crowd.chain, "owner")
    asked = {"code": held.code, "store": str(store_id)}
    assert owner.ask("POST", f"{COUPONS}/redeem/confirm", asked).status_code == 404
    assert standing(crowd, held) == "held"


def test_the_desk_of_one_store_redeems_at_no_other(app: Flask, crowd: Crowd, desk: Person) -> None:
    with tenant_scope(crowd.chain.id), unit_of_work() as session:
        other = clinic.create_store(
            session,
            slug="other",
            name="浦东店",
            short_name="浦东店",
            address="",
            zone="Asia/Shanghai",
            position=1,
            by=OPERATOR,
            now=clock.now(),
        ).id
    held = hold(crowd)
    form = {"code": held.code, "store": str(other)}
    assert desk.ask("POST", f"{COUPONS}/redeem/confirm", form).status_code == 403
    assert desk.ask("POST", f"{COUPONS}/redeem/confirm", {"code": held.code}).status_code == 303
    assert standing(crowd, held) == "held"
    there = log_in_directly(app, crowd.chain, "desk", store_id=other)
    confirmed = there.ask("POST", f"{COUPONS}/redeem/confirm", form)
    assert "浦东店" in text(there.client.get(confirmed.location))
    assert "None redeemed today" in text(desk.client.get(f"{COUPONS}/redeem"))
    assert 'class="notice tone-good"' not in desk.client.get(confirmed.location).text


@pytest.mark.parametrize("done", ["", "0", "x", "９", "9" * 30])
def test_addresses_that_make_no_sense_show_the_field(desk: Person, done: str) -> None:
    assert desk.client.get(f"{COUPONS}/redeem", query_string={"done": done}).status_code == 200


def test_where_marketing_begins_for_each(app: Flask, chain: Chain, marketer: Person, desk: Person) -> None:
    assert f'href="{COUPONS}/redeem"' in desk.client.get(f"{COUPONS}/redeem").text
    assert desk.client.get(COUPONS).status_code == 403
    assert marketer.client.get(f"{COUPONS}/redeem").status_code == 403
    doctor = log_in_directly(app, chain, "doctor")
    assert COUPONS not in doctor.client.get("/console/").text
