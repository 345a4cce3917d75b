"""Keeping visits of two charts as they are while the charts become one."""

from __future__ import annotations

from collections.abc import Collection

from engage.booking import queries
from engage.booking.services import ledger
from engage.kernel.db import Session


def hold_patients(session: Session, patient_ids: Collection[int]) -> None:
    """Keep others from the visits of some patients, and from new ones, until the transaction ends."""
    queries.hold_visits(session, patient_ids)
    ledger.lock(session, *map(ledger.patient, patient_ids))
