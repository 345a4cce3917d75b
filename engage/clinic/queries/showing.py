"""Reading what patients see of stores and doctors: who is shown, and the pictures (ST-5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, cast

import sqlalchemy as sa

from engage.clinic import showing
from engage.clinic.models import Doctor, Store, StoreHours, StorePicture
from engage.kernel.db import Session
from engage.kernel.errors import NotFound


def is_shown() -> sa.ColumnElement[bool]:
    """Say whether patients see a store, as part of a statement that is built once.

    As `missing_of` says it of one: a store is shown that misses nothing, or that was shown before.
    """
    nothing: sa.ColumnElement[str] = sa.literal_column("''")
    named = sa.and_(_STORE.c.logo.is_not(None), _STORE.c.short_name != nothing, _STORE.c.address != nothing)
    return sa.or_(_STORE.c.shown_before, sa.and_(named, _has(StoreHours), _has(StorePicture)))


def _has(model: type[StoreHours | StorePicture]) -> sa.Exists:
    table = cast("sa.Table", model.__table__).alias("has")
    return sa.exists().where(table.c.tenant_id == _STORE.c.tenant_id, table.c.store_id == _STORE.c.id)


_STORE: Final = cast("sa.Table", Store.__table__)
_IS_SHOWN: Final = is_shown()


def shown_stores(session: Session) -> Sequence[Store]:
    """Give the stores that patients see, in the clinic's order."""
    return session.scalars(sa.select(Store).where(_IS_SHOWN).order_by(Store.position, Store.id)).all()


def shown_store(session: Session, store_id: int) -> Store:
    """Give a store that patients see.

    Raises:
        NotFound: there is none with this id in the tenant, or it is not shown.
    """
    found = session.scalar(sa.select(Store).where(_IS_SHOWN, Store.id == store_id))
    if found is None:
        raise NotFound(store=store_id)
    return found


def missing_of(session: Session, store_ids: Collection[int]) -> Mapping[int, Sequence[str]]:
    """Give what stores miss of that which is required before one is shown; keys of `showing.REQUIRED`."""
    rows = session.execute(
        sa.select(
            Store.id,
            Store.logo.is_not(None).label("logo"),
            (Store.short_name != "").label("short_name"),
            (Store.address != "").label("address"),
            _has(StoreHours).label("hours"),
            _has(StorePicture).label("pictures"),
        ).where(Store.id.in_(store_ids))
    )
    return {row["id"]: showing.missing(dict(row)) for row in rows.mappings()}


def pictures(session: Session, store_ids: Collection[int]) -> Mapping[int, Sequence[StorePicture]]:
    """Give the pictures of stores, in order."""
    rows = session.scalars(
        sa.select(StorePicture)
        .where(StorePicture.store_id.in_(store_ids))
        .order_by(StorePicture.store_id, StorePicture.position)
    )
    found: dict[int, list[StorePicture]] = {store_id: [] for store_id in store_ids}
    for row in rows:
        found[row.store_id].append(row)
    return found


def picture(session: Session, picture_id: int) -> StorePicture:
    """Give one picture of a store.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(StorePicture, (session.tenant_id, picture_id))
    if found is None:
        raise NotFound(picture=picture_id)
    return found


def is_photo(session: Session, file: str) -> bool:
    """Whether a file is the logo or a picture of a store, or the portrait of a doctor."""
    shown = sa.or_(
        sa.exists().where(StorePicture.file == file),
        sa.exists().where(Store.logo == file),
        sa.exists().where(Doctor.portrait == file),
    )
    return session.scalar(sa.select(shown)) or False
