"""Charts that may be one person's: found when a chart is made or changed, dismissed by people (PT-7)."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel import sealing
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.patients import queries as patients
from engage.privacy import rules
from engage.privacy.models import DuplicateKey, DuplicatePair


def compare(session: Session, patient_id: int, *, now: dt.datetime) -> None:
    """Write down what a chart is compared by and whom it may be the same as. Safe to repeat.

    Who was told apart from it stays so. A chart that was merged or erased is compared with nobody.
    """
    _in_turn(session)
    session.execute(_forget_keys(patient_id))
    session.execute(_forget_open_pairs(patient_id))
    chart = patients.patient(session, patient_id)
    if chart.merged_into_id is not None or chart.erased_at is not None:
        return
    keys = rules.twin_keys(chart.name, chart.phone, chart.birth_date)
    if not keys:
        return
    rows = [
        {"patient_id": patient_id, "reason": reason, "key": sealing.index(key)}
        for reason, key in keys.items()
    ]
    session.execute(sa.insert(DuplicateKey), [{"tenant_id": session.tenant_id, **row} for row in rows])
    _find(session, patient_id, now=now)


def compare_from(session: Session, *, after: int, limit: int, now: dt.datetime) -> Sequence[int]:
    """Compare some charts anew, the next after the id `after`; gives which they are.

    Those that were there before charts were compared have no key yet.
    """
    ids = patients.live_ids(session, after=after, limit=limit)
    for patient_id in ids:
        compare(session, patient_id, now=now)
    return ids


def dismiss(session: Session, one_id: int, other_id: int, *, by: Actor, now: dt.datetime) -> None:
    """Remember that two charts are two persons; a repeat changes nothing.

    Raises:
        NotFound: nobody suspects them.
    """
    first_id, second_id = sorted((one_id, other_id))
    pair = session.get(DuplicatePair, (session.tenant_id, first_id, second_id), with_for_update=True)
    if pair is None:
        raise NotFound(patient=one_id)
    if pair.dismissed_at is None:
        pair.dismissed_at, pair.dismissed_by = now, by.id
        for patient_id in (first_id, second_id):
            subject = ("patient", patient_id)
            audit.record(session, "patient.told_apart", by=by, subject=subject, now=now)


def suspect_again(session: Session, one_id: int, other_id: int, *, by: Actor, now: dt.datetime) -> None:
    """Take back `dismiss`; a repeat changes nothing.

    Raises:
        NotFound: nobody suspected them.
    """
    first_id, second_id = sorted((one_id, other_id))
    pair = session.get(DuplicatePair, (session.tenant_id, first_id, second_id), with_for_update=True)
    if pair is None:
        raise NotFound(patient=one_id)
    if pair.dismissed_at is not None:
        pair.dismissed_at = pair.dismissed_by = None
        for patient_id in (first_id, second_id):
            subject = ("patient", patient_id)
            audit.record(session, "patient.suspected_again", by=by, subject=subject, now=now)


def _find(session: Session, patient_id: int, *, now: dt.datetime) -> None:
    """Pair a chart with those that share a key, in one statement."""
    mine, theirs = DuplicateKey, sa.orm.aliased(DuplicateKey)
    shared = (
        sa.select(theirs.patient_id, mine.reason)
        .join(theirs, (theirs.tenant_id == mine.tenant_id) & (theirs.key == mine.key))
        .where(mine.patient_id == patient_id, theirs.patient_id != patient_id)
        .order_by(theirs.patient_id.desc())
        .limit(rules.TWINS_AT_MOST * len(rules.REASONS))
        .subquery()
    )
    other = shared.c.patient_id
    found = sa.select(
        sa.func.least(other, patient_id),
        sa.func.greatest(other, patient_id),
        sa.func.array_agg(shared.c.reason),
        sa.literal(now, sa.DateTime(timezone=True)),
    ).group_by(other)
    pairs = insert(DuplicatePair).from_select(("first_id", "second_id", "reasons", "found_at"), found)
    session.execute(pairs.on_conflict_do_nothing())


def _forget_keys(patient_id: int) -> sa.Delete:
    return sa.delete(DuplicateKey).where(DuplicateKey.patient_id == patient_id)


def _forget_open_pairs(patient_id: int) -> sa.Delete:
    pair = DuplicatePair
    mine = (pair.first_id == patient_id) | (pair.second_id == patient_id)
    return sa.delete(pair).where(mine, pair.dismissed_at.is_(None))


def _in_turn(session: Session) -> None:
    """Let one transaction at a time compare charts of a chain: two new ones would miss each other."""
    name = hashlib.blake2b(f"{session.tenant_id} duplicates".encode(), digest_size=8).digest()
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(int.from_bytes(name, signed=True))))
