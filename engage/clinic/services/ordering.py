"""The clinic's order of its lists, as patients see them."""

from __future__ import annotations

import datetime as dt
from typing import Final

import sqlalchemy as sa

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic.models import Complaint, Doctor, Item, ItemCategory, Store
from engage.kernel.db import Session
from engage.kernel.errors import NotFound

Ordered = Store | Doctor | ItemCategory | Item | Complaint

KINDS: Final[dict[str, type[Ordered]]] = {
    "store": Store,
    "doctor": Doctor,
    "item_category": ItemCategory,
    "item": Item,
    "complaint": Complaint,
}


def move(session: Session, kind: str, row_id: int, *, up: bool, by: Actor, now: dt.datetime) -> None:
    """Let a row change places with its neighbour; at the end of its list nothing changes.

    Raises:
        NotFound: no such row.
    """
    rows = _siblings(session, KINDS[kind], row_id)
    at = next((index for index, row in enumerate(rows) if row.id == row_id), None)
    if at is None:
        raise NotFound(**{kind: row_id})
    to = at - 1 if up else at + 1
    if not 0 <= to < len(rows):
        return
    rows[at], rows[to] = rows[to], rows[at]
    for position, row in enumerate(rows):
        row.position = position
    audit.record(session, f"{kind}.moved", by=by, subject=(kind, row_id), now=now, fields=["position"])


def _siblings(session: Session, model: type[Ordered], row_id: int) -> list[Ordered]:
    """Lock and give the list that a row stands in, in order; items have one in each category."""
    statement = sa.select(model).order_by(model.id).with_for_update()
    if model is Item:
        category = sa.select(Item.category_id).where(Item.id == row_id).scalar_subquery()
        statement = statement.where(Item.category_id == category)
    return sorted(session.scalars(statement), key=lambda row: (row.position, row.id))
