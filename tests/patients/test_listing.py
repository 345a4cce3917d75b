"""The list of charts: every filter, and pages that neither skip nor repeat."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.kernel.db import tenant_scope, unit_of_work
from engage.patients import listing, queries, services
from engage.patients.listing import Wanted
from engage.patients.services import facts
from tests.patients.scenes import NOW, chart, make_people, recorded

DAY = dt.timedelta(days=1)


def visited(session, patient, *days_ago: int) -> None:
    facts.hold(session, patient.id)
    facts.recompute(session, patient.id, [NOW - days * DAY for days in days_ago], now=NOW)


@pytest.fixture
def charts(people, session):
    """Four charts: bound and here lately; here long ago; never here, on treatment; merged into the first."""
    here, long_ago, never, merged = (
        chart(session, "王小红", store_id=people.chain.store.id),
        chart(session, "李雷"),
        chart(session, "韩梅梅", on_treatment=True),
        chart(session, "王小洪"),
    )
    services.bind(session, fan_id=people.fan_ids[0], patient_id=here.id, how="desk", by=OPERATOR, now=NOW)
    visited(session, here, 3, 400)
    visited(session, long_ago, 200)
    visited(session, never)
    merged.merged_into_id = here.id
    session.flush()
    return here, long_ago, never


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (Wanted(), "韩梅梅 李雷 王小红"),
        (Wanted(on_treatment=True), "韩梅梅"),
        (Wanted(unbound=True), "韩梅梅 李雷"),
        (Wanted(never=True), "韩梅梅"),
        (Wanted(visited_from=NOW - 30 * DAY), "王小红"),
        (Wanted(visited_before=NOW - 180 * DAY), "李雷"),
        (Wanted(source="desk"), "韩梅梅 李雷 王小红"),
        (Wanted(source="import"), ""),
        (Wanted(source="desk", unbound=True, visited_before=NOW), "李雷"),
        (Wanted(consultant_id=1), ""),
    ],
)
def test_what_a_list_shows(charts, session, wanted, shown):
    page = listing.charts(session, wanted, cursor=None)
    assert " ".join(patient.name for patient in page.items) == shown
    assert page.next is None


def test_a_list_of_one_store(charts, people, session):
    page = listing.charts(session, Wanted(store_id=people.chain.store.id), cursor=None)
    assert page.items == [charts[0]]


def test_pages_neither_skip_nor_repeat(people, session):
    made = [chart(session, f"病人{number}") for number in range(7)]
    seen, cursor = [], None
    while True:
        page = listing.charts(session, Wanted(), cursor=cursor, size=3)
        seen += page.items
        cursor = page.next
        if cursor is None:
            break
    assert seen == made[::-1]


def test_facts_come_from_the_visits_and_bindings_that_there_are(charts, people, session):
    here, _, never = charts
    known = queries.facts(session, [here.id, never.id])
    assert (known[here.id].first_visit_at, known[here.id].last_visit_at, known[here.id].visits) == (
        NOW - 400 * DAY,
        NOW - 3 * DAY,
        2,
    )
    assert (known[here.id].is_bound, known[never.id].is_bound) == (True, False)
    services.unbind(session, fan_id=people.fan_ids[0], patient_id=here.id, by=OPERATOR, now=NOW)
    visited(session, here, 3)
    session.expire_all()
    known = queries.facts(session, [here.id])[here.id]
    assert (known.first_visit_at, known.visits, known.is_bound) == (NOW - 3 * DAY, 1, False)


def test_facts_are_told_of_once_and_not_if_they_are_the_same(people, session):
    patient = chart(session)
    for _ in range(2):
        visited(session, patient, 1)
    visited(session, patient)
    assert recorded(session, "patients.facts_changed") == [{"patient_id": patient.id}] * 2


def test_an_index_serves_each_filter_for_the_applications_role(app, chain, analyse):
    people = make_people(chain)
    with tenant_scope(people.chain.id), unit_of_work() as session:
        for number in range(60):
            chart(session, f"病人{number}", phone=f"1380000{number:04}")
    analyse("patient")
    analyse("patient_fact")
    analyse("patient_term")
    with tenant_scope(people.chain.id), unit_of_work() as session:
        session.execute(sa.text("set local enable_seqscan = off"))
        session.execute(sa.text("set local enable_bitmapscan = off"))
        for table, where, order, index in (
            ("patient", "store_id = 1", "id", "ix_patient_tenant_id_store_id_id"),
            ("patient", "consultant_id = 1", "id", "ix_patient_tenant_id_consultant_id_id"),
            ("patient", "source = 'desk'", "id", "ix_patient_tenant_id_source_id"),
            ("patient", "on_treatment", "id", "ix_patient_on_treatment"),
            ("patient", r"email_index = '\x01'", "email_index", "ix_patient_tenant_id_email_index"),
            ("patient_fact", "not is_bound", "patient_id", "ix_patient_fact_unbound"),
            ("patient_fact", "last_visit_at < now()", "last_visit_at", "last_visit_at_patient_id"),
            ("patient_term", "patient_id = 1", "patient_id", "ix_patient_term_tenant_id_patient_id"),
        ):
            asked = f"explain select * from {table} where {where} order by {order} desc limit 9"  # noqa: S608
            plan = "\n".join(session.scalars(sa.text(asked)))
            assert index in plan, plan
            assert "Sort" not in plan, plan
