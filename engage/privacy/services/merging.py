"""Two charts of one person become one, shown before it is done (PT-7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engage.audiences import services as audiences
from engage.audit import services as audit
from engage.audit.services import Actor
from engage.booking import queries as booking
from engage.booking import services as booking_services
from engage.kernel import outbox, people
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.people import Move, Who
from engage.patients import queries as patients
from engage.patients.errors import ChartErased, StaleChart
from engage.patients.services import facts, merging
from engage.privacy import rules
from engage.privacy.errors import AlreadyMerged, AppointmentsOverlap, SameChart
from engage.privacy.holders import everything

if TYPE_CHECKING:
    from engage.patients.models import Patient


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would do: what moves, which fields differ, which visits stand in its way.

    `filled` are the fields that only the chart that goes knows, `shared_fans` how many fans speak for both.
    """

    keep: Patient
    drop: Patient
    moves: Sequence[tuple[str, int]]
    differing: frozenset[str]
    filled: frozenset[str]
    clashes: Sequence[dt.datetime]
    shared_fans: int


def preview(session: Session, keep_id: int, drop_id: int) -> Preview:
    """Show what merging would do; nothing is changed.

    Raises:
        NotFound: there is no such chart.
        SameChart: both are one.
        AlreadyMerged: one was merged before.
        ChartErased: one was erased.
    """
    charts = patients.patients(session, (keep_id, drop_id))
    keep, drop = _fit(charts.get(keep_id), charts.get(drop_id))
    who = Who(patient_ids=frozenset({drop_id}))
    moves = [(kept.title, people.count(session, kept, who)) for kept in everything() if kept.told]
    both = set(patients.fans_of(session, keep_id)) & set(patients.fans_of(session, drop_id))
    known, other = rules.known(keep), rules.known(drop)
    return Preview(
        keep,
        drop,
        [(title, count) for title, count in moves if count],
        rules.differing(known, other),
        rules.filled(known, other),
        booking.clashes(session, keep_id, drop_id),
        len(both),
    )


def merge(
    session: Session,
    keep_id: int,
    drop_id: int,
    *,
    taken: Collection[str],
    versions: tuple[int, int],
    by: Actor,
    now: dt.datetime,
) -> None:
    """Let everything that hangs on one chart hang on the other; it cannot be undone.

    `taken` are the fields whose value comes from the chart that goes, `versions` those that were shown. Of
    two merges at once the first wins, and the second is told. Records `patients.merged`.

    Raises:
        NotFound: there is no such chart.
        SameChart: both are one.
        AlreadyMerged: one was merged before.
        ChartErased: one was erased.
        StaleChart: one was changed since it was shown.
        AppointmentsOverlap: both have a visit at one time.
    """
    booking_services.hold_patients(session, (keep_id, drop_id))
    charts = merging.both(session, keep_id, drop_id)
    keep, drop = _fit(charts.get(keep_id), charts.get(drop_id))
    if (keep.version, drop.version) != versions:
        raise StaleChart
    if booking.clashes(session, keep_id, drop_id):
        raise AppointmentsOverlap
    _move(session, Move(keep_id, drop_id, now))
    fields = merging.absorb(session, keep, drop, taken=taken)
    _recompute(session, keep_id, now=now)
    audit.record(session, "patient.merged", by=by, subject=("patient", keep_id), now=now, fields=fields)
    audit.record(session, "patient.merged_away", by=by, subject=("patient", drop_id), now=now)
    outbox.record(session, "patients.merged", now=now, patient_id=keep_id, merged_id=drop_id)


def follow_up(session: Session, keep_id: int, drop_id: int, *, now: dt.datetime) -> None:
    """Move what was hung on the chart that goes while it was merged, by somebody who waited for it."""
    chart = patients.patient(session, drop_id)
    if chart.merged_into_id is not None:
        keep_id = chart.merged_into_id
        _move(session, Move(keep_id, drop_id, now))
        _recompute(session, keep_id, now=now)


def _move(session: Session, move: Move) -> None:
    for kept in everything():
        if kept.move is not None:
            kept.move(session, move)


def _recompute(session: Session, patient_id: int, *, now: dt.datetime) -> None:
    facts.hold(session, patient_id)
    facts.recompute(session, patient_id, booking.came_of(session, patient_id), now=now)
    audiences.recompute(session, patients.fans_of(session, patient_id))


def _fit(keep: Patient | None, drop: Patient | None) -> tuple[Patient, Patient]:
    """Refuse charts that cannot be merged."""
    if keep is None or drop is None:
        raise NotFound
    if keep.id == drop.id:
        raise SameChart
    if keep.merged_into_id is not None or drop.merged_into_id is not None:
        raise AlreadyMerged
    if keep.erased_at is not None or drop.erased_at is not None:
        raise ChartErased
    return keep, drop
