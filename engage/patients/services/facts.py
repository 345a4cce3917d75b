"""What follows from a patient's visits and bindings: computed anew from the rows, never counted up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.kernel import outbox
from engage.kernel.db import Session
from engage.patients.models import Binding, PatientFact


def hold(session: Session, patient_id: int) -> None:
    """Let one transaction at a time compute a patient's facts: take it before the rows are read.

    Who comes second reads after the first has ended, and so misses nothing that the first did not know.
    """
    row = insert(PatientFact).values(patient_id=patient_id)
    session.execute(
        row.on_conflict_do_update(
            index_elements=["tenant_id", "patient_id"], set_={"patient_id": PatientFact.patient_id}
        )
    )


def recompute(session: Session, patient_id: int, visits: Sequence[dt.datetime], *, now: dt.datetime) -> None:
    """Write the facts of a patient, given when all of their visits began; under `hold`.

    Records `patients.facts_changed` if they are others than before.
    """
    fact = PatientFact
    bound = sa.exists().where(Binding.patient_id == patient_id, Binding.unbound_at.is_(None))
    first, last = min(visits, default=None), max(visits, default=None)
    changed = session.scalar(
        sa.update(fact)
        .where(
            fact.patient_id == patient_id,
            sa.or_(
                fact.first_visit_at.is_distinct_from(first),
                fact.last_visit_at.is_distinct_from(last),
                fact.visits != len(visits),
                fact.is_bound != bound,
            ),
        )
        .values(first_visit_at=first, last_visit_at=last, visits=len(visits), is_bound=bound)
        .returning(fact.patient_id)
        .execution_options(synchronize_session=False)
    )
    if changed is not None:
        outbox.record(session, "patients.facts_changed", now=now, patient_id=patient_id)
