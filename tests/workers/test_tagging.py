"""Work on all fans who match: done in chunks, gone on with after a crash, told how far; the Excel file."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audiences import filters
from engage.audiences.filters import Filter
from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR
from engage.fans import queries, services
from engage.fans.models import FanTag, FanTask
from engage.fans.rules import FILE_LIFE, QUEUE, short_code
from engage.fans.services import tags, tasks
from engage.fans.services.tasks import Asked
from engage.kernel import clock, leases
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.due import Due
from engage.kernel.errors import NotFound
from engage.patients.services.bindings import bind_all
from tests.patients.scenes import People, chart, make_people
from workers import fan_exports, tagging

pytestmark = pytest.mark.enable_socket

TOLD: dict[str, Any] = {"by": OPERATOR, "now": clock.now()}
WORDS = {
    "labels": {name: name.title() for name in fan_exports.COLUMNS},
    "words": {"follows": "Yes", "left": "Left"},
    "zone": "Asia/Shanghai",
    "patients": True,
}


@pytest.fixture
def people(chain) -> Iterator[People]:
    made = make_people(chain, fan_count=7)
    with tenant_scope(chain.id):
        yield made


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "CHUNK", 2)
    monkeypatch.setattr(fan_exports, "ROWS_AT_ONCE", 2)


def ask(kind: str, data: Mapping[str, Any], asked: Filter = filters.EVERYBODY, **scope: Any) -> int:
    seen = {"everywhere": True, "store_ids": []} | scope
    with unit_of_work() as work:
        wish = Asked(kind, data, filters.to_json(asked), seen, uuid.uuid4())
        return tasks.ask(work, wish, by=OPERATOR, now=clock.now())


def task(task_id: int) -> FanTask:
    with unit_of_work() as work:
        return queries.task(work, task_id)


def make_tag(name: str = "洗牙") -> int:
    with unit_of_work() as work:
        group = tags.create_group(work, f"组{name}", **TOLD)
        return tags.create_tag(work, group.id, name, **TOLD).id


def having(tag_id: int) -> set[int]:
    with unit_of_work() as work:
        return set(work.scalars(sa.select(FanTag.fan_id).where(FanTag.tag_id == tag_id)))


@pytest.mark.usefixtures("small_chunks")
def test_all_who_match_get_the_tag_also_those_whom_the_tag_lets_match_no_more(people: People):
    tag_id = make_tag()
    task_id = ask("tag", {"tag_ids": [tag_id]}, Filter(tags_none=frozenset({tag_id})))
    tagging.drain()
    done = task(task_id)
    assert having(tag_id) == set(people.fan_ids)
    assert (done.state, done.done, done.total, done.available_at) == ("finished", 7, 7, None)


@pytest.mark.usefixtures("small_chunks")
def test_a_filter_and_the_stores_of_whoever_asked_bound_the_work(people: People):
    store_id, first = people.chain.store.id, people.fan_ids[0]
    tag_id, other = make_tag(), make_tag("老客户")
    with unit_of_work() as work:
        services.assign_store(work, [first], store_id, **TOLD)
    ask("tag", {"tag_ids": [tag_id]}, everywhere=False, store_ids=[store_id + 1])
    ask("tag", {"tag_ids": [other]}, Filter(store_ids=frozenset({store_id})))
    tagging.drain()
    assert having(tag_id) == set(people.fan_ids) - {first}
    assert having(other) == {first}


def test_tags_stores_and_consultants_are_changed_for_all(people: People):
    tag_id = make_tag()
    store_id = people.chain.store.id
    ask("tag", {"tag_ids": [tag_id]})
    ask("untag", {"tag_ids": [tag_id]}, Filter(tags_any=frozenset({tag_id})))
    ask("store", {"id": store_id})
    ask("consultant", {"id": None})
    tagging.drain()
    with unit_of_work() as work:
        stores = {fan.store_id for fan in queries.by_ids(work, people.fan_ids).values()}
    assert (having(tag_id), stores) == (set(), {store_id})


@pytest.mark.usefixtures("small_chunks")
def test_a_deleted_tag_is_taken_from_everybody(people: People):
    tag_id, kept = make_tag(), make_tag("老客户")
    with unit_of_work() as work:
        tags.add(work, [tag_id, kept], people.fan_ids, how="hand", **TOLD)
        tags.delete_tag(work, tag_id, **TOLD)
    tagging.drain()
    assert (having(tag_id), having(kept)) == (set(), set(people.fan_ids))


@pytest.mark.usefixtures("small_chunks")
def test_who_dies_in_the_middle_is_followed_by_one_who_goes_on(people: People, monkeypatch):
    tag_id = make_tag()
    task_id = ask("tag", {"tag_ids": [tag_id]})
    with unit_of_work() as work:
        claimed = tasks.claim(work, now=clock.now())
        todo = tasks.begin(work, claimed, now=clock.now())
    assert todo is not None
    assert tagging._step(claimed, todo)  # and here the worker dies
    assert len(having(tag_id)) == 2
    tagging.drain()
    assert len(having(tag_id)) == 2  # the lease still runs
    after = clock.now() + leases.LEASE * 2
    monkeypatch.setattr(clock, "now", lambda: after)
    tagging.drain()
    assert (len(having(tag_id)), task(task_id).done) == (7, 7)
    assert not tagging._step(claimed, todo)  # who comes back late does nothing


@pytest.mark.usefixtures("small_chunks")
def test_a_long_task_gives_way_and_is_rung_for_again(people: People, monkeypatch):
    tag_id = make_tag()
    task_id = ask("tag", {"tag_ids": [tag_id]})
    monkeypatch.setattr(tagging, "TURN_SECONDS", 0.0)
    tagging.drain()  # the turn is over before it begins
    assert task(task_id).state == "waiting"
    with unit_of_work() as work:
        claimed = tasks.claim(work, now=clock.now())
        todo = tasks.begin(work, claimed, now=clock.now())
    assert todo is not None
    tagging._change(claimed, todo, until=0.0)
    assert (len(having(tag_id)), task(task_id).attempts) == (2, 0)
    monkeypatch.setattr(tagging, "TURN_SECONDS", 20.0)
    tagging.drain()
    assert len(having(tag_id)) == 7


def test_what_fails_is_tried_again_and_given_up_in_the_end(people: People, monkeypatch):
    task_id = ask("store", {"id": people.chain.store.id + 10_000})  # no such store: the key refuses
    later = clock.now()
    for _ in range(leases.ATTEMPTS):
        tagging.drain()
        later += dt.timedelta(hours=3)
        monkeypatch.setattr(clock, "now", lambda at=later: at)
    failed = task(task_id)
    assert (failed.state, failed.available_at) == ("failed", None)
    assert failed.error is not None


def test_the_same_form_sent_twice_is_one_task(people: People):
    key = uuid.uuid4()
    seen = {"everywhere": True, "store_ids": []}
    wish = Asked("store", {"id": None}, filters.to_json(filters.EVERYBODY), seen, key)
    with unit_of_work() as work:
        made = {tasks.ask(work, wish, by=OPERATOR, now=clock.now()) for _ in range(2)}
        audited = work.scalars(
            sa.select(AuditEntry.action).where(AuditEntry.subject_kind == "fan_task")
        ).all()
    assert (len(made), audited) == (1, ["fans.store"])


@pytest.mark.usefixtures("small_chunks")
def test_the_file_holds_everybody_and_no_formula(app: Flask, people: People):
    evil, named = people.fan_ids[:2]
    with unit_of_work() as work:
        services.record_profile(
            work, evil, nickname='=HYPERLINK("http://evil")', avatar=None, now=clock.now()
        )
        services.set_remark(work, named, "@SUM(1)", **TOLD)
        bind(work, named)
    task_id = ask("export", WORDS)
    tagging.drain()
    rows = sheet_of(app, people, task_id)
    assert [cell.value for cell in rows[0]][:2] == ["Code", "Nickname"]
    assert [row[0].value for row in rows[1:]] == [short_code(fan_id) for fan_id in people.fan_ids]
    assert rows[1][1].value == '\'=HYPERLINK("http://evil")'
    assert rows[2][3].value == "'@SUM(1)"
    assert rows[2][2].value == "王小红"
    assert {cell.data_type for row in rows for cell in row} <= {"s", "n", "d"}
    assert not any(cell.hyperlink for row in rows for cell in row)


def test_patients_stay_out_of_the_file_of_who_may_not_see_them(app: Flask, people: People):
    with unit_of_work() as work:
        bind(work, people.fan_ids[0])
    task_id = ask("export", WORDS | {"patients": False})
    tagging.drain()
    assert all(row[2].value is None for row in sheet_of(app, people, task_id)[1:])


def test_the_file_is_deleted_after_a_day(app: Flask, people: People, monkeypatch):
    task_id = ask("export", WORDS)
    tagging.drain()
    made = task(task_id)
    with unit_of_work() as work:
        marks = work.scalars(
            sa.select(Due.at).where(Due.tenant_id == people.chain.id, Due.queue == QUEUE)
        ).all()
    assert made.expires_at in marks
    files = app.extensions["files"]
    assert files.get(people.chain.id, made.file)
    after = clock.now() + FILE_LIFE + dt.timedelta(minutes=1)
    monkeypatch.setattr(clock, "now", lambda: after)
    tagging.drain()
    assert (task(task_id).state, task(task_id).file) == ("finished", None)
    with pytest.raises(NotFound):
        files.get(people.chain.id, made.file)


def test_an_export_that_was_cut_begins_anew(app: Flask, people: People, monkeypatch):
    task_id = ask("export", WORDS)
    with unit_of_work() as work:
        claimed = tasks.claim(work, now=clock.now())
        tasks.begin(work, claimed, now=clock.now())
        tasks.advance(work, claimed, people.fan_ids[:3], now=clock.now())  # and here the worker dies
    after = clock.now() + leases.LEASE * 2
    monkeypatch.setattr(clock, "now", lambda: after)
    tagging.drain()
    assert (len(sheet_of(app, people, task_id)), task(task_id).done) == (8, 7)


def bind(work: Session, fan_id: int) -> None:
    bind_all(work, fan_id, [chart(work)], how="desk", now=clock.now())


def sheet_of(app: Flask, people: People, task_id: int) -> list[tuple[Any, ...]]:
    content = app.extensions["files"].get(people.chain.id, task(task_id).file)
    return list(openpyxl.load_workbook(io.BytesIO(content)).active.rows)
