"""Offering free places to who waits for them, one at a time, and taking back what nobody answered."""

from __future__ import annotations

from engage.booking import services
from engage.booking.errors import OfferStands, SlotFull
from engage.booking.queries import waiting as queries
from engage.booking.rules.waiting import QUEUE
from engage.kernel import clock, due
from engage.kernel.db import unit_of_work

BATCH = 100


def drain() -> None:
    """Take back what ran out, then offer what is free, store by store, until nothing fits anybody."""
    with unit_of_work() as session:
        marks = due.seen(session, QUEUE, now=clock.now())
        stores = queries.waiting_stores(session)
    with unit_of_work() as session:
        services.expire_offers(session, now=clock.now(), batch=BATCH)
    for store_id in stores:
        with unit_of_work() as session:
            services.end_wishes(session, store_id, now=clock.now())
        while _offer_one(store_id):
            pass
    with unit_of_work() as session:
        due.answered(session, QUEUE, marks, next_at=services.next_look(session, now=clock.now()))


def _offer_one(store_id: int) -> bool:
    """Make one offer; False when nothing fits, or others took the place: then it is looked through later."""
    try:
        with unit_of_work() as session:
            return services.offer_next(session, store_id, now=clock.now()) is not None
    except (SlotFull, OfferStands):
        return False
