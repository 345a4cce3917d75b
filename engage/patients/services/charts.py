"""Making charts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel import outbox, sealing
from engage.kernel.db import Session
from engage.patients import queries, rules
from engage.patients.errors import PhoneNotVerified, TooManyCharts
from engage.patients.models import ChartNumber, Patient, PatientTerm
from engage.patients.queries import Verified
from engage.patients.services.bindings import bind_all, hold_phone


@dataclass(frozen=True, slots=True)
class NewChart:
    """What is known of a person when the chart is made; the phone as it was typed."""

    name: str
    phone: str | None = None
    sex: str | None = None
    birth_date: dt.date | None = None
    source: str = "wechat"
    store_id: int | None = None


def create_chart(session: Session, new: NewChart, *, by: Actor, now: dt.datetime) -> Patient:
    """Make a chart with the next number, and what it is searched by. Records `patients.chart_created`.

    Raises:
        WrongName: the name is empty or too long.
        WrongPhone: no such number can exist.
    """
    name = rules.named(new.name)
    phone = queries.phone_of(session, new.phone) if new.phone else None
    patient = Patient(
        number=_next_number(session),
        name=name,
        phone=phone,
        phone_index=sealing.index(phone) if phone else None,
        tail_index=queries.tail_index(phone) if phone else None,
        sex=new.sex,
        birth_date=new.birth_date,
        source=new.source,
        store_id=new.store_id,
        memo="",
        created_at=now,
    )
    session.add(patient)
    session.flush()
    terms = rules.terms_of(name, patient.number)
    session.execute(
        sa.insert(PatientTerm),
        [{"tenant_id": session.tenant_id, "term": term, "patient_id": patient.id} for term in sorted(terms)],
    )
    audit.record(session, "patient.created", by=by, subject=("patient", patient.id), now=now)
    outbox.record(session, "patients.chart_created", now=now, patient_id=patient.id)
    return patient


def chart_for_fan(session: Session, fan_id: int, name: str, *, how: str, now: dt.datetime) -> Patient:
    """Bind a fan to the charts of the phone it has proven, or to a new one with this name; gives one.

    Of several it is the one of this name, else the first. Two at once make one chart.

    Raises:
        PhoneNotVerified: the fan has proven no phone, or so long ago that charts may be another's by now.
        WrongName: a chart is to be made, and the name is empty or too long.
    """
    charts = _charts_of_phone(session, fan_id)
    if not charts:
        return _make_for(session, fan_id, name, how=how, now=now)
    if not rules.still_proves(_proof(session, fan_id).at, now):
        raise PhoneNotVerified
    bind_all(session, fan_id, charts, how=how, now=now)
    return next(iter(_of_name(charts, name)), charts[0])


def add_relative(session: Session, fan_id: int, name: str, *, now: dt.datetime) -> Patient:
    """Give the patient of this name under the phone a fan has proven, made if there is none, and bind it.

    Raises:
        PhoneNotVerified: the fan has proven no phone, or so long ago that the chart of this name, which
            is not bound, may be another's by now.
        WrongName: the name is empty or too long.
        TooManyCharts: the phone has as many as fans may add.
    """
    charts = _charts_of_phone(session, fan_id)
    namesakes = _of_name(charts, rules.named(name))
    if not namesakes:
        if len(charts) >= rules.CHARTS_PER_PHONE:
            raise TooManyCharts
        return _make_for(session, fan_id, name, how="booking", now=now)
    bound = {patient.id for patient in queries.of_fan(session, fan_id)}
    known = next((chart for chart in namesakes if chart.id in bound), None)
    if known is not None:
        return known
    if not rules.still_proves(_proof(session, fan_id).at, now):
        raise PhoneNotVerified
    bind_all(session, fan_id, namesakes[:1], how="booking", now=now)
    return namesakes[0]


def _charts_of_phone(session: Session, fan_id: int) -> Sequence[Patient]:
    """Give the charts of a fan's phone, which stay as they are until the transaction ends."""
    phone = _proof(session, fan_id).phone
    hold_phone(session, phone)
    return queries.of_phone(session, phone)


def _make_for(session: Session, fan_id: int, name: str, *, how: str, now: dt.datetime) -> Patient:
    new = NewChart(name=name, phone=_proof(session, fan_id).phone)
    patient = create_chart(session, new, by=Actor("fan", fan_id), now=now)
    bind_all(session, fan_id, [patient], how=how, now=now)
    return patient


def _proof(session: Session, fan_id: int) -> Verified:
    verified = queries.verified_phone(session, fan_id)
    if verified is None:
        raise PhoneNotVerified
    return verified


def _of_name(charts: Sequence[Patient], name: str) -> Sequence[Patient]:
    wanted = rules.tidy(name).lower()
    return [chart for chart in charts if chart.name.lower() == wanted]


def _next_number(session: Session) -> int:
    """Count the charts by one upsert: whoever makes one waits for the maker before."""
    numbers = insert(ChartNumber).values(last=1)
    number: int = session.execute(
        numbers.on_conflict_do_update(
            index_elements=["tenant_id"], set_={"last": ChartNumber.last + 1}
        ).returning(ChartNumber.last)
    ).scalar_one()
    return number
