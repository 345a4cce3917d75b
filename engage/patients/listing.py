"""The list of charts: one statement by filters, a page after another."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from engage.kernel import paging
from engage.kernel.db import Session
from engage.kernel.paging import Keyset, Page
from engage.patients.models import Patient, PatientFact

NEWEST = Keyset((Patient.id,), descending=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which charts a list shows; None does not matter.

    Last visits lie in [`visited_from`, `visited_before`); `never` means those who have not been here.
    """

    store_id: int | None = None
    consultant_id: int | None = None
    source: str | None = None
    on_treatment: bool = False
    unbound: bool = False
    never: bool = False
    visited_from: dt.datetime | None = None
    visited_before: dt.datetime | None = None


def charts(session: Session, wanted: Wanted, *, cursor: str | None, size: int = paging.SIZE) -> Page[Patient]:
    """Give a page of charts, the newest first; those that were merged into others are not shown."""
    statement = sa.select(Patient).where(Patient.merged_into_id.is_(None))
    for column, value in (
        (Patient.store_id, wanted.store_id),
        (Patient.consultant_id, wanted.consultant_id),
        (Patient.source, wanted.source),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.on_treatment:
        statement = statement.where(Patient.on_treatment)
    if conditions := _of_facts(wanted):
        fact = (PatientFact.tenant_id == Patient.tenant_id) & (PatientFact.patient_id == Patient.id)
        statement = statement.join(PatientFact, fact).where(*conditions)
    rows = session.scalars(NEWEST.statement(statement, cursor, size)).all()
    return NEWEST.page(rows, size)


def _of_facts(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    last = PatientFact.last_visit_at
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.unbound:
        conditions.append(~PatientFact.is_bound)
    if wanted.never:
        conditions.append(last.is_(None))
    if wanted.visited_from is not None:
        conditions.append(last >= wanted.visited_from)
    if wanted.visited_before is not None:
        conditions.append(last < wanted.visited_before)
    return conditions
