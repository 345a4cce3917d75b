"""Codes that the desk shows, so that a patient's own WeChat is bound by scanning (PT-5)."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from engage.audit.services import Actor
from engage.kernel import ids
from engage.kernel.db import Session
from engage.patients import queries, rules, waiting
from engage.patients.errors import TicketOver, TicketUsed
from engage.patients.models import BindTicket, Patient
from engage.patients.services.bindings import bind, present


def make_ticket(
    session: Session, patient_id: int, *, by_staff: int, now: dt.datetime
) -> tuple[BindTicket, str]:
    """Make a code that binds who scans it first within ten minutes; gives it with its secret.

    Raises:
        NotFound: there is no such patient.
        ChartMoved, ChartErased: the chart was merged into another, or erased.
    """
    present(session, patient_id)
    token = ids.new_token()
    row = BindTicket(
        patient_id=patient_id,
        token_digest=ids.digest(token),
        made_by=by_staff,
        made_at=now,
        expires_at=now + rules.TICKET_LIFE,
    )
    session.add(row)
    session.flush()
    return row, token


def use_ticket(session: Session, token: str, *, fan_id: int, now: dt.datetime) -> Patient:
    """Bind a fan by a code, once; who used it already is given the patient again.

    Of several at once, one statement lets one through.

    Raises:
        NotFound: there is no such code.
        TicketUsed: somebody else was first, or its binding was ended since.
        TicketOver: its time is over.
        ChartMoved, ChartErased: the chart was merged into another, or erased.
    """
    patient_id = session.scalar(
        sa.update(BindTicket)
        .where(
            BindTicket.token_digest == ids.digest(token),
            BindTicket.used_at.is_(None),
            BindTicket.expires_at > now,
        )
        .values(used_at=now, used_by_fan_id=fan_id)
        .returning(BindTicket.patient_id)
        .execution_options(synchronize_session=False)
    )
    if patient_id is None:
        return _used_before(session, token, fan_id)
    chart = present(session, patient_id)
    bind(session, fan_id=fan_id, patient_id=patient_id, how="scan", by=Actor("fan", fan_id), now=now)
    return chart


def _used_before(session: Session, token: str, fan_id: int) -> Patient:
    found = waiting.ticket_of(session, token)
    if found.used_at is None:
        raise TicketOver
    if found.used_by_fan_id != fan_id or not queries.is_bound(session, fan_id, found.patient_id):
        raise TicketUsed
    return queries.patient(session, found.patient_id)
