"""Pushes that a worker takes up: one that cannot be done now holds up no other (docs/locking.md)."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa

from engage.accounts.models import Push
from engage.fans.models import Fan
from engage.inbound import services as inbound
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.wechat import messages
from tests.booking.scenes import make_scene
from tests.wechat.pushes import event
from workers import pushes

PEOPLE = ("o-1", "o-2", "o-3")


@pytest.fixture
def scene(chain):
    """Three people whose follow was put off, inside the chain's scope."""
    made = make_scene(chain, welcome="欢迎")
    with tenant_scope(chain.id):
        for openid in PEOPLE:
            xml = event("subscribe", openid)
            push = inbound.arrived(
                made.account_id, messages.parse(xml), timestamp="1", nonce=openid, body=xml, xml=xml
            )
            with unit_of_work() as session:
                inbound.put_off(session, push, late=True, now=clock.now())
        yield made


def handled() -> set[str]:
    """Give whose push took effect."""
    with unit_of_work() as session:
        return set(session.scalars(sa.select(Push.openid).where(Push.handled_at.is_not(None))))


def test_a_person_who_is_locked_holds_nobody_up(scene, settings, monkeypatch):
    with unit_of_work() as session:
        session.execute(sa.update(Fan).where(Fan.id == scene.fan_ids[0]).values(openid="o-2"))
    with psycopg.connect(settings.owner_database_url.replace("+psycopg", "")) as other:
        other.execute("select from fan where id = %s for update", [scene.fan_ids[0]])
        pushes.drain()
        assert handled() == {"o-1", "o-3"}
    with unit_of_work() as session:
        error, again_at = session.execute(
            sa.select(Push.error, Push.available_at).where(Push.openid == "o-2")
        ).one()
    assert "OperationalError" in error
    monkeypatch.setattr(clock, "now", lambda: again_at)
    pushes.drain()
    assert handled() == set(PEOPLE)


def test_what_was_put_off_takes_effect_once_and_is_answered_once(scene, app):
    for _ in range(2):
        pushes.drain()
    with unit_of_work() as session:
        assert session.scalar(sa.text("select count(*) from notification_delivery")) == len(PEOPLE)
        follows = session.scalars(sa.select(Fan.following).where(Fan.openid.in_(PEOPLE))).all()
    assert follows == [True] * len(PEOPLE)
