"""Somebody who was erased comes back by several ways at once, and is one fan; without the guard, two."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.fans import services as fans
from engage.fans.models import Fan
from engage.fans.people import HOLDER
from engage.fans.services.leaving import erased_form
from engage.kernel import clock, people
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.people import Who
from tests.booking.scenes import Scene, make_scene
from tests.concurrency.race import WAIT, race
from tests.conftest import Chain

OPENID = "oRETURNING-0123456789"


@pytest.fixture
def scene(chain: Chain) -> Iterator[Scene]:
    scene = make_scene(chain)
    with tenant_scope(chain.id):
        yield scene


def erased_fan(scene: Scene) -> int:
    """Make a fan of whom nothing but the keyed number is left."""
    with unit_of_work() as session:
        fan_id = fans.recognise(session, scene.account_id, OPENID, now=clock.now())
        erase(session, fan_id)
    return fan_id


def erase(session: Session, fan_id: int) -> None:
    """Erase a fan as the erasure of a person does."""
    for kept in HOLDER.kept:
        people.erase(session, kept, Who(fan_ids=frozenset({fan_id})), now=clock.now())


def come_back(session: Session, scene: Scene) -> int:
    """Give the fan that a page or a push finds."""
    return fans.recognise(session, scene.account_id, OPENID, follows=True, now=clock.now())


def fans_of(scene: Scene) -> list[tuple[int, str]]:
    """Give the fans who are the person."""
    form = erased_form(scene.account_id, OPENID)
    with unit_of_work() as session:
        mine = sa.select(Fan.id, Fan.openid).where(Fan.openid.in_((OPENID, form)))
        return [tuple(row) for row in session.execute(mine)]


def test_who_comes_back_by_many_ways_at_once_is_the_fan_they_were(app: Flask, scene: Scene) -> None:
    fan_id = erased_fan(scene)
    assert race(app, scene.chain.id, [lambda session: come_back(session, scene)] * 8) == [fan_id] * 8
    assert fans_of(scene) == [(fan_id, OPENID)]


def test_who_came_back_while_the_erasure_ran_is_another_fan_and_can_be_erased_too(scene: Scene) -> None:
    now = clock.now()
    with unit_of_work() as session:
        other = fans.recognise(session, scene.account_id, "oANOTHER", now=now)
    first = erased_fan(scene)
    with unit_of_work() as session:
        # The push waited for the erasure, had seen nobody erased, and wrote a row of its own.
        session.execute(sa.update(Fan).where(Fan.id == other).values(openid=OPENID))
    with unit_of_work() as session:
        assert come_back(session, scene) == other
        erase(session, other)
    form = erased_form(scene.account_id, OPENID)
    with unit_of_work() as session:
        mine = sa.select(Fan.id, Fan.openid).where(Fan.openid.startswith(form))
        found = dict(map(tuple, session.execute(mine)))
        assert found == {first: form, other: f"{form}:{other}"}
        assert come_back(session, scene) == first


def test_control_who_looks_first_and_writes_then_trips_over_the_other(app: Flask, scene: Scene) -> None:
    fan_id = erased_fan(scene)
    both_have_looked = threading.Barrier(2)
    form = erased_form(scene.account_id, OPENID)

    def look_then_write(session: Session) -> int:
        was = session.scalar(sa.select(Fan.id).where(Fan.openid == form))
        both_have_looked.wait(WAIT)
        back = sa.update(Fan).where(Fan.openid == form).values(openid=OPENID).returning(Fan.id)
        found = session.scalar(back.execution_options(synchronize_session=False))
        if found is None:
            raise LookupError(was)
        return found

    outcomes = race(app, scene.chain.id, [look_then_write] * 2)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LookupError", "int"]
    assert fan_id in outcomes
