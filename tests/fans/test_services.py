"""Fans' names and pictures: kept sealed, asked for again in time, never lost by a refusal."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.accounts.models import OfficialAccount
from engage.fans import queries, services
from engage.fans.rules import PROFILE_LIFE, PROFILE_RETRY
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain

NOW = dt.datetime(2026, 11, 22, 6, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=40)


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain)


def learn(scene: Scene, nickname: str, avatar: str | None, now: dt.datetime = NOW) -> None:
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        services.record_profile(session, scene.fan_ids[0], nickname=nickname, avatar=avatar, now=now)


def known(scene: Scene) -> tuple[str | None, str | None, dt.datetime | None]:
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        fan = queries.fan(session, scene.fan_ids[0])
        return fan.nickname, fan.avatar, fan.ask_profile_at


def test_before_anybody_asked_nothing_is_known(scene: Scene):
    assert known(scene) == (None, None, None)


def test_a_profile_is_kept_and_asked_for_again_in_time(scene: Scene):
    learn(scene, "小红", "ab" * 32)
    assert known(scene) == ("小红", "ab" * 32, NOW + PROFILE_LIFE)
    learn(scene, "红姐", "cd" * 32, LATER)
    assert known(scene) == ("红姐", "cd" * 32, LATER + PROFILE_LIFE)


def test_the_name_lies_sealed_in_the_database(scene: Scene):
    learn(scene, "小红", None)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        lying = session.scalar(
            sa.text("select nickname from fan where id = :id").bindparams(id=scene.fan_ids[0])
        )
    assert lying is not None
    assert "小红".encode() not in bytes(lying)


def test_an_empty_name_or_picture_leaves_what_is_known(scene: Scene):
    learn(scene, "小红", "ab" * 32)
    learn(scene, "", None, LATER)
    assert known(scene) == ("小红", "ab" * 32, LATER + PROFILE_LIFE)


def test_a_refusal_leaves_what_is_known_and_the_person_in_peace(scene: Scene):
    learn(scene, "小红", None)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        services.record_refusal(session, scene.fan_ids[0], now=LATER)
    assert known(scene) == ("小红", None, LATER + PROFILE_LIFE)


def test_after_a_failure_it_is_tried_again_soon(scene: Scene):
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        services.postpone_profile(session, scene.fan_ids[0], now=NOW)
    assert known(scene) == (None, None, NOW + PROFILE_RETRY)


def test_another_fan_is_not_touched(scene: Scene):
    learn(scene, "小红", "ab" * 32)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        other = queries.fan(session, scene.fan_ids[1])
        assert (other.nickname, other.avatar, other.ask_profile_at) == (None, None, None)


def test_one_person_on_two_accounts_has_one_keyed_unionid_and_it_lies_sealed(scene: Scene):
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        for fan_id in scene.fan_ids[:2]:
            services.record_unionid(session, fan_id, "union-1")
        first, second = (queries.fan(session, fan_id) for fan_id in scene.fan_ids[:2])
        assert first.unionid == second.unionid == "union-1"
        assert first.unionid_index == second.unionid_index
        lying = session.scalar(
            sa.text("select unionid from fan where id = :id").bindparams(id=scene.fan_ids[0])
        )
    assert b"union-1" not in bytes(lying)


def seen(scene: Scene, *, after: dt.timedelta) -> dt.datetime:
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        account_id = session.scalars(sa.select(OfficialAccount.id).limit(1)).one()
        fan_id = services.recognise(session, account_id, "o-comes-again", now=NOW + after)
        return queries.fan(session, fan_id).last_seen_at


def test_the_last_contact_is_right_to_the_minute_and_never_goes_back(scene: Scene):
    minute, second = dt.timedelta(minutes=1), dt.timedelta(seconds=1)
    assert seen(scene, after=dt.timedelta()) == NOW
    assert seen(scene, after=minute - second) == NOW
    assert seen(scene, after=minute) == NOW + minute
    assert seen(scene, after=second) == NOW + minute
