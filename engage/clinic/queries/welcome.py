"""Reading what somebody is told who comes for the first time, and why visits matter."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from engage.clinic.models import Item, StoreWelcome
from engage.kernel.db import Session


@dataclass(frozen=True, slots=True)
class Welcome:
    """Whom a new patient asks for at a store, and what they bring; empty where the clinic says nothing."""

    ask_for: str = ""
    bring: str = ""


def welcomes(session: Session, store_ids: Collection[int]) -> Mapping[int, Welcome]:
    """Give what new patients are told at some stores, also where it is nothing."""
    rows = session.execute(
        sa.select(StoreWelcome.store_id, StoreWelcome.ask_for, StoreWelcome.bring).where(
            StoreWelcome.store_id.in_(store_ids)
        )
    )
    told = {row.store_id: Welcome(row.ask_for, row.bring) for row in rows}
    return {store_id: told.get(store_id, Welcome()) for store_id in store_ids}


def reasons(session: Session, item_ids: Collection[int]) -> Mapping[int, str]:
    """Give why visits for some items matter, where the clinic says it."""
    rows = session.execute(sa.select(Item.id, Item.why).where(Item.id.in_(item_ids), Item.why != ""))
    return {row.id: row.why for row in rows}
