"""What somebody is told who comes to a store for the first time (BK-14)."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic import queries
from engage.clinic.models import StoreWelcome
from engage.clinic.queries.welcome import Welcome, welcomes
from engage.kernel.db import Session
from engage.kernel.errors import N_, Invalid

# WeChat takes twenty characters as a value.
ASK_FOR_MAX = BRING_MAX = 20


def set_welcome(session: Session, store_id: int, told: Welcome, *, by: Actor, now: dt.datetime) -> None:
    """Say whom new patients ask for at a store, and what they bring.

    Raises:
        NotFound: no such store.
        Invalid: a text is longer than a message holds.
    """
    queries.store(session, store_id)
    if len(told.ask_for) > ASK_FOR_MAX or len(told.bring) > BRING_MAX:
        raise Invalid({"welcome": [N_("At most 20 characters.")]})
    if welcomes(session, [store_id])[store_id] == told:
        return
    values = {"ask_for": told.ask_for, "bring": told.bring}
    row = insert(StoreWelcome).values(store_id=store_id, **values)
    session.execute(row.on_conflict_do_update(index_elements=["tenant_id", "store_id"], set_=values))
    audit.record(session, "store.welcome_changed", by=by, subject=("store", store_id), now=now)
