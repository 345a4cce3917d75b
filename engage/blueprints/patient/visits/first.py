"""What helps before a visit: why it matters and, the first time, whom to ask for and what to bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_babel import gettext

from engage.booking import queries
from engage.booking.queries import Row
from engage.booking.rules import OPEN
from engage.clinic import queries as clinic
from engage.kernel.db import Session

if TYPE_CHECKING:
    from engage.clinic.models import Store


def before(session: Session, row: Row, store: Store) -> list[dict[str, str]]:
    """Give what to know before a visit that is to come, as label and words; what nobody wrote is left out."""
    if row.state not in OPEN:
        return []
    told = [(gettext("Why it matters"), _why(session, row))]
    if not queries.has_come(session, row.patient_id):
        welcome = clinic.welcomes(session, [store.id])[store.id]
        told += [
            (gettext("Please ask for"), welcome.ask_for),
            (gettext("Please bring"), welcome.bring),
            (gettext("How to get there"), store.transport),
        ]
    return [{"label": label, "words": words} for label, words in told if words]


def _why(session: Session, row: Row) -> str:
    return clinic.reasons(session, [row.item_id]).get(row.item_id, "") if row.item_id else ""
