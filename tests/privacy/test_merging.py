"""Two charts become one: everything moves, nothing is lost, both are audited (PT-7)."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.audiences.models import AudiencePerson
from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR, Actor
from engage.booking import queries as booking_queries
from engage.booking import services as booking
from engage.kernel import clock, people
from engage.kernel.db import Session, unit_of_work
from engage.kernel.people import Who
from engage.patients import persons
from engage.patients import queries as patients
from engage.patients import services as patient_services
from engage.patients.errors import ChartErased, ChartMoved, StaleChart
from engage.privacy import rules, services
from engage.privacy.errors import AlreadyMerged, AppointmentsOverlap, SameChart
from engage.privacy.holders import everything
from tests.privacy.scenes import MAIL, NAME, PHONE, House, bind, chart, merge
from workers import events


def hanging_on(session: Session, patient_id: int) -> dict[str, int]:
    """Count what moves with a chart, by table."""
    who = Who(patient_ids=frozenset({patient_id}))
    return {kept.table: people.count(session, kept, who) for kept in everything() if kept.told}


def test_everything_that_hangs_on_the_chart_that_goes_hangs_on_the_other(house: House) -> None:
    events.drain()
    keep_id = chart("欧阳惠林", phone=None)
    with unit_of_work() as session:
        there, here = hanging_on(session, house.patient_id), hanging_on(session, keep_id)
        assert there["appointment"] == there["binding"] == 1
        merge(session, keep_id, house.patient_id)
    with unit_of_work() as session:
        assert set(hanging_on(session, house.patient_id).values()) == {0}
        moved = hanging_on(session, keep_id)
        assert moved == {table: there[table] + here[table] for table in there}
        assert [row.id for row in patients.of_fan(session, house.fan_id)] == [keep_id]


def test_the_chart_that_stays_takes_what_it_does_not_know_and_what_was_chosen(house: House) -> None:
    keep_id = chart("欧阳惠林", phone="13811112222", sex="f", memo="怕疼")
    with unit_of_work() as session:
        merge(session, keep_id, house.patient_id, "phone")
    with unit_of_work() as session:
        kept = patients.patient(session, keep_id)
        assert (kept.name, kept.phone, kept.email, kept.sex) == ("欧阳惠林", f"+86{PHONE}", MAIL, "f")
        assert kept.birth_date == dt.date(1988, 3, 2)
        assert kept.memo.startswith("怕疼\n")
        assert [row.id for row in patients.search(session, "欧阳", limit=5)] == [keep_id]
        assert next(row.id for row in patients.search(session, PHONE, limit=5)) == keep_id


def test_the_name_that_was_chosen_is_what_the_chart_is_searched_by(house: House) -> None:
    keep_id = chart("王小红", phone=None)
    with unit_of_work() as session:
        merge(session, keep_id, house.patient_id, "name")
    with unit_of_work() as session:
        assert [row.id for row in patients.search(session, NAME, limit=5)] == [keep_id]
        assert patients.search(session, "王小", limit=5) == [
            row for row in patients.search(session, "王小", limit=5) if row.id != keep_id
        ]


def test_the_chart_that_goes_points_to_the_other_and_is_changed_no_more(house: House) -> None:
    keep_id = chart()
    with unit_of_work() as session:
        merge(session, keep_id, house.patient_id)
    with unit_of_work() as session:
        gone = patients.patient(session, house.patient_id)
        assert (gone.merged_into_id, gone.name) == (keep_id, NAME)
        new = patient_services.NewChart(name="别人")
        with pytest.raises(ChartMoved):
            patient_services.change_chart(
                session, gone.id, new, version=gone.version, by=OPERATOR, now=clock.now()
            )


def test_both_charts_are_audited_with_names_of_fields_alone(house: House) -> None:
    keep_id = chart(phone=None)
    with unit_of_work() as session:
        merge(session, keep_id, house.patient_id, by=Actor("system"))
        session.flush()
        rows = session.scalars(
            sa.select(AuditEntry).where(AuditEntry.action.in_(("patient.merged", "patient.merged_away")))
        ).all()
        assert {(row.action, row.subject_id) for row in rows} == {
            ("patient.merged", keep_id),
            ("patient.merged_away", house.patient_id),
        }
        assert {"phone", "email"} <= {name for row in rows for name in row.fields}
        assert not any(PHONE in name for row in rows for name in row.fields)


def test_a_fan_who_spoke_for_both_speaks_once_for_the_one_that_stays(house: House) -> None:
    keep_id = chart()
    bind(house.fan_id, keep_id)
    with unit_of_work() as session:
        assert services.preview(session, keep_id, house.patient_id).shared_fans == 1
        merge(session, keep_id, house.patient_id)
    with unit_of_work() as session:
        assert [row.id for row in patients.of_fan(session, house.fan_id)] == [keep_id]
        assert patients.fans_of(session, keep_id) == [house.fan_id]


def test_charts_merged_before_follow_to_the_one_that_stays(house: House) -> None:
    first, second, third = chart(), chart(), chart()
    with unit_of_work() as session:
        merge(session, second, first)
        merge(session, third, second)
    with unit_of_work() as session:
        assert persons.with_merged(session, third) == {first, second, third}


def test_facts_and_audiences_are_computed_anew(house: House) -> None:
    keep_id = chart("欧阳惠林", phone=None, sex="f", region="31")
    with unit_of_work() as session:
        merge(session, keep_id, house.patient_id)
    with unit_of_work() as session:
        assert patients.facts(session, [keep_id])[keep_id].is_bound
        assert house.patient_id not in patients.facts(session, [house.patient_id])
        known = session.scalars(sa.select(AudiencePerson).where(AudiencePerson.fan_id == house.fan_id)).one()
        assert (known.sex, known.region, known.birth_month) == ("f", "31", 3)


def test_visits_at_one_time_refuse_and_nothing_moves(house: House) -> None:
    keep_id = chart(phone=None)
    book(house, keep_id, 3)
    book(house, house.patient_id, 3)
    with unit_of_work() as session:
        shown = services.preview(session, keep_id, house.patient_id)
        assert list(shown.clashes) == [house.scene.opens_at + 3 * dt.timedelta(minutes=30)]
        with pytest.raises(AppointmentsOverlap):
            merge(session, keep_id, house.patient_id)
    with unit_of_work() as session:
        assert patients.patient(session, house.patient_id).merged_into_id is None
        assert len(booking_queries.standing_of(session, [house.patient_id])) == 1


def test_visits_at_different_times_both_stay(house: House) -> None:
    keep_id = chart(phone=None)
    book(house, keep_id, 3)
    book(house, house.patient_id, 4)
    with unit_of_work() as session:
        merge(session, keep_id, house.patient_id)
    with unit_of_work() as session:
        assert len(booking_queries.standing_of(session, [keep_id])) == 2


def book(house: House, patient_id: int, slot: int) -> None:
    """Book a visit at the desk."""
    with unit_of_work() as session:
        wish = house.scene.wish(slot=slot, patient_id=patient_id, fan_id=None)
        booking.book(session, wish, by=OPERATOR, now=clock.now())


def test_what_cannot_be_merged_is_refused(house: House) -> None:
    keep_id, drop_id = chart(), chart()
    with unit_of_work() as session:
        merge(session, keep_id, drop_id)
    with unit_of_work() as session, pytest.raises(SameChart):
        services.preview(session, keep_id, keep_id)
    with unit_of_work() as session, pytest.raises(AlreadyMerged):
        services.preview(session, house.patient_id, drop_id)
    with unit_of_work() as session:
        services.erase(session, house.patient_id, now=clock.now())
    with unit_of_work() as session, pytest.raises(ChartErased):
        merge(session, keep_id, house.patient_id)


def test_a_chart_that_changed_since_it_was_shown_is_looked_at_again(house: House) -> None:
    keep_id = chart()
    with unit_of_work() as session, pytest.raises(StaleChart):
        services.merge(
            session, keep_id, house.patient_id, taken=(), versions=(1, 2), by=OPERATOR, now=clock.now()
        )


def test_what_was_hung_on_the_chart_during_the_merge_follows_by_the_reaction(house: House) -> None:
    keep_id = chart()
    with unit_of_work() as session:
        merge(session, keep_id, house.patient_id)
    bind(house.scene.fan_ids[1], house.patient_id)  # by somebody who waited for the merge
    events.drain()
    with unit_of_work() as session:
        assert set(patients.fans_of(session, keep_id)) == {house.fan_id, house.scene.fan_ids[1]}


def test_fields_are_told_apart_by_what_both_know() -> None:
    keep = dict.fromkeys(rules.CHOICES) | {"name": "王小红", "phone": "1"}
    drop = dict.fromkeys(rules.CHOICES) | {"name": "王晓红", "email": "a@b.cn", "phone": "1"}
    assert rules.differing(keep, drop) == {"name"}
    assert rules.filled(keep, drop) == {"email"}
