"""When a doctor can be seen next, at each of several stores (BK-3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engage.booking.queries.openings import slots_in
from engage.booking.queries.stretches import stretches_of_doctor
from engage.booking.queries.terms import terms_of
from engage.booking.rules.terms import may_begin
from engage.kernel.db import Session

if TYPE_CHECKING:
    from engage.clinic.models import Store

SHOWN = 3


def next_free(
    session: Session, doctor_id: int, stores: Sequence[Store], *, now: dt.datetime
) -> Mapping[int, Sequence[dt.datetime]]:
    """Give the next few free times of a doctor that patients may book, by store; in five queries.

    Stores at which the doctor is not on the roster within the horizon are left out.
    """
    terms = terms_of(session, [store.id for store in stores])
    if not terms:
        return {}
    end = now + dt.timedelta(days=max(one.horizon_days for one in terms.values()) + 1)
    zones = {store.id: store.zone for store in stores}
    opened = stretches_of_doctor(session, doctor_id, list(zones), begin=now, end=end)
    found: dict[int, list[dt.datetime]] = {stretch.store_id: [] for stretch in opened}
    for slot in slots_in(session, opened, begin=now, end=end, now=now):
        at = slot.store_id
        shown = len(found[at]) < SHOWN and slot.free
        if shown and may_begin(terms[at], slot.starts_at, zones[at], now=now):
            found[at].append(slot.starts_at)
    return found
