"""The parts of a person's page, in the order in which they stand there.

Each is a function of the session, who looks and whom they look at; it gives a `Part`, whose template
stands in `templates/console/people/parts/`, or nothing for who may not see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from engage.blueprints.console.people.bindings import bindings
from engage.blueprints.console.people.part import Part
from engage.blueprints.console.privacy.part import privacy
from engage.blueprints.guard import Staff
from engage.kernel.db import Session

if TYPE_CHECKING:
    from engage.patients.models import Patient

PartOf = Callable[[Session, Staff, "Patient"], Part | None]

PARTS: Final[tuple[PartOf, ...]] = (bindings, privacy)


def parts(session: Session, staff: Staff, person: Patient) -> Sequence[Part]:
    """Give the parts that this person of the staff may see."""
    drawn = (part(session, staff, person) for part in PARTS)
    return [part for part in drawn if part is not None]
