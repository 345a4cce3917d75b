"""Logos and pictures of stores, portraits of doctors; the bytes are kept in `kernel.files` before."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic import queries
from engage.clinic.errors import TooManyPictures
from engage.clinic.models import Doctor, Store, StorePicture
from engage.clinic.showing import PICTURES_AT_MOST
from engage.kernel.db import Session
from engage.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture whose bytes are kept: their key, and its size in pixels."""

    file: str
    width: int
    height: int


def set_logo(session: Session, store_id: int, file: str | None, *, by: Actor, now: dt.datetime) -> None:
    """Give a store its logo, or take it away.

    Raises:
        NotFound: no such store.
    """
    store = _locked_store(session, store_id)
    if store.logo != file:
        store.logo = file
        audit.record(session, "store.updated", by=by, subject=("store", store_id), now=now, fields=["logo"])


def add_picture(session: Session, store_id: int, picture: Picture, *, by: Actor, now: dt.datetime) -> None:
    """Add a picture behind those a store has; one it has already stays where it is.

    Raises:
        NotFound: no such store.
        TooManyPictures: it has as many as it may.
    """
    _locked_store(session, store_id)
    shown = queries.pictures(session, [store_id])[store_id]
    if any(one.file == picture.file for one in shown):
        return
    if len(shown) >= PICTURES_AT_MOST:
        raise TooManyPictures(most=PICTURES_AT_MOST)
    session.add(
        StorePicture(
            store_id=store_id,
            file=picture.file,
            width=picture.width,
            height=picture.height,
            position=len(shown),
        )
    )
    session.flush()
    _record(session, store_id, by=by, now=now)


def remove_picture(session: Session, picture_id: int, *, by: Actor, now: dt.datetime) -> None:
    """Take a picture of a store away; those behind it move up.

    Raises:
        NotFound: no such picture.
    """
    picture = queries.picture(session, picture_id)
    _locked_store(session, picture.store_id)
    shown = queries.pictures(session, [picture.store_id])[picture.store_id]
    session.delete(picture)
    session.flush()
    _put_in_order(session, [one.id for one in shown if one.id != picture_id])
    _record(session, picture.store_id, by=by, now=now)


def move_picture(session: Session, picture_id: int, *, up: bool, by: Actor, now: dt.datetime) -> None:
    """Move a picture one place towards the first, or the last; at the end it stays.

    Raises:
        NotFound: no such picture.
    """
    picture = queries.picture(session, picture_id)
    _locked_store(session, picture.store_id)
    ids = [one.id for one in queries.pictures(session, [picture.store_id])[picture.store_id]]
    at = ids.index(picture_id)
    to = min(max(at + (-1 if up else 1), 0), len(ids) - 1)
    if to == at:
        return
    ids[at], ids[to] = ids[to], ids[at]
    _put_in_order(session, ids)
    _record(session, picture.store_id, by=by, now=now)


def set_portrait(session: Session, doctor_id: int, file: str | None, *, by: Actor, now: dt.datetime) -> None:
    """Give a doctor a portrait, or take it away.

    Raises:
        NotFound: no such doctor.
    """
    doctor = session.scalar(sa.select(Doctor).where(Doctor.id == doctor_id).with_for_update())
    if doctor is None:
        raise NotFound(doctor=doctor_id)
    if doctor.portrait != file:
        doctor.portrait = file
        audit.record(
            session, "doctor.updated", by=by, subject=("doctor", doctor_id), now=now, fields=["portrait"]
        )


def _locked_store(session: Session, store_id: int) -> Store:
    """Give a store with its row locked: its pictures change one after the other."""
    store = session.scalar(sa.select(Store).where(Store.id == store_id).with_for_update())
    if store is None:
        raise NotFound(store=store_id)
    return store


def _put_in_order(session: Session, ids: list[int]) -> None:
    """Number pictures from the first on, in one statement: two never stand at one place."""
    if ids:
        numbered = {picture_id: position for position, picture_id in enumerate(ids)}
        session.execute(
            sa.update(StorePicture)
            .where(StorePicture.id.in_(ids))
            .values(position=sa.case(numbered, value=StorePicture.id))
            .execution_options(synchronize_session="fetch")
        )


def _record(session: Session, store_id: int, *, by: Actor, now: dt.datetime) -> None:
    audit.record(session, "store.updated", by=by, subject=("store", store_id), now=now, fields=["pictures"])
