"""What audiences keep of people: it is computed from charts, and goes when they go."""

from __future__ import annotations

from engage.audiences.models import AudiencePerson
from engage.kernel.errors import N_
from engage.kernel.people import Holder, Kept, of_fan

HOLDER = Holder(
    "audiences",
    (
        Kept(
            AudiencePerson,
            N_("What audiences ask"),
            columns=("fan_id",),
            whose=of_fan(AudiencePerson.fan_id),
            removed=True,
        ),
    ),
)
