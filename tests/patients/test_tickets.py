"""Codes at the desk (PT-5): each binds whoever scans it first, for ten minutes."""

from __future__ import annotations

import datetime as dt

import pytest

from engage.audit.services import OPERATOR
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import NotFound
from engage.patients import queries, services, waiting
from engage.patients.errors import ChartErased, ChartMoved, TicketOver, TicketUsed
from engage.patients.rules import TICKET_LIFE
from engage.tenancy import queries as tenancy
from tests.patients.scenes import NOW, chart, recorded

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def desk(people, make_staff) -> int:
    """Give somebody at the desk."""
    login = make_staff(people.chain, f"desk-{people.chain.slug}", "desk")
    with tenant_scope(people.chain.id), unit_of_work() as session:
        return tenancy.by_login(session, login).id


def test_a_code_binds_who_scans_it(people, session, desk):
    patient = chart(session)
    ticket, token = services.make_ticket(session, patient.id, by_staff=desk, now=NOW)
    assert waiting.may_still_use(ticket, NOW)
    bound = services.use_ticket(session, token, fan_id=people.fan_ids[0], now=NOW + SECOND)
    assert bound.id == patient.id
    [binding] = queries.bindings_of(session, patient.id)
    assert (binding.fan_id, binding.how) == (people.fan_ids[0], "scan")
    assert len(recorded(session, "patients.bound")) == 1
    session.refresh(ticket)
    assert (ticket.used_at, ticket.used_by_fan_id) == (NOW + SECOND, people.fan_ids[0])
    assert not waiting.may_still_use(ticket, NOW + SECOND)


def test_a_code_is_used_once_but_a_second_tap_of_the_same_phone_is_no_refusal(people, session, desk):
    first, other = people.fan_ids
    patient = chart(session)
    _ticket, token = services.make_ticket(session, patient.id, by_staff=desk, now=NOW)
    for _tap in range(2):
        assert services.use_ticket(session, token, fan_id=first, now=NOW).id == patient.id
    with pytest.raises(TicketUsed):
        services.use_ticket(session, token, fan_id=other, now=NOW)
    assert queries.fans_of(session, patient.id) == [first]
    assert len(recorded(session, "patients.bound")) == 1


def test_a_used_code_does_not_bring_back_a_binding_that_was_ended(people, session, desk):
    fan_id, patient = people.fan_ids[0], chart(session)
    _ticket, token = services.make_ticket(session, patient.id, by_staff=desk, now=NOW)
    services.use_ticket(session, token, fan_id=fan_id, now=NOW)
    services.unbind(session, fan_id=fan_id, patient_id=patient.id, by=OPERATOR, now=NOW)
    with pytest.raises(TicketUsed):
        services.use_ticket(session, token, fan_id=fan_id, now=NOW)


def test_a_code_ends_after_ten_minutes(people, session, desk):
    _ticket, token = services.make_ticket(session, chart(session).id, by_staff=desk, now=NOW)
    with pytest.raises(TicketOver):
        services.use_ticket(session, token, fan_id=people.fan_ids[0], now=NOW + TICKET_LIFE)
    services.use_ticket(session, token, fan_id=people.fan_ids[0], now=NOW + TICKET_LIFE - SECOND)


def test_a_code_that_nobody_made_is_not_found(people, session):
    with pytest.raises(NotFound):
        services.use_ticket(session, "made-up", fan_id=people.fan_ids[0], now=NOW)


def test_the_secret_of_a_code_is_not_kept(people, session, desk):
    ticket, token = services.make_ticket(session, chart(session).id, by_staff=desk, now=NOW)
    assert token not in ticket.token_digest
    assert waiting.ticket_of(session, token).id == ticket.id


def test_nobody_is_bound_to_a_chart_that_is_no_more(people, session, desk):
    kept, merged, erased = chart(session), chart(session), chart(session)
    _ticket, token = services.make_ticket(session, merged.id, by_staff=desk, now=NOW)
    merged.merged_into_id, erased.erased_at = kept.id, NOW
    session.flush()
    with pytest.raises(ChartMoved):
        services.use_ticket(session, token, fan_id=people.fan_ids[0], now=NOW)
    with pytest.raises(ChartErased):
        services.make_ticket(session, erased.id, by_staff=desk, now=NOW)
