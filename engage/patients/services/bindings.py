"""Who speaks for whom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel import outbox, sealing
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.patients import queries, rules
from engage.patients.errors import ChartErased, ChartMoved
from engage.patients.models import Binding, Patient


def bind(session: Session, *, fan_id: int, patient_id: int, how: str, by: Actor, now: dt.datetime) -> Binding:
    """Let a fan speak for a patient; one who does already stays as bound.

    Records `patients.bound`, once per binding.
    """
    made: Any = session.execute(
        insert(Binding)
        .values(fan_id=fan_id, patient_id=patient_id, how=how, bound_at=now)
        .on_conflict_do_update(
            index_elements=["tenant_id", "fan_id", "patient_id"],
            index_where=Binding.unbound_at.is_(None),
            # Changes nothing, but waits for whoever binds the same at this moment, and gives the row.
            set_={"how": Binding.how},
        )
        .returning(Binding, sa.literal_column("xmax = 0").label("is_new"))
    ).one()
    binding: Binding = made.Binding
    if made.is_new:
        fields = {"fan_id", "how"}
        audit.record(session, "patient.bound", by=by, subject=("patient", patient_id), now=now, fields=fields)
        outbox.record(session, "patients.bound", now=now, binding_id=binding.id)
    return binding


def unbind(session: Session, *, fan_id: int, patient_id: int, by: Actor, now: dt.datetime) -> None:
    """End a binding, and keep it; where none lives nothing happens. Records `patients.unbound`."""
    ended = session.scalar(
        sa.update(Binding)
        .where(Binding.fan_id == fan_id, Binding.patient_id == patient_id, Binding.unbound_at.is_(None))
        .values(unbound_at=now)
        .returning(Binding.id)
        .execution_options(synchronize_session=False)
    )
    if ended is not None:
        subject = ("patient", patient_id)
        audit.record(session, "patient.unbound", by=by, subject=subject, now=now, fields={"fan_id"})
        outbox.record(session, "patients.unbound", now=now, binding_id=ended)


def present(session: Session, patient_id: int) -> Patient:
    """Give a chart that somebody may be bound to; nobody merges or erases it before the transaction ends.

    Raises:
        NotFound: there is no such patient.
        ChartMoved: the chart was merged into another.
        ChartErased: the chart was erased.
    """
    key = (session.tenant_id, patient_id)
    found = session.get(Patient, key, with_for_update={"read": True}, populate_existing=True)
    if found is None:
        raise NotFound(patient=patient_id)
    if found.merged_into_id is not None:
        raise ChartMoved(number=queries.patient(session, found.merged_into_id).number)
    if found.erased_at is not None:
        raise ChartErased
    return found


def bind_by_phone(session: Session, fan_id: int, *, now: dt.datetime) -> Sequence[Patient]:
    """Bind a fan to every chart of the phone it has proven lately, and give them; none without a chart."""
    verified = queries.verified_phone(session, fan_id)
    if verified is None or not rules.still_proves(verified.at, now):
        return []
    hold_phone(session, verified.phone)
    return bind_all(session, fan_id, queries.of_phone(session, verified.phone), how="phone", now=now)


def bind_all(
    session: Session, fan_id: int, charts: Sequence[Patient], *, how: str, now: dt.datetime
) -> Sequence[Patient]:
    """Bind a fan to charts on its own behalf, in the order of their ids, and give them."""
    by = Actor("fan", fan_id)
    for chart in sorted(charts, key=lambda chart: chart.id):
        bind(session, fan_id=fan_id, patient_id=chart.id, how=how, by=by, now=now)
    return charts


def hold_phone(session: Session, phone: str) -> None:
    """Let one transaction at a time look for charts of a phone and make one; released at its end."""
    low = int.from_bytes(sealing.index(f"hold {session.tenant_id} {phone}")[-8:], signed=True)
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(low)))
