"""Reading whole persons: charts that were merged, and all for whom fans ever spoke."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from engage.kernel.db import Session
from engage.patients.models import Binding, Patient


def with_merged(session: Session, patient_id: int) -> frozenset[int]:
    """Give a chart and those that were merged into it."""
    merged = session.scalars(sa.select(Patient.id).where(Patient.merged_into_id == patient_id))
    return frozenset({patient_id, *merged})


def spoken_for(session: Session, patient_ids: Collection[int]) -> Mapping[int, frozenset[int]]:
    """Give whoever speaks for some patients, or did: fan → all whom that fan ever spoke for.

    Who was erased is nobody any more.
    """
    theirs = sa.select(Binding.fan_id).where(Binding.patient_id.in_(patient_ids))
    charts: dict[int, set[int]] = defaultdict(set)
    mine = (Binding.tenant_id == Patient.tenant_id) & (Binding.patient_id == Patient.id)
    for fan_id, patient_id in session.execute(
        sa.select(Binding.fan_id, Binding.patient_id)
        .join(Patient, mine)
        .where(Binding.fan_id.in_(theirs), Patient.erased_at.is_(None))
    ):
        charts[fan_id].add(patient_id)
    return {fan_id: frozenset(ids) for fan_id, ids in charts.items()}


def fans_ever_of(session: Session, patient_ids: Collection[int]) -> frozenset[int]:
    """Give the fans who speak for any of some patients, or did."""
    return frozenset(session.scalars(sa.select(Binding.fan_id).where(Binding.patient_id.in_(patient_ids))))


def of_fans(session: Session, fan_ids: Collection[int]) -> Mapping[int, Sequence[Patient]]:
    """Give the patients whom some fans speak for, by fan, in one statement."""
    found: dict[int, list[Patient]] = defaultdict(list)
    mine = (Binding.tenant_id == Patient.tenant_id) & (Binding.patient_id == Patient.id)
    for fan_id, patient in session.execute(
        sa.select(Binding.fan_id, Patient)
        .join(Patient, mine)
        .where(Binding.fan_id.in_(fan_ids), Binding.unbound_at.is_(None))
        .order_by(Binding.id)
    ):
        found[fan_id].append(patient)
    return found


def of_number(session: Session, number: int) -> Patient | None:
    """Give the chart with a number, if there is one."""
    return session.scalar(sa.select(Patient).where(Patient.number == number))
