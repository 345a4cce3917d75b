"""Charts: numbered, sealed, made once for a phone that a fan has proven."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR
from engage.kernel import settings
from engage.kernel.errors import Invalid
from engage.patients import queries, rules, services
from engage.patients.errors import (
    ChartErased,
    ChartMoved,
    PhoneNotVerified,
    StaleChart,
    TooManyCharts,
    WrongEmail,
    WrongName,
    WrongPhone,
)
from engage.patients.models import Patient
from engage.patients.services import NameParts, NewChart
from tests.patients.scenes import NOW, PHONE, STORED, chart, prove, recorded


def made(session) -> list[str]:
    return [row.name for row in session.scalars(sa.select(Patient).order_by(Patient.number))]


def test_charts_are_numbered_from_one(people, session):
    assert [chart(session, name).number for name in ("王小红", "李雷", "韩梅梅")] == [1, 2, 3]


def test_a_chart_is_kept_audited_and_told(people, session):
    patient = chart(session, "  王小红 ", "138 0000 1234", sex="f", store_id=people.chain.store.id)
    assert (patient.name, patient.phone, patient.sex, patient.source) == ("王小红", STORED, "f", "desk")
    assert recorded(session, "patients.chart_created") == [{"patient_id": patient.id}]
    session.flush()
    entry = session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "patient.created")).one()
    assert (entry.subject_kind, entry.subject_id, entry.fields) == ("patient", patient.id, [])


def test_name_phone_and_memo_lie_sealed(people, session):
    chart(session)
    sealed = session.execute(
        sa.text("select name || phone || phone_index || tail_index || memo from patient")
    ).scalar_one()
    for text in ("王小红", PHONE, "1234"):
        assert text.encode() not in bytes(sealed)


def test_a_chart_needs_no_phone(people, session):
    patient = chart(session, phone=None)
    assert (patient.phone, patient.phone_index, patient.tail_index) == (None, None, None)


def test_wrong_names_and_phones_are_refused(people, session):
    with pytest.raises(WrongName):
        chart(session, "  ")
    with pytest.raises(WrongPhone):
        chart(session, phone="1380000")
    assert made(session) == []


def test_a_phone_is_read_by_the_chains_country(people, session):
    settings.put(session, queries.PHONE_REGION, "KR")
    assert chart(session, phone="010-1234-5678").phone == "+821012345678"
    assert chart(session, phone="+86 138 0000 1234").phone == STORED
    with pytest.raises(Invalid):
        settings.put(session, queries.PHONE_REGION, "China")


def test_a_fan_whose_phone_has_no_chart_gets_one(people, session):
    fan_id = people.fan_ids[0]
    prove(session, fan_id)
    patient = services.chart_for_fan(session, fan_id, "王小红", how="phone", now=NOW)
    assert (patient.phone, patient.source, patient.number) == (STORED, "wechat", 1)
    assert queries.is_bound(session, fan_id, patient.id)
    assert services.chart_for_fan(session, fan_id, "王小红", how="phone", now=NOW).id == patient.id
    assert made(session) == ["王小红"]


def test_a_fan_whose_phone_has_charts_gets_all_of_them(people, session):
    fan_id = people.fan_ids[0]
    chart(session, "王小红"), chart(session, "王明")
    prove(session, fan_id)
    assert services.chart_for_fan(session, fan_id, "王明", how="phone", now=NOW).name == "王明"
    assert services.chart_for_fan(session, fan_id, "别人", how="phone", now=NOW).name == "王小红"
    assert [patient.name for patient in queries.of_fan(session, fan_id)] == ["王小红", "王明"]
    assert made(session) == ["王小红", "王明"]


def test_without_a_proven_phone_no_chart_is_made(people, session):
    for make in (
        lambda fan_id: services.chart_for_fan(session, fan_id, "王小红", how="phone", now=NOW),
        lambda fan_id: services.add_relative(session, fan_id, "王小红", now=NOW),
    ):
        with pytest.raises(PhoneNotVerified):
            make(people.fan_ids[0])
    assert made(session) == []


def test_an_old_proof_opens_no_chart_of_whoever_has_the_number_now(people, session):
    fan_id, before = people.fan_ids[0], NOW - rules.PROOF_LIFE
    prove(session, fan_id, now=before)
    chart(session, "新机主")
    with pytest.raises(PhoneNotVerified):
        services.chart_for_fan(session, fan_id, "王小红", how="phone", now=NOW)
    assert services.bind_by_phone(session, fan_id, now=NOW) == []
    assert queries.of_fan(session, fan_id) == []
    prove(session, fan_id)
    assert services.chart_for_fan(session, fan_id, "王小红", how="phone", now=NOW).name == "新机主"


def test_an_old_proof_adds_no_relative_whose_chart_is_another_persons(people, session):
    fan_id, before = people.fan_ids[0], NOW - rules.PROOF_LIFE
    prove(session, fan_id, now=before)
    mine = services.chart_for_fan(session, fan_id, "王小红", how="phone", now=before)
    other = chart(session, "王明")
    with pytest.raises(PhoneNotVerified):
        services.add_relative(session, fan_id, "王明", now=NOW)
    assert not queries.is_bound(session, fan_id, other.id)
    assert services.add_relative(session, fan_id, "王小红", now=NOW).id == mine.id
    prove(session, fan_id)
    assert services.add_relative(session, fan_id, "王明", now=NOW).id == other.id


def test_a_namesake_who_is_bound_comes_before_one_who_is_not(people, session):
    fan_id = people.fan_ids[0]
    prove(session, fan_id)
    first, second = chart(session, "王明"), chart(session, "王明")
    services.bind(session, fan_id=fan_id, patient_id=second.id, how="desk", by=OPERATOR, now=NOW)
    assert services.add_relative(session, fan_id, "王明", now=NOW).id == second.id
    assert not queries.is_bound(session, fan_id, first.id)


def test_a_phone_has_no_more_relatives_than_a_large_family(people, session, monkeypatch):
    monkeypatch.setattr(rules, "CHARTS_PER_PHONE", 2)
    fan_id = people.fan_ids[0]
    prove(session, fan_id)
    for name in ("王小红", "王明"):
        services.add_relative(session, fan_id, name, now=NOW)
    with pytest.raises(TooManyCharts):
        services.add_relative(session, fan_id, "王强", now=NOW)
    assert services.add_relative(session, fan_id, "王明", now=NOW).name == "王明"


def test_a_relative_is_added_once_under_the_fans_phone(people, session):
    fan_id = people.fan_ids[0]
    prove(session, fan_id)
    services.chart_for_fan(session, fan_id, "王小红", how="phone", now=NOW)
    child = services.add_relative(session, fan_id, "Anna  Lee", now=NOW)
    assert (child.name, child.phone) == ("Anna Lee", STORED)
    assert services.add_relative(session, fan_id, " anna lee", now=NOW).id == child.id
    assert made(session) == ["王小红", "Anna Lee"]
    assert [row.how for row in queries.bindings_of(session, child.id)] == ["booking"]


def test_a_relative_whose_chart_the_desk_made_is_bound_to_it(people, session):
    fan_id = people.fan_ids[0]
    known, stranger = chart(session, "王明"), chart(session, "王明", phone="13900005678")
    prove(session, fan_id)
    assert services.add_relative(session, fan_id, "王明", now=NOW).id == known.id
    assert queries.is_bound(session, fan_id, known.id)
    assert not queries.is_bound(session, fan_id, stranger.id)


def test_a_namesake_under_another_phone_is_another_person(people, session):
    fan_id = people.fan_ids[0]
    stranger = chart(session, "王小红", phone="13900005678")
    prove(session, fan_id)
    mine = services.chart_for_fan(session, fan_id, "王小红", how="phone", now=NOW)
    assert mine.id != stranger.id
    assert queries.fans_of(session, stranger.id) == []


def told(**changes) -> NewChart:
    known = {
        "name": "",
        "parts": NameParts("王", "", "小红"),
        "phone": PHONE,
        "source": "desk",
        "email": "Xiaohong@Example.com",
        "region": "31",
        "birth_date": dt.date(1990, 5, 1),
        "memo": "怕疼",
    }
    return NewChart(**{**known, **changes})


def change(session, patient, version=1, **changes):
    return services.change_chart(session, patient.id, told(**changes), version=version, by=OPERATOR, now=NOW)


def audited(session, action: str) -> list[list[str]]:
    session.flush()
    trail = sa.select(AuditEntry.fields).where(AuditEntry.action == action).order_by(AuditEntry.id)
    return list(session.scalars(trail))


def test_a_change_is_kept_found_audited_and_told(people, session):
    patient = chart(session, "王小明")
    change(session, patient, consultant_id=None)
    assert (patient.name, patient.family_name, patient.given_name) == ("王小红", "王", "小红")
    assert (patient.email, patient.region, patient.memo, patient.version) == (
        "xiaohong@example.com",
        "31",
        "怕疼",
        2,
    )
    assert queries.search(session, "wxh", limit=5) == [patient]
    assert queries.search(session, "xiaohong@example.com", limit=5) == [patient]
    assert queries.search(session, "wxm", limit=5) == []
    (fields,) = audited(session, "patient.updated")
    assert fields == [
        "birth_date",
        "email",
        "family_name",
        "given_name",
        "memo",
        "middle_name",
        "name",
        "region",
    ]
    assert recorded(session, "patients.chart_changed") == [{"patient_id": patient.id}]


def test_what_changes_nothing_is_no_change(people, session):
    patient = services.create_chart(session, told(), by=OPERATOR, now=NOW)
    change(session, patient)
    assert patient.version == 1
    assert audited(session, "patient.updated") == []
    assert recorded(session, "patients.chart_changed") == []


def test_who_looked_at_an_older_chart_does_not_change_it(people, session):
    patient = chart(session)
    change(session, patient)
    with pytest.raises(StaleChart):
        change(session, patient, memo="nichts")
    assert patient.memo == "怕疼"


def test_a_phone_is_taken_out(people, session):
    patient = chart(session)
    change(session, patient, phone=None)
    assert (patient.phone, patient.phone_index, patient.tail_index) == (None, None, None)
    assert queries.search(session, "1234", limit=5) == []


def test_what_is_wrong_changes_nothing(people, session):
    patient = chart(session)
    for wrong, refusal in (
        ({"phone": "138"}, WrongPhone),
        ({"email": "anna"}, WrongEmail),
        ({"parts": NameParts("", " ", "")}, WrongName),
    ):
        with pytest.raises(refusal):
            change(session, patient, **wrong)
    assert (patient.version, patient.name) == (1, "王小红")


def test_a_merged_or_erased_chart_is_not_changed(people, session):
    kept, merged, erased = chart(session), chart(session), chart(session)
    merged.merged_into_id, erased.erased_at = kept.id, NOW
    session.flush()
    with pytest.raises(ChartMoved) as refusal:
        change(session, merged)
    assert refusal.value.data == {"number": kept.number}
    with pytest.raises(ChartErased):
        change(session, erased)


def test_the_whole_phone_is_told_and_who_asked_is_written_down(people, session):
    patient, silent = chart(session), chart(session, phone=None)
    assert services.reveal_phone(session, patient.id, by=OPERATOR, now=NOW) == STORED
    assert services.reveal_phone(session, silent.id, by=OPERATOR, now=NOW) == ""
    assert audited(session, "patient.phone_revealed") == [["phone"]]


def test_terms_are_written_anew_a_part_at_a_time(people, session):
    charts = [chart(session, name) for name in ("王小红", "李雷", "韩梅梅")]
    charts[1].merged_into_id = charts[0].id
    session.flush()
    session.execute(sa.text("delete from patient_term"))
    session.execute(
        sa.text("insert into patient_term (term, patient_id) values ('old', :id)"), {"id": charts[0].id}
    )
    first = services.refresh_terms(session, after=0, limit=1)
    assert first == [charts[0].id]
    assert [queries.search(session, words, limit=5) for words in ("wxh", "old", "hmm")] == [
        [charts[0]],
        [],
        [],
    ]
    others = services.refresh_terms(session, after=first[-1], limit=5)
    assert others == [charts[2].id]
    assert services.refresh_terms(session, after=others[-1], limit=5) == []
    assert [queries.search(session, words, limit=5) for words in ("hmm", "ll")] == [[charts[2]], []]
