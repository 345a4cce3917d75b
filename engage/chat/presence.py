"""Who of the staff is online (CH-1): logged in, and heard from within a minute."""

from __future__ import annotations

import datetime as dt
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.chat.models import Presence
from engage.kernel.db import Session
from engage.tenancy import queries as tenancy
from engage.tenancy.rules import StoreScope, is_permitted, store_scope

ONLINE: Final = dt.timedelta(seconds=60)


def beat(session: Session, staff_id: int, session_id: int, *, now: dt.datetime) -> None:
    """Note that a person's browser is open; the latest of several counts."""
    row = insert(Presence).values(
        tenant_id=session.tenant_id, staff_id=staff_id, session_id=session_id, seen_at=now
    )
    session.execute(
        row.on_conflict_do_update(
            index_elements=[Presence.tenant_id, Presence.staff_id],
            set_={"session_id": row.excluded.session_id, "seen_at": row.excluded.seen_at},
            where=Presence.seen_at <= row.excluded.seen_at,
        )
    )


def leave(session: Session, session_id: int) -> None:
    """A log-in was ended by its person; another browser of theirs is heard at its next beat."""
    session.execute(
        sa.delete(Presence)
        .where(Presence.session_id == session_id)
        .execution_options(synchronize_session=False)
    )


def online(session: Session, scope: StoreScope, *, now: dt.datetime) -> frozenset[int]:
    """Give the staff who are online and may answer fans at one of the stores of `scope`."""
    beats = session.execute(
        sa.select(Presence.session_id, Presence.staff_id).where(Presence.seen_at > now - ONLINE)
    ).all()
    logged_in = tenancy.live_sessions(session, [row.session_id for row in beats], now=now)
    present = {row.staff_id for row in beats if row.session_id in logged_in}
    return frozenset(
        staff_id
        for staff_id, grants in tenancy.grants_of(session, present).items()
        if is_permitted(grants, "chats.answer") and _meet(store_scope(grants, "chats.answer", None), scope)
    )


def _meet(one: StoreScope, other: StoreScope) -> bool:
    if one.everywhere:
        return other.everywhere or bool(other.store_ids)
    if other.everywhere:
        return bool(one.store_ids)
    return not one.store_ids.isdisjoint(other.store_ids)
