"""What messages keep of people."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from engage.kernel.errors import N_
from engage.kernel.people import Holder, Kept, of_either, repointed
from engage.notifications.models import Delivery
from engage.notifications.rules import LABELS, STATES


def _emptied(now: dt.datetime) -> dict[str, Any]:
    """What waits is held back: the next worker who looks at it ends it."""
    waits = Delivery.available_at.is_not(None)
    withdrawn_at = sa.case((waits, sa.func.coalesce(Delivery.withdrawn_at, now)), else_=Delivery.withdrawn_at)
    return {"fields": {}, "text": None, "title": "", "withdrawn_at": withdrawn_at}


HOLDER = Holder(
    "notifications",
    (
        Kept(
            Delivery,
            N_("Messages"),
            columns=("patient_id", "fan_id"),
            whose=of_either(Delivery.patient_id, Delivery.fan_id),
            shown={
                "created_at": N_("Time"),
                "kind": N_("Kind"),
                "title": N_("Title"),
                "text": N_("Text"),
                "state": N_("State"),
            },
            words={"kind": LABELS, "state": STATES},
            emptied=_emptied,
            move=repointed(Delivery.patient_id),
            told=True,
        ),
    ),
)
