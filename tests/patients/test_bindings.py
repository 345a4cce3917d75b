"""Who speaks for whom (PT-5): bound once, kept when it ends, many to many."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR, Actor
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.patients import queries, services
from engage.patients.models import Binding
from tests.patients.scenes import NOW, chart, prove, recorded

LATER = NOW + dt.timedelta(days=1)


def bind(session: Session, fan_id: int, patient_id: int, *, now: dt.datetime = NOW) -> Binding:
    return services.bind(session, fan_id=fan_id, patient_id=patient_id, how="desk", by=OPERATOR, now=now)


def unbind(session: Session, fan_id: int, patient_id: int, *, now: dt.datetime = LATER) -> None:
    services.unbind(session, fan_id=fan_id, patient_id=patient_id, by=Actor("fan", fan_id), now=now)


def names(patients) -> list[str]:
    return [patient.name for patient in patients]


def trail(session: Session) -> list[tuple[str, list[str]]]:
    """Give the audit trail of bindings."""
    rows = session.scalars(
        sa.select(AuditEntry).where(AuditEntry.action.like("patient.%bound")).order_by(AuditEntry.id)
    )
    return [(row.action, row.fields) for row in rows]


def test_binding_twice_binds_once(people, session):
    fan_id, patient = people.fan_ids[0], chart(session)
    first = bind(session, fan_id, patient.id)
    again = bind(session, fan_id, patient.id, now=LATER)
    assert (again.id, again.bound_at) == (first.id, NOW)
    assert recorded(session, "patients.bound") == [{"binding_id": first.id}]
    session.flush()
    assert trail(session) == [("patient.bound", ["fan_id", "how"])]


def test_one_fan_speaks_for_many_and_many_for_one(people, session):
    one, other = people.fan_ids
    mother, child = chart(session, "王小红"), chart(session, "王明")
    for fan_id, patient in ((one, mother), (one, child), (other, child)):
        bind(session, fan_id, patient.id)
    assert names(queries.of_fan(session, one)) == ["王小红", "王明"]
    assert names(queries.of_fan(session, other)) == ["王明"]
    assert queries.fans_of(session, child.id) == [one, other]
    assert queries.is_bound(session, one, mother.id)
    assert not queries.is_bound(session, other, mother.id)


def test_unbinding_ends_it_once_and_keeps_it(people, session):
    fan_id, patient = people.fan_ids[0], chart(session)
    made = bind(session, fan_id, patient.id)
    for _ in range(2):
        unbind(session, fan_id, patient.id)
    assert queries.of_fan(session, fan_id) == []
    assert queries.fans_of(session, patient.id) == []
    assert queries.bindings_of(session, patient.id) == []
    assert not queries.is_bound(session, fan_id, patient.id)
    assert recorded(session, "patients.unbound") == [{"binding_id": made.id}]
    session.expire_all()
    assert queries.binding(session, made.id).unbound_at == LATER
    assert trail(session)[1:] == [("patient.unbound", ["fan_id"])]


def test_unbinding_one_leaves_the_others(people, session):
    one, other = people.fan_ids
    patient = chart(session)
    for fan_id in people.fan_ids:
        bind(session, fan_id, patient.id)
    unbind(session, one, patient.id)
    assert queries.fans_of(session, patient.id) == [other]


def test_bound_again_it_is_another_binding(people, session):
    fan_id, patient = people.fan_ids[0], chart(session)
    first = bind(session, fan_id, patient.id)
    unbind(session, fan_id, patient.id)
    second = bind(session, fan_id, patient.id, now=LATER)
    assert second.id != first.id
    assert len(recorded(session, "patients.bound")) == 2
    assert [row.id for row in queries.bindings_of(session, patient.id)] == [second.id]


def test_a_proven_phone_binds_all_its_charts(people, session):
    fan_id = people.fan_ids[0]
    chart(session, "王小红"), chart(session, "王明"), chart(session, "李雷", phone="13900005678")
    prove(session, fan_id)
    assert names(services.bind_by_phone(session, fan_id, now=NOW)) == ["王小红", "王明"]
    assert names(services.bind_by_phone(session, fan_id, now=LATER)) == ["王小红", "王明"]
    assert names(queries.of_fan(session, fan_id)) == ["王小红", "王明"]
    assert len(recorded(session, "patients.bound")) == 2
    assert {row.how for row in session.scalars(sa.select(Binding))} == {"phone"}


def test_a_phone_without_charts_or_without_proof_binds_nothing(people, session):
    proven, other = people.fan_ids
    prove(session, proven)
    chart(session, phone="13900005678")
    assert services.bind_by_phone(session, proven, now=NOW) == []
    assert services.bind_by_phone(session, other, now=NOW) == []
    assert session.scalar(sa.select(sa.func.count()).select_from(Binding)) == 0


def test_what_there_is_not_is_not_found(people, session):
    with pytest.raises(NotFound):
        queries.binding(session, 404)
    with pytest.raises(NotFound):
        queries.patient(session, 404)
