"""Fans are found by nickname, remark, in letters, and by their code; forgotten names find nobody."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.fans import choosing, queries, services
from engage.fans.models import FanTerm
from engage.fans.rules import short_code
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.errors import Malformed
from tests.patients.scenes import People, make_people

NOW = dt.datetime(2026, 11, 22, 6, tzinfo=dt.UTC)
TOLD = {"by": OPERATOR, "now": NOW}


@pytest.fixture
def people(chain) -> People:
    return make_people(chain, fan_count=7)


@pytest.fixture
def work(people: People):
    with tenant_scope(people.chain.id), unit_of_work() as session:
        yield session


def found(work: Session, words: str) -> list[int]:
    return [fan.id for fan in queries.search(work, words, limit=10)]


def call(work: Session, fan_id: int, nickname: str) -> None:
    services.record_profile(work, fan_id, nickname=nickname, avatar=None, now=NOW)


@pytest.mark.parametrize(
    "words", ["王小红", "小红", "红", "wxh", "WXH", "wangxiaohong", "wangxh", " 王小红 "]
)
def test_a_nickname_is_found_from_any_character_and_in_letters(work: Session, people: People, words: str):
    call(work, people.fan_ids[0], "王小红")
    call(work, people.fan_ids[1], "李雷")
    assert found(work, words) == [people.fan_ids[0]]


def test_a_remark_is_found_until_it_is_taken_away(work: Session, people: People):
    fan_id = people.fan_ids[0]
    call(work, fan_id, "小红")
    services.set_remark(work, fan_id, "张阿姨", **TOLD)
    assert found(work, "zay") == found(work, "xh") == [fan_id]
    services.set_remark(work, fan_id, "", **TOLD)
    assert (found(work, "张阿姨"), found(work, "xh")) == ([], [fan_id])


def test_the_exact_name_stands_first(work: Session, people: People):
    call(work, people.fan_ids[0], "红姐姐")
    call(work, people.fan_ids[1], "红")
    assert found(work, "红") == [people.fan_ids[1], people.fan_ids[0]]


def test_a_short_code_finds_its_fan(work: Session, people: People):
    assert found(work, short_code(people.fan_ids[3]).lower()) == [people.fan_ids[3]]


def test_a_forgotten_name_finds_nobody(work: Session, people: People):
    fan_id = people.fan_ids[0]
    call(work, fan_id, "小红")
    services.forget_profile(work, people.account_id, queries.fan(work, fan_id).openid)
    assert found(work, "小红") == []
    assert work.scalar(sa.select(sa.func.count()).select_from(FanTerm)) == 0


def test_a_list_goes_on_where_its_page_ended(work: Session, people: People):
    for hour, fan_id in enumerate(people.fan_ids):
        openid = queries.fan(work, fan_id).openid
        services.recognise(work, people.account_id, openid, now=NOW + dt.timedelta(hours=hour))
    everybody = choosing.chosen()
    first = queries.page(work, everybody, cursor=None, size=4)
    rest = queries.page(work, everybody, cursor=first.next, size=4)
    assert [fan.id for fan in (*first.items, *rest.items)] == list(reversed(people.fan_ids))
    assert rest.next is None
    with pytest.raises(Malformed):
        queries.page(work, everybody, cursor="nonsense")


def test_a_page_of_a_million_would_be_read_from_an_index(work: Session, people: People, analyse):
    work.commit()
    analyse("fan")
    work.execute(sa.text("set local enable_seqscan = off"))
    work.execute(sa.text("set local enable_sort = off"))  # what a million rows make dear by themselves
    keyset = queries.ORDERS["contact"]
    statement = keyset.statement(choosing.chosen(choosing.follows(is_so=True)), None, 50)
    compiled = statement.compile(work.get_bind(), compile_kwargs={"literal_binds": True})
    plan = "\n".join(work.scalars(sa.text(f"explain {compiled}")))
    assert "ix_fan_tenant_id_last_seen_at_id" in plan
