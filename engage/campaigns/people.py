"""What campaigns keep of people: whom each reached. It stays, as figures do, without identity."""

from __future__ import annotations

from engage.campaigns.models import Recipient
from engage.kernel.errors import N_
from engage.kernel.people import Holder, Kept, of_fan

HOLDER = Holder(
    "campaigns",
    (
        Kept(
            Recipient,
            N_("Campaigns"),
            columns=("fan_id",),
            whose=of_fan(Recipient.fan_id),
            shown={"at": N_("Time"), "state": N_("State")},
        ),
    ),
)
