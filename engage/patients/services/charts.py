"""Making charts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel import outbox, sealing
from engage.kernel.db import Session
from engage.patients import queries, rules
from engage.patients.errors import ChartErased, ChartMoved, PhoneNotVerified, StaleChart, TooManyCharts
from engage.patients.models import ChartNumber, Patient, PatientFact, PatientTerm
from engage.patients.queries import Verified
from engage.patients.services.bindings import bind_all, hold_phone


@dataclass(frozen=True, slots=True)
class NameParts:
    """The parts of a name, where somebody gave them apart."""

    family: str
    middle: str
    given: str


@dataclass(frozen=True, slots=True)
class NewChart:
    """What is known of a person; phone and e-mail as they were typed. Of `parts` the name is made."""

    name: str
    phone: str | None = None
    sex: str | None = None
    birth_date: dt.date | None = None
    source: str = "wechat"
    store_id: int | None = None
    parts: NameParts | None = None
    email: str | None = None
    region: str | None = None
    consultant_id: int | None = None
    on_treatment: bool = False
    memo: str = ""


def create_chart(session: Session, new: NewChart, *, by: Actor, now: dt.datetime) -> Patient:
    """Make a chart with the next number, and what it is searched by. Records `patients.chart_created`.

    Raises:
        WrongName: the name is empty or too long.
        WrongPhone: no such number can exist.
        WrongEmail: this is no e-mail address.
    """
    patient = Patient(
        number=_next_number(session), source=new.source, created_at=now, version=1, **_values(session, new)
    )
    session.add(patient)
    session.flush()
    session.add(PatientFact(patient_id=patient.id))
    _write_terms(session, [patient])
    audit.record(session, "patient.created", by=by, subject=("patient", patient.id), now=now)
    outbox.record(session, "patients.chart_created", now=now, patient_id=patient.id)
    return patient


def change_chart(
    session: Session, patient_id: int, changed: NewChart, *, version: int, by: Actor, now: dt.datetime
) -> Patient:
    """Change what a chart tells; where it came from stays. Records `patients.chart_changed` if anything did.

    Raises:
        NotFound: no such chart.
        ChartMoved: it was merged into another.
        ChartErased: it was erased.
        StaleChart: it was changed since `version`.
        WrongName: the name is empty or too long.
        WrongPhone: no such number can exist.
        WrongEmail: this is no e-mail address.
    """
    patient = queries.locked(session, patient_id)
    if patient.merged_into_id is not None:
        raise ChartMoved(number=queries.patient(session, patient.merged_into_id).number)
    if patient.erased_at is not None:
        raise ChartErased
    if patient.version != version:
        raise StaleChart
    wanted = _values(session, changed)
    fields = {name for name, value in wanted.items() if getattr(patient, name) != value}
    if not fields:
        return patient
    for name in fields:
        setattr(patient, name, wanted[name])
    patient.version += 1
    if "name" in fields:
        session.execute(sa.delete(PatientTerm).where(PatientTerm.patient_id == patient.id))
        _write_terms(session, [patient])
    told = fields - {"phone_index", "tail_index", "email_index"}
    audit.record(session, "patient.updated", by=by, subject=("patient", patient.id), now=now, fields=told)
    outbox.record(session, "patients.chart_changed", now=now, patient_id=patient.id)
    session.flush()
    return patient


def reveal_phone(session: Session, patient_id: int, *, by: Actor, now: dt.datetime) -> str:
    """Give a patient's whole phone, and write down who asked; empty if there is none.

    Raises:
        NotFound: no such chart.
    """
    phone = queries.patient(session, patient_id).phone
    if phone:
        subject = ("patient", patient_id)
        audit.record(session, "patient.phone_revealed", by=by, subject=subject, now=now, fields={"phone"})
    return phone or ""


def refresh_terms(session: Session, *, after: int, limit: int) -> Sequence[int]:
    """Write anew what some charts are searched by, the next after the id `after`; gives which they are.

    Names are sealed: what an upgrade searches by more, no migration can write.
    """
    charts = session.scalars(
        sa.select(Patient)
        .where(Patient.id > after, Patient.merged_into_id.is_(None), Patient.erased_at.is_(None))
        .order_by(Patient.id)
        .limit(limit)
        .with_for_update(key_share=True)
    ).all()
    ids = [chart.id for chart in charts]
    if charts:
        session.execute(sa.delete(PatientTerm).where(PatientTerm.patient_id.in_(ids)))
        _write_terms(session, charts)
    return ids


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


def _values(session: Session, told: NewChart) -> dict[str, Any]:
    """Give what is known of a person as the columns hold it."""
    parts, phone = told.parts, queries.phone_of(session, told.phone) if told.phone else None
    email = rules.mail(told.email) if told.email else None
    return {
        "name": rules.composed(parts.family, parts.middle, parts.given) if parts else rules.named(told.name),
        "family_name": rules.tidy(parts.family) if parts else None,
        "middle_name": rules.tidy(parts.middle) if parts else None,
        "given_name": rules.tidy(parts.given) if parts else None,
        "phone": phone,
        "phone_index": sealing.index(phone) if phone else None,
        "tail_index": queries.tail_index(phone) if phone else None,
        "email": email,
        "email_index": queries.email_index(email) if email else None,
        "sex": told.sex,
        "birth_date": told.birth_date,
        "region": told.region,
        "store_id": told.store_id,
        "consultant_id": told.consultant_id,
        "on_treatment": told.on_treatment,
        "memo": told.memo.strip(),
    }


def _write_terms(session: Session, charts: Sequence[Patient]) -> None:
    session.execute(
        sa.insert(PatientTerm),
        [
            {"tenant_id": session.tenant_id, "term": term, "patient_id": chart.id}
            for chart in charts
            for term in sorted(rules.terms_of(chart.name, chart.number))
        ],
    )


def _next_number(session: Session) -> int:
    """Count the charts by one upsert: whoever makes one waits for the maker before."""
    numbers = insert(ChartNumber).values(last=1)
    number: int = session.execute(
        numbers.on_conflict_do_update(
            index_elements=["tenant_id"], set_={"last": ChartNumber.last + 1}
        ).returning(ChartNumber.last)
    ).scalar_one()
    return number
