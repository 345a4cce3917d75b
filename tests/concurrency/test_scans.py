"""Scans at once: one fan, a scan for each push, one source. The last permanent code, and a resting scene."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR
from engage.fans.models import Fan
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.qrcodes import queries, services
from engage.qrcodes.models import ChannelCode, PermanentCodes, Scan, SceneUse
from engage.qrcodes.rules import PERMANENT_AT_MOST
from engage.qrcodes.services import NewCode
from tests.booking.scenes import Scene, make_scene
from tests.concurrency.race import race
from tests.conftest import Chain
from tests.qrcodes.scenes import make, scan, use_up
from tests.wechat.pushes import Sender, event
from workers import events

pytestmark = pytest.mark.enable_socket

MANY = 8
AT = 1_795_000_000


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain)


def made(scene: Scene, **changes: Any) -> tuple[int, str]:
    """Make a code, committed; gives its id and its scene."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        code = make(session, scene, now=clock.now() - dt.timedelta(days=400), **changes)
        return code.id, code.scene


def counted(scene: Scene, openid: str) -> tuple[int, int]:
    """Give how many fans have an openid, and how many scans there are."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        fans = session.scalar(sa.select(sa.func.count(Fan.id)).where(Fan.openid == openid))
        return fans or 0, session.scalar(sa.select(sa.func.count(Scan.id))) or 0


def test_two_scans_at_once_make_one_fan(app: Flask, scene: Scene) -> None:
    """A follow by the code and scans as a follower, each three times over as WeChat repeats them."""
    code_id, where = made(scene)
    wechat = Sender(scene.chain)
    xml = [event("subscribe", "o-1", f"<EventKey>qrscene_{where}</EventKey><Ticket>t</Ticket>", at=AT)]
    xml += [
        event("SCAN", "o-1", f"<EventKey>{where}</EventKey><Ticket>t</Ticket>", at=AT + place)
        for place in (1, 2)
    ]
    pushes = [wechat.sign(one) for one in xml for _ in range(3)]
    with ThreadPoolExecutor(len(pushes)) as pool:
        statuses = list(pool.map(lambda push: push.send(app.test_client()).status_code, pushes))
    assert set(statuses) == {200}
    with tenant_scope(scene.chain.id):
        events.drain()
    assert counted(scene, "o-1") == (1, 3)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        found = queries.funnel(session, code_id)
        assert (found.scans, found.people, found.new) == (3, 1, 1)
        assert session.scalar(sa.select(Fan.source_code_id).where(Fan.openid == "o-1")) == code_id


def test_control_who_looks_before_writing_makes_several_fans(app: Flask, scene: Scene) -> None:
    """Without the unique key, which the callback's statement leans on, each would make a fan of its own."""

    def look_then_write(session: Session) -> None:
        known = session.scalar(sa.select(Fan.id).where(Fan.openid == "o-2"))
        session.execute(sa.select(sa.func.pg_sleep(0.2)))
        if known is None:
            now = clock.now()
            seen = {"following": True, "first_seen_at": now, "last_seen_at": now}
            session.add(Fan(account_id=scene.account_id, openid="o-2", **seen))
            session.flush()

    outcomes = race(app, scene.chain.id, [look_then_write] * 2)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["IntegrityError", "NoneType"]


def test_one_push_counted_by_many_workers_is_one_scan(app: Flask, scene: Scene) -> None:
    code_id, where = made(scene, store_id=scene.chain.store.id)
    fan_id = scene.fan_ids[0]
    calls = [partial(_scan, fan_id, where, 99)] * MANY
    assert race(app, scene.chain.id, calls) == [code_id] * MANY
    assert counted(scene, "openid-0") == (1, 1)


def _scan(fan_id: int, where: str, push_id: int, session: Session) -> int | None:
    return scan(session, fan_id, where, push_id=push_id, at=clock.now())


def test_of_two_codes_at_once_one_is_the_source(app: Flask, scene: Scene) -> None:
    codes = [made(scene) for _ in range(4)]
    calls = [partial(_scan, scene.fan_ids[0], where, place) for place, (_, where) in enumerate(codes)]
    race(app, scene.chain.id, calls)
    assert counted(scene, "openid-0") == (1, 4)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        source = session.scalar(sa.select(Fan.source_code_id).where(Fan.id == scene.fan_ids[0]))
    assert source in {code_id for code_id, _ in codes}


def test_the_last_permanent_code_is_taken_once(app: Flask, scene: Scene) -> None:
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        use_up(session, scene, but=1)
    made_codes = race(app, scene.chain.id, [partial(_make, scene)] * MANY)
    assert sum(code.permanent for code in made_codes if isinstance(code, ChannelCode)) == 1
    assert len([code for code in made_codes if isinstance(code, ChannelCode)]) == MANY
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        assert session.scalar(sa.select(PermanentCodes.used)) == PERMANENT_AT_MOST


def _make(scene: Scene, session: Session) -> ChannelCode:
    return services.create(
        session, NewCode(scene.account_id, "promotion", "电梯广告"), by=OPERATOR, now=clock.now()
    )


def test_a_resting_scene_goes_to_one(app: Flask, scene: Scene) -> None:
    code_id, where = made(scene)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        services.retire(session, code_id, by=OPERATOR, now=clock.now() - dt.timedelta(days=200))
    made_codes = race(app, scene.chain.id, [partial(_make, scene)] * MANY)
    assert [code.scene for code in made_codes if isinstance(code, ChannelCode)].count(where) == 1
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        uses = sa.select(sa.func.count(SceneUse.id)).where(SceneUse.scene == where)
        assert session.scalar(uses) == 2


def test_control_a_scene_that_nobody_locks_goes_to_several(app: Flask, scene: Scene) -> None:
    """Who only looks which scene rests finds the same one as the others."""
    code_id, _ = made(scene)
    now = clock.now()
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        services.retire(session, code_id, by=OPERATOR, now=now - dt.timedelta(days=200))

    def look(session: Session) -> int | None:
        use = session.scalar(queries.reusable(scene.account_id, now).limit(1))
        return use.code_id if use else None

    assert race(app, scene.chain.id, [look] * MANY) == [code_id] * MANY
