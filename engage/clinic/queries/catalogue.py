"""Reading stores and their hours, doctors, items and complaint presets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from engage.clinic.models import Complaint, Doctor, Item, ItemCategory, ItemStore, Store, StoreHours
from engage.clinic.rules import Hours
from engage.kernel.db import Session
from engage.kernel.errors import NotFound


def stores(session: Session) -> Sequence[Store]:
    """Give all stores of the chain, in the clinic's order."""
    return session.scalars(sa.select(Store).order_by(Store.position, Store.id)).all()


def store(session: Session, store_id: int) -> Store:
    """Give one store.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Store, (session.tenant_id, store_id))
    if found is None:
        raise NotFound(store=store_id)
    return found


def doctor(session: Session, doctor_id: int) -> Doctor:
    """Give one doctor.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Doctor, (session.tenant_id, doctor_id))
    if found is None:
        raise NotFound(doctor=doctor_id)
    return found


def doctors(session: Session) -> Sequence[Doctor]:
    """Give all doctors, in the clinic's order."""
    return session.scalars(sa.select(Doctor).order_by(Doctor.position, Doctor.id)).all()


def names(
    session: Session, doctor_ids: Collection[int], store_ids: Collection[int]
) -> tuple[Mapping[int, str], Mapping[int, str]]:
    """Give names of doctors and short names of stores, for lists."""
    doctors_named = session.execute(sa.select(Doctor.id, Doctor.name).where(Doctor.id.in_(doctor_ids)))
    stores_named = session.execute(sa.select(Store.id, Store.short_name).where(Store.id.in_(store_ids)))
    return {row.id: row.name for row in doctors_named}, {row.id: row.short_name for row in stores_named}


def hours(session: Session, store_ids: Collection[int]) -> Mapping[int, Sequence[Hours]]:
    """Give when stores are open, by weekday and time; a store that is always closed has none."""
    rows = session.execute(
        sa.select(StoreHours.store_id, StoreHours.weekday, StoreHours.opens, StoreHours.closes)
        .where(StoreHours.store_id.in_(store_ids))
        .order_by(StoreHours.weekday, StoreHours.opens)
    )
    found: dict[int, list[Hours]] = {store_id: [] for store_id in store_ids}
    for row in rows:
        found[row.store_id].append(Hours(row.weekday, row.opens, row.closes))
    return found


def categories(session: Session) -> Sequence[ItemCategory]:
    """Give the headings over items, in the clinic's order."""
    return session.scalars(sa.select(ItemCategory).order_by(ItemCategory.position, ItemCategory.id)).all()


def category(session: Session, category_id: int) -> ItemCategory:
    """Give one category.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(ItemCategory, (session.tenant_id, category_id))
    if found is None:
        raise NotFound(category=category_id)
    return found


def items(session: Session, *, store_id: int | None = None, enabled_only: bool = False) -> Sequence[Item]:
    """Give items in the clinic's order: all, or those that a store offers."""
    statement = (
        sa.select(Item)
        .join(ItemCategory, ItemCategory.id == Item.category_id)
        .order_by(ItemCategory.position, ItemCategory.id, Item.position, Item.id)
    )
    if enabled_only:
        statement = statement.where(Item.enabled)
    if store_id is not None:
        statement = statement.where(_done_at(store_id))
    return session.scalars(statement).all()


def is_done_at(session: Session, item_id: int, store_id: int) -> bool:
    """Whether an item is one of those that a store offers, on or off."""
    return bool(session.scalar(sa.select(sa.exists().where(Item.id == item_id, _done_at(store_id)))))


def _done_at(store_id: int) -> sa.ColumnElement[bool]:
    offers = sa.select(ItemStore.store_id).where(ItemStore.item_id == Item.id)
    return sa.or_(~offers.exists(), offers.where(ItemStore.store_id == store_id).exists())


def item(session: Session, item_id: int) -> Item:
    """Give one item.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Item, (session.tenant_id, item_id))
    if found is None:
        raise NotFound(item=item_id)
    return found


def item_names(session: Session, item_ids: Collection[int]) -> Mapping[int, str]:
    """Give names of items, for lists."""
    rows = session.execute(sa.select(Item.id, Item.name).where(Item.id.in_(item_ids)))
    return {row.id: row.name for row in rows}


def item_stores(session: Session, item_ids: Collection[int]) -> Mapping[int, frozenset[int]]:
    """Give the stores that offer items; none means all of them."""
    rows = session.execute(
        sa.select(ItemStore.item_id, ItemStore.store_id).where(ItemStore.item_id.in_(item_ids))
    )
    found: dict[int, set[int]] = {item_id: set() for item_id in item_ids}
    for row in rows:
        found[row.item_id].add(row.store_id)
    return {item_id: frozenset(store_ids) for item_id, store_ids in found.items()}


def complaints(session: Session) -> Sequence[Complaint]:
    """Give the complaint presets, in the clinic's order."""
    return session.scalars(sa.select(Complaint).order_by(Complaint.position, Complaint.id)).all()


def complaint(session: Session, complaint_id: int) -> Complaint:
    """Give one complaint preset.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Complaint, (session.tenant_id, complaint_id))
    if found is None:
        raise NotFound(complaint=complaint_id)
    return found
