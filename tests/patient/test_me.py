"""A fan's own page: their visits and nobody else's, the nearest first."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from engage.booking import queries, services
from engage.booking.models import Appointment
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain
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


def book(scene: Scene, *, fan: int, slot: int, name: str) -> int:
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return services.book(session, scene.wish(fan=fan, slot=slot, name=name), now=clock.now()).id


def shown(page: str) -> list[str]:
    """Give the addresses of the visits on a page, in order."""
    return re.findall(r'class="visit" href="([^"]+)"', page)


def test_visits_come_nearest_first_and_are_ones_own(me: FlaskClient, scene: Scene):
    late, early = (book(scene, fan=0, slot=slot, name="王小红") for slot in (3, 1))
    book(scene, fan=1, slot=2, name="别人")
    page = me.get(f"/p/{scene.account_slug}/me").text
    path = f"/p/{scene.account_slug}/appointments"
    assert shown(page) == [f"{path}/{early}", f"{path}/{late}"]
    assert "别人" not in page
    assert me.get(shown(page)[0]).status_code == 200


def test_who_booked_nothing_is_shown_the_way_to_booking(me: FlaskClient, scene: Scene):
    page = me.get(f"/p/{scene.account_slug}/me").text
    assert shown(page) == []
    assert f'href="/p/{scene.account_slug}/booking"' in page


def test_a_nickname_is_text_and_nothing_else(me: FlaskClient, scene: Scene):
    nasty = "<script>alert(1)</script>{{ 7 * 7 }}"
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        fans.record_profile(session, scene.fan_ids[0], nickname=nasty, avatar=None, now=clock.now())
    page = me.get(f"/p/{scene.account_slug}/me").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}" in page


def test_many_visits_leave_the_nearest_in_sight(scene: Scene):
    made = [book(scene, fan=0, slot=slot, name="王小红") for slot in range(6)]
    now = scene.opens_at
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        coming, past = queries.of_fan(session, scene.fan_ids[0], now=now, limit=2)
        assert [appointment.id for appointment in coming] == made[:2]
        assert past == []
        session.execute(
            sa.update(Appointment).values(
                starts_at=Appointment.starts_at - dt.timedelta(days=9),
                ends_at=Appointment.ends_at - dt.timedelta(days=9),
            )
        )
        coming, past = queries.of_fan(session, scene.fan_ids[0], now=now, limit=2)
        assert coming == []
        assert [appointment.id for appointment in past] == made[:3:-1]
