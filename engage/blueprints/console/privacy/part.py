"""On a person's page: a hint at duplicates, merging, and what is held (PT-7, PT-8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import url_for

from engage.blueprints.console.people.part import Part
from engage.blueprints.guard import Staff
from engage.kernel.db import Session
from engage.privacy import queries

if TYPE_CHECKING:
    from engage.patients.models import Patient


def privacy(session: Session, staff: Staff, person: Patient) -> Part | None:
    """Give the links that this person of the staff may follow."""
    merges = staff.reach("people.merge").everywhere and person.erased_at is None
    manages = staff.reach("privacy.manage").everywhere
    if not (merges or manages):
        return None
    data = {
        "twins": len(queries.twins_of(session, person.id)) if merges else 0,
        "merge_url": url_for("console_duplicates.choose", patient_id=person.id) if merges else "",
        "held_url": url_for("console_held.show", patient_id=person.id) if manages else "",
    }
    return Part("console/people/parts/privacy.html", data)
