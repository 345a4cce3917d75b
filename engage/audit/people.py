"""What the audit trail keeps of people: who looked at and changed their charts. It is only ever added to."""

from __future__ import annotations

import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.kernel.errors import N_
from engage.kernel.people import Holder, Kept, Who, among


def _about(who: Who) -> sa.ColumnElement[bool]:
    entry = AuditEntry
    return (entry.subject_kind == "patient") & among(entry.subject_id, who.patient_ids) | (
        entry.subject_kind == "fan"
    ) & among(entry.subject_id, who.fan_ids)


HOLDER = Holder(
    "audit",
    (
        Kept(
            AuditEntry,
            N_("Who looked and changed"),
            columns=("subject_id",),
            whose=_about,
            shown={"at": N_("Time"), "action": N_("What"), "fields": N_("Fields")},
        ),
    ),
)
