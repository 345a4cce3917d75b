"""What audiences ask of patients: statements of the fans who speak for them, and what is known of people."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from engage.kernel.db import Session
from engage.patients.models import Binding, Patient, PatientFact, ProfileSubmission


def bound() -> sa.Select[int]:
    """Build the statement of the fans who speak for somebody."""
    return sa.select(Binding.fan_id).where(Binding.unbound_at.is_(None))


def visited(since: dt.datetime | None = None) -> sa.Select[int]:
    """Build the statement of the fans who speak for somebody that was here, at all or from a moment on."""
    fact = (PatientFact.tenant_id == Binding.tenant_id) & (PatientFact.patient_id == Binding.patient_id)
    came = PatientFact.last_visit_at.is_not(None) if since is None else PatientFact.last_visit_at >= since
    return bound().join(PatientFact, fact).where(came)


def people(
    session: Session, fan_ids: Collection[int]
) -> Sequence[sa.Row[int, str | None, str | None, dt.date | None]]:
    """Give for whom fans speak, as fan, sex, region and date of birth, in one statement."""
    mine = (Binding.tenant_id == Patient.tenant_id) & (Binding.patient_id == Patient.id)
    return session.execute(
        sa.select(Binding.fan_id, Patient.sex, Patient.region, Patient.birth_date)
        .join(Patient, mine)
        .where(Binding.unbound_at.is_(None), _are(Binding.fan_id, fan_ids))
    ).all()


def waiting_profiles(session: Session, fan_ids: Collection[int]) -> Mapping[int, Mapping[str, str]]:
    """Give what fans handed in that nobody has decided on yet, by fan, in one statement."""
    waiting = sa.select(ProfileSubmission.fan_id, ProfileSubmission.data).where(
        ProfileSubmission.state == "waiting", _are(ProfileSubmission.fan_id, fan_ids)
    )
    return {fan_id: json.loads(data) for fan_id, data in session.execute(waiting)}


def speakers(session: Session, *, after: int, limit: int) -> Sequence[int]:
    """Give fans who speak or spoke for somebody, or handed in a profile, in the order of their ids."""
    bound = sa.select(Binding.fan_id).where(Binding.fan_id > after)
    asking = sa.select(ProfileSubmission.fan_id).where(
        ProfileSubmission.state == "waiting", ProfileSubmission.fan_id > after
    )
    fan_id = bound.union(asking).subquery().c.fan_id
    return session.scalars(sa.select(fan_id).order_by(fan_id).limit(limit)).all()


def _are(column: Any, ids: Collection[int]) -> sa.ColumnElement[bool]:
    return column == sa.any_(sa.literal(sorted(ids), ARRAY(sa.BigInteger)))  # type: ignore[no-any-return]
