"""Pictures of many codes in one ZIP: asked for, drawn by a worker a few at a time, kept for a day."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel import due, leases
from engage.kernel.db import Session
from engage.kernel.leases import Claim
from engage.qrcodes import rules
from engage.qrcodes.errors import TooMany
from engage.qrcodes.models import PictureBundle
from engage.qrcodes.rules import BUNDLES


@dataclass(frozen=True, slots=True)
class Errand:
    """A bundle to make, free of the session; one that has a `file` already, to forget it."""

    id: int
    lease: uuid.UUID
    code_ids: Sequence[int]
    file: str | None


def ask(session: Session, code_ids: Collection[int], *, staff_id: int, now: dt.datetime) -> PictureBundle:
    """Let a worker gather the pictures of codes.

    Raises:
        TooMany: none, or more than are made at once.
    """
    wanted = sorted(set(code_ids), reverse=True)
    if not 0 < len(wanted) <= rules.PICTURES_AT_MOST:
        raise TooMany(most=rules.PICTURES_AT_MOST)
    bundle = PictureBundle(
        queue=BUNDLES,
        available_at=now,
        asked_by=staff_id,
        code_ids=wanted,
        state="pending",
        done=0,
        asked_at=now,
        expires_at=now + rules.BUNDLE_LIFE,
    )
    session.add(bundle)
    session.flush()
    by, subject = Actor("staff", staff_id), ("picture_bundle", bundle.id)
    audit.record(session, "channel_code.pictures_asked", by=by, subject=subject, now=now)
    due.mark(session, BUNDLES, at=now)
    return bundle


def claim(session: Session, *, now: dt.datetime) -> Errand | None:
    """Take a bundle to make or to forget, or None; commit before drawing.

    What killed its workers too often is given up.
    """
    claimed = leases.claim(session, PictureBundle, BUNDLES, now=now, batch=1)
    for row in leases.held(session, PictureBundle, claimed):
        if row.attempts <= leases.ATTEMPTS:
            return Errand(row.id, claimed.lease, tuple(row.code_ids), row.file)
        leases.give_up(row, "each attempt ended its worker")
        row.state = "failed"
    return None


def progress(session: Session, errand: Errand, done: int, *, now: dt.datetime) -> bool:
    """Note how many pictures are drawn, and keep the lease; False where another worker has it by now."""
    table = PictureBundle
    noted = session.execute(
        sa.update(table)
        .where(table.id == errand.id, table.lease == errand.lease)
        .values(done=done, available_at=now + leases.LEASE)
        .returning(table.id)
        .execution_options(synchronize_session=False)
    )
    return noted.first() is not None


def settle(session: Session, errand: Errand, file: str) -> None:
    """The ZIP stands in `kernel.files` under this key, until its time is over."""
    for row in leases.held(session, PictureBundle, Claim(errand.lease, [errand.id])):
        row.state, row.file, row.done = "ready", file, len(row.code_ids)
        row.lease, row.attempts, row.available_at = None, 0, row.expires_at


def forget(session: Session, errand: Errand) -> bool:
    """Its time is over: nobody is given the file any more. False where another bundle is the same file."""
    for row in leases.held(session, PictureBundle, Claim(errand.lease, [errand.id])):
        leases.settle(row)
        row.state, row.file = "gone", None
    session.flush()
    return not session.scalar(sa.select(sa.exists().where(PictureBundle.file == errand.file)))


def next_at(session: Session) -> dt.datetime | None:
    """Give when the next bundle is to be made."""
    return leases.next_at(session, PictureBundle, BUNDLES)
