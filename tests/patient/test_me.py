"""A fan's own page: the patients they speak for and nobody else's, each with the nearest visit."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from engage.audit.services import OPERATOR
from engage.booking import services as booking
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.patients import queries
from engage.patients import services as patients
from engage.patients.models import Binding
from engage.patients.services import NewChart
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain, csrf_of
from tests.contracts.callers import fan_browser


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain, per_slot=3)


@pytest.fixture
def me(app: Flask, scene: Scene) -> FlaskClient:
    """The browser of the first fan, who was asked for their name and refused."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        fans.record_refusal(session, scene.fan_ids[0], now=clock.now())
    return fan_browser(app, scene.chain, scene.fan_ids[0])


def book(scene: Scene, *, slot: int, fan: int = 0, patient_id: int = 0) -> int:
    wish = scene.wish(fan=fan, slot=slot, **({"patient_id": patient_id} if patient_id else {}))
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return booking.book(session, wish, by=scene.fan(fan), now=clock.now()).id


def bind(scene: Scene, name: str, phone: str | None = None) -> int:
    """Let the first fan speak for a new patient."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        made = patients.create_chart(session, NewChart(name, phone=phone), by=OPERATOR, now=clock.now())
        about = {"fan_id": scene.fan_ids[0], "patient_id": made.id}
        patients.bind(session, **about, how="desk", by=OPERATOR, now=clock.now())
        return made.id


def shown(page: str) -> list[str]:
    """Give the addresses of the visits on a page, in order."""
    return re.findall(r'class="visit" href="([^"]+)"', page)


def unbind(me: FlaskClient, address: str):
    """Ask to unbind, and do it."""
    page = me.get(address)
    return me.post(address, data={"csrf_token": csrf_of(page.text)})


def test_each_patient_is_shown_with_the_nearest_visit(me: FlaskClient, scene: Scene):
    child = bind(scene, "小宝", "13800001234")
    _late, early = (book(scene, slot=slot) for slot in (3, 1))
    childs = book(scene, slot=2, patient_id=child)
    book(scene, fan=1, slot=2)
    page = me.get(f"/p/{scene.account_slug}/me").text
    path = f"/p/{scene.account_slug}/appointments"
    assert shown(page) == [f"{path}/{early}", f"{path}/{childs}"]
    assert page.count('class="person-card"') == 2
    assert "138****1234" in page
    assert "13800001234" not in page
    assert f'href="{path}"' in page
    assert f'href="/p/{scene.account_slug}/profile"' in page
    assert me.get(shown(page)[0]).status_code == 200


def test_a_cancelled_visit_is_no_visit_to_come(me: FlaskClient, scene: Scene):
    made = book(scene, slot=1)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        booking.cancel(session, made, 1, "", by=scene.fan(), now=clock.now())
    assert shown(me.get(f"/p/{scene.account_slug}/me").text) == []


def test_who_speaks_for_nobody_is_shown_the_way_to_binding_and_booking(app: Flask, scene: Scene):
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        stranger = fans.recognise(session, scene.account_id, "o-new", now=clock.now())
        fans.record_refusal(session, stranger, now=clock.now())
    page = fan_browser(app, scene.chain, stranger).get(f"/p/{scene.account_slug}/me").text
    assert shown(page) == []
    for way in ("bind", "booking"):
        assert f'href="/p/{scene.account_slug}/{way}"' in page


def test_unbinding_says_what_follows_and_ends_it(me: FlaskClient, scene: Scene):
    visit = book(scene, slot=1)
    page = me.get(f"/p/{scene.account_slug}/me").text
    (address,) = re.findall(r'href="([^"]+/unbind)"', page)
    asked = me.get(address).text
    assert "王小红" in re.search(r"<button.*?</button>", asked)[0], "the button says whom it is about"
    answer = unbind(me, address)
    assert (answer.status_code, answer.location) == (303, f"/p/{scene.account_slug}/me?unbound=1")
    after = me.get(answer.location).text
    assert 'role="status"' in after
    assert "person-card" not in after
    assert me.get(f"/p/{scene.account_slug}/appointments/{visit}").status_code == 404
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        assert queries.of_fan(session, scene.fan_ids[0]) == []
        ended = session.scalars(sa.select(Binding.unbound_at).where(Binding.fan_id == scene.fan_ids[0])).all()
        assert all(ended), "the history stays"


def test_unbinding_twice_or_for_others_changes_nothing(me: FlaskClient, scene: Scene):
    root = f"/p/{scene.account_slug}/me"
    mine, others = (f"{root}/patients/{patient_id}/unbind" for patient_id in scene.patient_ids)
    token = csrf_of(me.get(mine).text)
    for _ in range(2):
        assert me.post(mine, data={"csrf_token": token}).status_code == 303
    assert me.get(mine).location == root
    assert me.get(others).status_code == 404
    assert me.post(others, data={"csrf_token": token}).status_code == 404
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        assert queries.is_bound(session, scene.fan_ids[1], scene.patient_ids[1])


@pytest.mark.parametrize("where", ["nickname", "patient"])
def test_a_name_is_text_and_nothing_else(me: FlaskClient, scene: Scene, where: str):
    nasty = "<script>alert(1)</script>{{7*7}}"
    if where == "patient":
        bind(scene, nasty)
    else:
        with tenant_scope(scene.chain.id), unit_of_work() as session:
            fans.record_profile(session, scene.fan_ids[0], nickname=nasty, avatar=None, now=clock.now())
    page = me.get(f"/p/{scene.account_slug}/me").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in page


def test_the_page_asks_the_same_of_the_database_however_many_are_bound(
    me: FlaskClient, scene: Scene, count_queries: Callable
):
    book(scene, slot=5)
    with count_queries() as few:
        me.get(f"/p/{scene.account_slug}/me")
    for number in range(4):
        book(scene, slot=number, patient_id=bind(scene, f"王{number}"))
    with count_queries() as many:
        assert me.get(f"/p/{scene.account_slug}/me").text.count('class="visit"') == 5
    assert few.n == many.n <= 14
