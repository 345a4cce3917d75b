"""A copy of all that is held on a person, table by table (PT-8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engage.clinic import queries as clinic
from engage.kernel import people
from engage.kernel.db import Session
from engage.kernel.people import Kept
from engage.privacy import queries
from engage.privacy.holders import HOLDERS
from engage.privacy.models import PrivacyTask


@dataclass(frozen=True, slots=True)
class Section:
    """What one table holds: `labels` and `words` say in English what columns and codes mean."""

    holder: str
    table: str
    title: str
    labels: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]]
    rows: Sequence[Mapping[str, Any]]
    files: Sequence[str]


def sections(session: Session, patient_id: int) -> Sequence[Section]:
    """Give all that is held on a person, chart first. Nothing of others is in it: see `queries.who`."""
    who = queries.who(session, patient_id)
    found = [
        Section(
            holder.name,
            kept.table,
            kept.title,
            kept.shown,
            kept.words,
            people.rows(session, kept, who),
            [] if kept.model is PrivacyTask else people.files(session, kept, who),
        )
        for holder in HOLDERS
        for kept in _chart_first(holder.kept)
    ]
    return [section for section in found if section.rows]


def names(session: Session) -> Mapping[str, Mapping[int, str]]:
    """Give what the ids in a copy stand for, by column."""
    return {
        "store_id": {store.id: store.name for store in clinic.stores(session)},
        "doctor_id": {doctor.id: doctor.name for doctor in clinic.doctors(session)},
        "item_id": {item.id: item.name for item in clinic.items(session)},
    }


def _chart_first(kept: Sequence[Kept]) -> Sequence[Kept]:
    """What is erased last names the person, and is read first."""
    return list(reversed(kept))
