"""Stores on the phone: where, when open, how to get there, and booking; never another chain's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.blueprints import opening
from engage.blueprints.opening import OpenDays
from engage.blueprints.patient import wayfinding
from engage.clinic.models import Store
from engage.clinic.rules import WHOLE_WEEK, Hours
from engage.kernel.db import tenant_scope, unit_of_work
from tests.conftest import Chain
from tests.patient.phones import Phone, add_store, queries_of

LUNCH = tuple(Hours(day, opens, closes) for day in range(5) for opens, closes in ((540, 720), (780, 1080)))
SATURDAY = Hours(5, 600, 960)


def test_all_stores_are_listed(phone: Phone):
    second = add_store(phone.scene.chain)
    page = phone.get("/stores").text
    for store_id in (phone.scene.chain.store.id, second):
        assert f'href="{phone.base}/stores/{store_id}"' in page


def test_a_store_says_where_when_and_how(phone: Phone):
    told = {"phone": "021-5402 2345", "transport": "地铁 2 号线", "hours": (*LUNCH, SATURDAY)}
    store_id = add_store(phone.scene.chain, **told)
    page = phone.get(f"/stores/{store_id}").text
    for shown in ("世纪大道 100 号", "地铁 2 号线", "021-5402 2345"):
        assert shown in page
    for days, hours in (
        ("Mon–Fri", "09:00–12:00, 13:00–18:00"),
        ("Sat", "10:00–16:00"),
        ("Sun", "closed all day"),
    ):
        assert f"<dt>{days}</dt><dd>{hours}</dd>" in page
    for way in ("tel:02154022345", f"{phone.base}/booking/{store_id}", f"{phone.base}/stores"):
        assert f'href="{way}"' in page


def test_where_nothing_is_known_nothing_is_promised(phone: Phone):
    store_id = add_store(phone.scene.chain, address="", hours=())
    page = phone.get(f"/stores/{store_id}").text
    assert "tel:" not in page
    assert "map" not in page.partition("<main")[2].replace("map-pin", "")
    assert "<dt>Every day</dt><dd>closed all day</dd>" in page


def test_a_store_of_another_chain_is_not_found(phone: Phone, other_chain: Chain):
    assert phone.get(f"/stores/{other_chain.store.id}").status_code == 404


def test_without_stores_the_chat_is_the_way(phone: Phone):
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        for table in ("shift", "store_hours", "store"):
            session.execute(sa.text(f"DELETE FROM {table} WHERE tenant_id = {phone.scene.chain.id}"))  # noqa: S608
    page = phone.get("/stores").text
    assert "Write to us in the chat" in page
    assert f'href="{phone.base}/me"' in page


@pytest.mark.parametrize(
    ("store", "host", "told"),
    [
        ({"address": "世纪大道 100 号"}, "apis.map.qq.com", {"keyword": "世纪大道 100 号"}),
        (
            {"address": "路 1;2|3", "latitude": Decimal("31.215432"), "longitude": Decimal("121.457890")},
            "apis.map.qq.com",
            {"marker": "coord:31.215432,121.457890;title:浦东店;addr:路 1 2 3"},
        ),
        ({"address": "강남대로 1", "zone": "Asia/Seoul"}, "www.google.com", {"query": "강남대로 1"}),
    ],
)
def test_the_map_is_one_that_knows_the_way(store: dict[str, Any], host: str, told: dict[str, str]):
    made = Store(**{"name": "浦东店", "zone": "Asia/Shanghai", "latitude": None, "longitude": None} | store)
    address = urlsplit(wayfinding.route_url(made))
    assert address.hostname == host
    assert told.items() <= {name: value for name, (value,) in parse_qs(address.query).items()}.items()


def test_a_day_without_end_is_said_so(app: Flask):
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert opening.on_weekday(WHOLE_WEEK, 0) == "open around the clock"
        assert opening.week(WHOLE_WEEK) == [OpenDays("Every day", "open around the clock", is_open=True)]


def test_the_pages_ask_the_same_of_the_database_for_many_stores(phone: Phone, count_queries):
    pages = ("/stores", f"/stores/{phone.scene.chain.store.id}")
    asked = {page: queries_of(phone, page, count_queries) for page in pages}
    assert max(asked.values()) <= 10
    for number in range(3):
        add_store(phone.scene.chain, f"more{number}")
        assert {page: queries_of(phone, page, count_queries) for page in pages} == asked
