"""What patients come for: categories, items and complaint presets."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic import queries
from engage.clinic.errors import CategoryInUse
from engage.clinic.models import Complaint, Item, ItemCategory, ItemStore
from engage.kernel import outbox
from engage.kernel.db import Session
from engage.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class ItemDetails:
    """What the item form holds; no store means all stores. `why` says why keeping the visit matters."""

    category_id: int
    name: str
    minutes: int
    enabled: bool = True
    store_ids: frozenset[int] = frozenset()
    why: str = ""


def create_category(
    session: Session, *, name: str, position: int, by: Actor, now: dt.datetime
) -> ItemCategory:
    """Add a heading for items."""
    category = ItemCategory(name=name, position=position)
    session.add(category)
    session.flush()
    audit.record(session, "item_category.created", by=by, subject=("item_category", category.id), now=now)
    return category


def update_category(
    session: Session, category_id: int, *, name: str, by: Actor, now: dt.datetime
) -> ItemCategory:
    """Rename a category.

    Raises:
        NotFound: no such category.
    """
    category = queries.category(session, category_id)
    if category.name != name:
        category.name = name
        subject = ("item_category", category_id)
        audit.record(session, "item_category.updated", by=by, subject=subject, now=now, fields=["name"])
    return category


def remove_category(session: Session, category_id: int, *, by: Actor, now: dt.datetime) -> None:
    """Remove a category without items; repeating changes nothing.

    Raises:
        CategoryInUse: items stand below it.
    """
    try:
        with session.begin_nested():
            removed = _delete(session, ItemCategory, category_id)
    except sa.exc.IntegrityError as error:
        raise CategoryInUse from error
    if removed:
        subject = ("item_category", category_id)
        audit.record(session, "item_category.removed", by=by, subject=subject, now=now)


def create_item(
    session: Session, details: ItemDetails, *, position: int, by: Actor, now: dt.datetime
) -> Item:
    """Add an item."""
    item = Item(
        category_id=details.category_id,
        name=details.name,
        minutes=details.minutes,
        position=position,
        enabled=details.enabled,
        why=details.why,
    )
    session.add(item)
    session.flush()
    _offer_at(session, item.id, details.store_ids)
    audit.record(session, "item.created", by=by, subject=("item", item.id), now=now)
    return item


def update_item(session: Session, item_id: int, details: ItemDetails, *, by: Actor, now: dt.datetime) -> Item:
    """Change an item. Appointments keep the time they were booked for.

    Records `clinic.opened` of all stores where its visits take another time.

    Raises:
        NotFound: no such item.
    """
    item = session.scalar(sa.select(Item).where(Item.id == item_id).with_for_update())
    if item is None:
        raise NotFound(item=item_id)
    fields = ("category_id", "name", "minutes", "enabled", "why")
    changed = [name for name in fields if getattr(item, name) != getattr(details, name)]
    for name in changed:
        setattr(item, name, getattr(details, name))
    if queries.item_stores(session, [item_id])[item_id] != details.store_ids:
        session.execute(
            sa.delete(ItemStore)
            .where(ItemStore.item_id == item_id)
            .execution_options(synchronize_session=False)
        )
        _offer_at(session, item_id, details.store_ids)
        changed.append("stores")
    if changed:
        audit.record(session, "item.updated", by=by, subject=("item", item_id), now=now, fields=changed)
    if "minutes" in changed:
        outbox.record(session, "clinic.opened", now=now, store_id=None)
    return item


def remove_item(session: Session, item_id: int, *, by: Actor, now: dt.datetime) -> bool:
    """Remove an item; one that was booked is only switched off. Says whether it is gone.

    Raises:
        NotFound: no such item.
    """
    item = queries.item(session, item_id)
    try:
        with session.begin_nested():
            _delete(session, Item, item_id)
    except sa.exc.IntegrityError:
        item.enabled = False
        audit.record(session, "item.updated", by=by, subject=("item", item_id), now=now, fields=["enabled"])
        return False
    session.expunge(item)
    audit.record(session, "item.removed", by=by, subject=("item", item_id), now=now)
    return True


def create_complaint(session: Session, *, text: str, position: int, by: Actor, now: dt.datetime) -> Complaint:
    """Add a complaint preset."""
    complaint = Complaint(text=text, position=position)
    session.add(complaint)
    session.flush()
    audit.record(session, "complaint.created", by=by, subject=("complaint", complaint.id), now=now)
    return complaint


def update_complaint(
    session: Session, complaint_id: int, *, text: str, by: Actor, now: dt.datetime
) -> Complaint:
    """Reword a complaint preset. Appointments keep the words that were chosen.

    Raises:
        NotFound: no such preset.
    """
    complaint = queries.complaint(session, complaint_id)
    if complaint.text != text:
        complaint.text = text
        subject = ("complaint", complaint_id)
        audit.record(session, "complaint.updated", by=by, subject=subject, now=now, fields=["text"])
    return complaint


def remove_complaint(session: Session, complaint_id: int, *, by: Actor, now: dt.datetime) -> None:
    """Remove a complaint preset; repeating changes nothing."""
    if _delete(session, Complaint, complaint_id):
        subject = ("complaint", complaint_id)
        audit.record(session, "complaint.removed", by=by, subject=subject, now=now)


def _offer_at(session: Session, item_id: int, store_ids: frozenset[int]) -> None:
    session.add_all(ItemStore(item_id=item_id, store_id=store_id) for store_id in sorted(store_ids))
    session.flush()


def _delete(session: Session, model: type[ItemCategory | Item | Complaint], row_id: int) -> bool:
    """Delete one row; False if it was gone."""
    gone = session.execute(
        sa.delete(model)
        .where(model.id == row_id)
        .returning(model.id)
        .execution_options(synchronize_session=False)
    )
    return gone.first() is not None
