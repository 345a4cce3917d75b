"""Tags: groups, names, order, who has them, and what deleting takes away."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR
from engage.fans import queries, services
from engage.fans.errors import GroupInUse, Stale, TagExists
from engage.fans.models import FanTag
from engage.fans.services import tags
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.errors import NotFound
from engage.patients.models import TimelineEntry
from engage.reactions import timeline
from tests.concurrency.race import race
from tests.patients.scenes import People, make_people, recorded

NOW = dt.datetime(2026, 11, 22, 6, tzinfo=dt.UTC)
TOLD = {"by": OPERATOR, "now": NOW}


@pytest.fixture
def people(chain) -> People:
    return make_people(chain, fan_count=3)


@pytest.fixture
def work(people: People):
    with tenant_scope(people.chain.id), unit_of_work() as session:
        yield session


def group_of(work: Session, *names: str, called: str = "兴趣") -> tuple[int, list[int]]:
    group = tags.create_group(work, called, **TOLD)
    return group.id, [tags.create_tag(work, group.id, name, **TOLD).id for name in names]


def shown(work: Session) -> list[tuple[str, list[str]]]:
    return [(group.name, [tag.name for tag in group.tags]) for group in queries.tag_groups(work)]


def had(work: Session, fan_id: int) -> list[str]:
    return [tag.name for tag in queries.tags_of(work, [fan_id]).get(fan_id, ())]


def test_groups_and_tags_stand_in_the_order_they_were_given(work: Session):
    group_id, tag_ids = group_of(work, "种植牙", "洗牙")
    group_of(work, "老客户", called="关系")
    tags.move_tag(work, tag_ids[1], up=True, **TOLD)
    tags.move_group(work, group_id, up=False, **TOLD)
    assert shown(work) == [("关系", ["老客户"]), ("兴趣", ["洗牙", "种植牙"])]
    tags.move_group(work, group_id, up=False, **TOLD)  # at the end already
    assert [name for name, _ in shown(work)] == ["关系", "兴趣"]


def test_a_name_is_there_once_in_a_group_and_groups_differ(work: Session):
    group_id, _ = group_of(work, "洗牙")
    other_id, _ = group_of(work, "洗牙", called="关系")
    with pytest.raises(TagExists):
        tags.create_tag(work, group_id, " 洗牙 ", **TOLD)
    with pytest.raises(TagExists):
        tags.create_group(work, "兴趣", **TOLD)
    moved = queries.tag_groups(work)[1].tags[0]
    with pytest.raises(TagExists):
        tags.change_tag(work, moved.id, "洗牙", group_id, version=1, **TOLD)
    assert other_id != group_id


def test_a_tag_is_renamed_and_moved_by_whoever_saw_it_as_it_is(work: Session, people: People):
    _, (tag_id,) = group_of(work, "洗牙")
    other_id, _ = group_of(work, called="关系")
    tags.add(work, [tag_id], people.fan_ids[:1], how="hand", **TOLD)
    tags.change_tag(work, tag_id, "洁牙", other_id, version=1, **TOLD)
    assert shown(work) == [("兴趣", []), ("关系", ["洁牙"])]
    assert had(work, people.fan_ids[0]) == ["洁牙"]
    with pytest.raises(Stale):
        tags.change_tag(work, tag_id, "洗牙", other_id, version=1, **TOLD)


def test_a_tag_is_given_once_and_taken_again(work: Session, people: People):
    _, tag_ids = group_of(work, "种植牙", "洗牙")
    first, second, _ = people.fan_ids
    assert tags.add(work, tag_ids, [first, second], how="hand", **TOLD) == 4
    assert tags.add(work, tag_ids, [first, second], how="scan", **TOLD) == 0
    assert queries.tag_counts(work) == dict.fromkeys(tag_ids, 2)
    assert tags.remove(work, tag_ids[:1], [first, second], **TOLD) == 2
    assert tags.remove(work, tag_ids[:1], [first, second], **TOLD) == 0
    assert had(work, first) == ["洗牙"]


def test_one_fans_tags_are_told_to_the_timeline_and_those_of_many_are_not(work: Session, people: People):
    _, (tag_id,) = group_of(work, "洗牙")
    first, second, third = people.fan_ids
    tags.add(work, [tag_id], [first], how="hand", **TOLD)
    tags.add(work, [tag_id], [second, third], how="hand", **TOLD)
    tags.remove(work, [tag_id], [first], **TOLD)
    tags.remove(work, [tag_id], [first], **TOLD)
    about = {"fan_id": first, "tag_id": tag_id}
    assert (recorded(work, "fan.tagged"), recorded(work, "fan.untagged")) == ([about], [about])


def test_each_of_many_who_is_changed_stands_in_the_audit_trail(work: Session, people: People):
    _, (tag_id,) = group_of(work, "洗牙")
    first, second, third = people.fan_ids
    tags.add(work, [tag_id], [first], how="hand", **TOLD)
    tags.add(work, [tag_id], [first, second, third], how="hand", **TOLD)
    tags.remove(work, [tag_id], [second, third], **TOLD)
    services.assign_store(work, [first, second], people.chain.store.id, **TOLD)
    services.assign_store(work, [first, second, third], people.chain.store.id, **TOLD)
    kept = work.execute(
        sa.select(AuditEntry.action, AuditEntry.fields, AuditEntry.subject_id)
        .where(AuditEntry.subject_kind == "fan")
        .order_by(AuditEntry.id)
    ).all()
    assert kept == [
        *(("fan.tagged", ["tags"], fan_id) for fan_id in (first, second, third)),
        *(("fan.untagged", ["tags"], fan_id) for fan_id in (second, third)),
        *(("fan.updated", ["store_id"], fan_id) for fan_id in (first, second, third)),
    ]


def test_a_tag_stands_in_the_fans_timeline_once_however_often_it_is_noted(work: Session, people: People):
    fan_id = people.fan_ids[0]
    event = {"event": "fan.tagged", "event_id": str(uuid.uuid4()), "at": NOW.isoformat()}
    for _ in range(2):
        timeline.note_tag(work, {**event, "fan_id": fan_id, "tag_id": 7}, now=NOW)
    (entry,) = work.scalars(sa.select(TimelineEntry)).all()
    assert (entry.kind, entry.fan_id, entry.data) == ("fan.tagged", fan_id, {"tag_id": 7})


def test_a_deleted_tag_is_nowhere_and_given_to_nobody(work: Session, people: People):
    group_id, (tag_id,) = group_of(work, "洗牙")
    tags.add(work, [tag_id], people.fan_ids[:1], how="hand", **TOLD)
    with pytest.raises(GroupInUse):
        tags.delete_group(work, group_id, **TOLD)
    tags.delete_tag(work, tag_id, **TOLD)
    tags.delete_tag(work, tag_id, **TOLD)
    assert had(work, people.fan_ids[0]) == []
    assert tags.add(work, [tag_id], people.fan_ids, how="hand", **TOLD) == 0
    with pytest.raises(NotFound):
        queries.tag(work, tag_id)
    tags.create_tag(work, group_id, "洗牙", **TOLD)  # the name is free again
    tags.delete_group(work, group_of(work, called="leer")[0], **TOLD)
    assert shown(work) == [("兴趣", ["洗牙"])]


def test_a_tag_given_by_many_at_once_is_there_once(app: Flask, people: People):
    with tenant_scope(people.chain.id), unit_of_work() as work:
        _, (tag_id,) = group_of(work, "洗牙")
    calls = [
        lambda session: tags.add(session, [tag_id], people.fan_ids, how="hand", **TOLD) for _ in range(6)
    ]
    given = race(app, people.chain.id, calls)
    with tenant_scope(people.chain.id), unit_of_work() as work:
        rows = work.scalar(sa.select(sa.func.count()).select_from(FanTag))
    assert (sum(given), rows) == (3, 3)


def test_two_who_make_the_same_tag_at_once_make_one(app: Flask, people: People):
    with tenant_scope(people.chain.id), unit_of_work() as work:
        group_id, _ = group_of(work)
    made = race(
        app,
        people.chain.id,
        [lambda session: tags.create_tag(session, group_id, "洗牙", **TOLD).id for _ in range(4)],
    )
    assert sum(isinstance(one, int) for one in made) == 1
    assert sum(isinstance(one, TagExists) for one in made) == 3


def test_who_came_first_stays_the_source_whoever_comes_at_once(app: Flask, people: People):
    fan_id, sender, other = people.fan_ids
    calls = [
        lambda session, code=code: services.record_source(session, fan_id, code_id=code, now=NOW)
        for code in (1, 2, 3, 4)
    ]
    assert sorted(race(app, people.chain.id, calls)) == [False, False, False, True]
    with tenant_scope(people.chain.id), unit_of_work() as work:
        first = queries.fan(work, fan_id).source_code_id
        assert first in {1, 2, 3, 4}
        assert not services.record_source(work, fan_id, referrer_fan_id=sender, now=NOW)
        assert not services.record_source(work, other, referrer_fan_id=other, now=NOW)
        assert services.record_source(work, other, referrer_fan_id=sender, now=NOW)
        assert queries.fan(work, fan_id).source_code_id == first


def test_a_store_and_consultant_are_filled_only_where_there_is_none(work: Session, people: People):
    store_id = people.chain.store.id
    fan_id = people.fan_ids[0]
    assert services.fill_store(work, fan_id, store_id)
    assert not services.fill_store(work, fan_id, store_id)
    assert services.assign_store(work, people.fan_ids, None, **TOLD) == 1
    assert services.assign_store(work, people.fan_ids, store_id, **TOLD) == 3
    assert services.assign_store(work, people.fan_ids, store_id, **TOLD) == 0
