"""Finding patients, and their timeline."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.patients import queries, services
from engage.patients.queries import Before
from tests.patients.scenes import NOW, chart, make_people


@pytest.fixture
def charts(people, session):
    """王小红 1 and 王明 2 share a phone; Anna Lee 3 and 红豆 4 have their own or none."""
    return [
        chart(session, "王小红"),
        chart(session, "王明"),
        chart(session, "Anna Lee", phone="13900005678", email="anna.lee@example.com"),
        chart(session, "红豆", phone=None),
    ]


def found(session: Session, words: str, limit: int = 10) -> list[str]:
    return sorted(patient.name for patient in queries.search(session, words, limit=limit))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("王", ["王小红", "王明"]),
        ("小红", ["王小红"]),
        ("红", ["王小红", "红豆"]),
        (" 王小红 ", ["王小红"]),
        ("anna", ["Anna Lee"]),
        ("LEE", ["Anna Lee"]),
        ("wxh", ["王小红"]),
        ("WangXH", ["王小红"]),
        ("wang xiao hong", ["王小红"]),
        ("xiaohong", ["王小红"]),
        ("xh", ["王小红"]),
        ("wm", ["王明"]),
        ("w", ["王小红", "王明"]),
        ("al", ["Anna Lee"]),
        ("Anna.Lee@Example.com", ["Anna Lee"]),
        ("anna.lee@example", []),
        ("13800001234", ["王小红", "王明"]),
        ("138 0000 1234", ["王小红", "王明"]),
        ("+86 139-0000-5678", ["Anna Lee"]),
        ("5678", ["Anna Lee"]),
        ("1234", ["王小红", "王明"]),
        ("3", ["Anna Lee"]),
        ("", []),
        ("  ", []),
        ("139", []),
        ("9999", []),
        ("张", []),
        ("%", []),
        ("0", []),
        ("9" * 400, []),
        ("王\U0010ffff", ["王小红", "王明"]),
        ("１２３４", ["王小红", "王明"]),
        ("²", []),
        ("\x00", []),
    ],
)
def test_what_a_search_finds(charts, session, words, names):
    assert found(session, words) == sorted(names)


@pytest.mark.parametrize(
    ("name", "letters"),
    [("单小明", "sxm"), ("曾国强", "zgq"), ("仇英", "qy"), ("解缙", "xj"), ("尉迟恭", "ycg"), ("吕布", "lb")],
)
def test_a_surname_is_found_as_people_read_it(people, session, name, letters):
    chart(session, name)
    assert found(session, letters) == [name]


def test_what_is_exactly_so_comes_first(people, session):
    chart(session, "王小红英", phone=None)
    exact = chart(session, "王小红", phone=None)
    for words in ("王小红", "wxh", "wangxiaohong"):
        assert queries.search(session, words, limit=1) == [exact]


def test_a_name_that_fits_in_several_ways_stands_once_and_crowds_nobody_out(people, session):
    charts = [
        chart(session, "王小红", phone=None),
        chart(session, "王伟", phone=None),
        chart(session, "吴昕", phone=None),
    ]
    assert sorted(row.id for row in queries.search(session, "w", limit=3)) == [row.id for row in charts]


def test_a_merged_chart_is_found_by_its_number_alone_and_as_the_one_it_became(people, session):
    kept, gone = chart(session, "王小红"), chart(session, "王小洪")
    gone.merged_into_id = kept.id
    session.flush()
    for words in (str(gone.number), "1234", "13800001234"):
        assert queries.search(session, words, limit=10) == [kept]
    assert queries.of_phone(session, "+8613800001234") == [kept]


def test_the_exact_number_comes_before_the_last_four_digits(people, session):
    session.execute(sa.text("insert into chart_number (last) values (5677)"))
    numbered = chart(session, "张三", phone=None)
    texted = chart(session, "李四", phone="13900005678")
    ids = [patient.id for patient in queries.search(session, "5678", limit=10)]
    assert ids == [numbered.id, texted.id]


def test_a_search_gives_no_more_than_asked_for(people, session):
    for _ in range(5):
        chart(session, "王红红")
    assert len(queries.search(session, "王", limit=3)) == 3


def test_a_search_asks_little_however_many_are_found(people, session, count_queries):
    for _ in range(20):
        chart(session)
    for words in ("王", "13800001234", "1234"):
        session.expunge_all()
        with count_queries() as counted:
            assert len(queries.search(session, words, limit=20)) == 20
        assert counted.n <= 5


def test_patients_by_their_ids(charts, session):
    wanted = {charts[0].id, charts[2].id}
    assert set(queries.patients(session, wanted)) == wanted
    assert queries.patients(session, set()) == {}


def test_the_index_serves_a_search_for_the_applications_role(app, chain, analyse):
    people = make_people(chain)
    with tenant_scope(people.chain.id), unit_of_work() as session:
        for number in range(60):
            chart(session, f"病人{number}", phone=f"1380000{number:04}")
    analyse("patient")
    analyse("patient_term")
    with tenant_scope(people.chain.id), unit_of_work() as session:
        session.execute(sa.text("set local enable_seqscan = off"))
        for where, index in (
            ("term >= '病' and term < '病z'", "pk_patient_term"),
            (r"tail_index = '\x01'", "ix_patient_tenant_id_tail_index"),
            (r"phone_index = '\x01'", "ix_patient_tenant_id_phone_index"),
        ):
            table = "patient_term" if "term" in where else "patient"
            asked = sa.text(f"explain select * from {table} where {where}")  # noqa: S608 ours
            plan = "\n".join(session.scalars(asked))
            condition = plan.partition("Index Cond:")[2]
            assert index in plan, plan
            assert where.split()[0] in condition, plan


def note(session: Session, cause: str, minute: int, **about: int) -> None:
    services.note(
        session,
        kind="test",
        at=NOW + dt.timedelta(minutes=minute),
        subject_id=1,
        cause=cause,
        n=minute,
        **about,
    )


def causes(session: Session, patient_id: int, **page) -> list[str]:
    return [entry.cause for entry in queries.timeline(session, patient_id, **{"limit": 10, **page})]


def test_the_timeline_is_the_patients_and_the_fans_who_speak_for_it(people, session, charts):
    mother, child = charts[:2]
    one, other = people.fan_ids
    for patient in (mother, child):
        services.bind(session, fan_id=one, patient_id=patient.id, how="desk", by=OPERATOR, now=NOW)
    note(session, "fan's own", 1, fan_id=one)
    note(session, "mother's", 2, patient_id=mother.id)
    note(session, "fan for mother", 3, fan_id=one, patient_id=mother.id)
    note(session, "fan for child", 4, fan_id=one, patient_id=child.id)
    note(session, "stranger's", 5, fan_id=other)
    assert causes(session, mother.id) == ["fan for mother", "mother's", "fan's own"]
    assert causes(session, child.id) == ["fan for child", "fan's own"]
    services.unbind(session, fan_id=one, patient_id=mother.id, by=OPERATOR, now=NOW)
    assert causes(session, mother.id) == ["fan for mother", "mother's"]


def test_a_timeline_turns_its_pages(people, session, charts):
    for number in range(5):
        note(session, f"e{number}", number // 2, patient_id=charts[0].id)
    first = queries.timeline(session, charts[0].id, limit=2)
    second = causes(session, charts[0].id, limit=2, before=Before(first[-1].at, first[-1].id))
    third = causes(session, charts[0].id, limit=2, before=Before(NOW, 10**12))
    assert [entry.cause for entry in first] + second == ["e4", "e3", "e2", "e1"]
    assert third == ["e1", "e0"]


def test_a_timeline_is_read_at_once(people, session, charts, count_queries):
    for number in range(10):
        note(session, f"e{number}", number, patient_id=charts[0].id)
    with count_queries() as counted:
        queries.timeline(session, charts[0].id, limit=10)
    assert counted.n == 1


def test_the_same_cause_is_noted_once(people, session, charts):
    for minute in range(2):
        note(session, "once", minute, patient_id=charts[0].id)
    (entry,) = queries.timeline(session, charts[0].id, limit=10)
    assert (entry.at, entry.data) == (NOW, {"n": 0})
