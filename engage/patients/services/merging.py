"""Two charts of one person become one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import sqlalchemy as sa

from engage.kernel.db import Session
from engage.patients.models import Patient
from engage.patients.services import charts

# What people choose of a chart → the columns it stands in.
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("name", "family_name", "middle_name", "given_name"),
    "phone": ("phone", "phone_index", "tail_index"),
    "email": ("email", "email_index"),
    "sex": ("sex",),
    "birth_date": ("birth_date",),
    "region": ("region",),
    "store_id": ("store_id",),
    "consultant_id": ("consultant_id",),
}


def both(session: Session, one_id: int, other_id: int) -> dict[int, Patient]:
    """Give two charts, whose rows nobody changes and nothing new is hung on until the transaction ends."""
    found = session.scalars(
        sa.select(Patient)
        .where(Patient.id.in_((one_id, other_id)))
        .order_by(Patient.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {chart.id: chart for chart in found}


def absorb(session: Session, keep: Patient, drop: Patient, *, taken: Collection[str]) -> frozenset[str]:
    """Let a chart take over from another, under `both`; gives the fields that changed.

    It takes the fields in `taken`, and what it does not know itself. Memos are put one below the other. The
    other points to it from now on, and is found by no search.
    """
    changed = {
        name
        for name, columns in FIELDS.items()
        if getattr(drop, columns[0]) and (name in taken or not getattr(keep, columns[0]))
    }
    for name in changed:
        for column in FIELDS[name]:
            setattr(keep, column, getattr(drop, column))
    if drop.memo and drop.memo != keep.memo:
        keep.memo, changed = "\n".join(filter(None, (keep.memo, drop.memo))), changed | {"memo"}
    keep.on_treatment = keep.on_treatment or drop.on_treatment
    keep.version += 1
    drop.merged_into_id, drop.version = keep.id, drop.version + 1
    session.flush()
    charts.refresh_terms(session, after=keep.id - 1, limit=1)
    return frozenset(changed)
