"""A doctor's days: which periods they see patients in, edited day by day or copied (BK-3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic import queries, rules
from engage.clinic.errors import DayChanged, DoctorElsewhere
from engage.clinic.models import Doctor, Shift
from engage.clinic.rules import Period
from engage.kernel import live, outbox
from engage.kernel.db import Session
from engage.kernel.errors import N_, Invalid

_COLUMNS = ("store_id", "starts_at", "ends_at", "slot_minutes", "per_slot")
_Row = tuple[int, dt.datetime, dt.datetime, int, int]


def periods_of(
    session: Session, doctor_id: int, first: dt.date, last: dt.date
) -> Mapping[dt.date, Sequence[Period]]:
    """Give a doctor's periods by the local date of their store, from a date to another, both included."""
    zones = {store.id: store.zone for store in queries.stores(session)}
    found: dict[dt.date, list[Period]] = {}
    for shift in _around(session, doctor_id, first, last):
        date, period = _period(shift, zones[shift.store_id])
        if first <= date <= last:
            found.setdefault(date, []).append(period)
    return {date: sorted(periods) for date, periods in sorted(found.items())}


def set_days(
    session: Session,
    doctor_id: int,
    days: Mapping[dt.date, Sequence[Period]],
    *,
    store_ids: Collection[int],
    by: Actor,
    now: dt.datetime,
    seen: Mapping[dt.date, Sequence[Period]] | None = None,
) -> bool:
    """Let a doctor see patients on some dates in these periods alone, as far as some stores go.

    Shifts at other stores stay, and so do those that are as they are to be; visits stay too. Says whether
    anything changed. In as many statements for a year as for a day. Records `clinic.opened`. `seen` is what
    stood there when somebody began to change it. One at a time changes the days of a doctor.

    Raises:
        NotFound: no such doctor.
        Invalid: a day is none, or has a period at a store that is not among these.
        DoctorElsewhere: the doctor has a shift at another store then.
        DayChanged: something else than what was seen stands there by now; carries `periods`.
    """
    queries.doctor(session, doctor_id)
    _keep_others_out(session, doctor_id)
    zones = {store.id: store.zone for store in queries.stores(session) if store.id in store_ids}
    for periods in days.values():
        rules.check_periods(periods)
    wanted = {_row(date, period, zones) for date, periods in days.items() for period in periods}
    there = {
        tuple(getattr(shift, name) for name in _COLUMNS): shift
        for shift in _around(session, doctor_id, min(days), max(days))
        if shift.store_id in zones and _period(shift, zones[shift.store_id])[0] in days
    }
    if seen is not None:
        _check_seen(seen, there.values(), zones)
    gone, added = [there[row].id for row in there.keys() - wanted], sorted(wanted - there.keys())
    if not gone and not added:
        return False
    if gone:
        session.execute(
            sa.delete(Shift).where(Shift.id.in_(gone)).execution_options(synchronize_session=False)
        )
    _add(session, doctor_id, added)
    audit.record(session, "roster.changed", by=by, subject=("doctor", doctor_id), now=now)
    for store_id in sorted({row[0] for row in there.keys() ^ wanted}):
        live.hint_store(session, store_id)
    for store_id in sorted({row[0] for row in added}):
        outbox.record(session, "clinic.opened", now=now, store_id=store_id)
    return True


def _keep_others_out(session: Session, doctor_id: int) -> None:
    """Let nobody else change the doctor's days until the end; bookings go on."""
    session.execute(sa.select(Doctor.id).where(Doctor.id == doctor_id).with_for_update(key_share=True))


def _check_seen(
    seen: Mapping[dt.date, Sequence[Period]], shifts: Collection[Shift], zones: Mapping[int, str]
) -> None:
    was = {(date, period) for date, periods in seen.items() for period in periods}
    stands = {_period(shift, zones[shift.store_id]) for shift in shifts}
    if was != stands:
        raise DayChanged(periods=sorted(period for _, period in stands))


def _add(session: Session, doctor_id: int, rows: Sequence[_Row]) -> None:
    if not rows:
        return
    values = [dict(zip(_COLUMNS, row, strict=True)) | {"doctor_id": doctor_id} for row in rows]
    # A plain insert would deadlock with another of the same doctor.
    added = session.scalars(insert(Shift).on_conflict_do_nothing().returning(Shift.id), values).all()
    if len(added) < len(rows):
        raise DoctorElsewhere


def _around(session: Session, doctor_id: int, first: dt.date, last: dt.date) -> Sequence[Shift]:
    """Give the shifts of some dates, and maybe those of the days around them."""
    begin = dt.datetime.combine(first - dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)
    end = dt.datetime.combine(last + dt.timedelta(days=2), dt.time(), tzinfo=dt.UTC)
    return queries.shifts(session, doctor_id, begin=begin, end=end)


def _period(shift: Shift, zone: str) -> tuple[dt.date, Period]:
    tz = ZoneInfo(zone)
    begin, end = shift.starts_at.astimezone(tz), shift.ends_at.astimezone(tz)
    date = begin.date()
    end_minute = (end.date() - date).days * rules.DAY + end.hour * 60 + end.minute
    begin_minute = begin.hour * 60 + begin.minute
    return date, Period(begin_minute, end_minute, shift.store_id, shift.slot_minutes, shift.per_slot)


def _row(date: dt.date, period: Period, zones: Mapping[int, str]) -> Any:
    """Give a period as a row of the table.

    Raises:
        Invalid: it is at a store that may not be changed here.
    """
    zone = zones.get(period.store_id)
    if zone is None:
        raise Invalid({"store": [N_("Please choose a store from the list.")]})
    return (
        period.store_id,
        rules.moment(date, period.begin_minute, zone),
        rules.moment(date, period.end_minute, zone),
        period.slot_minutes,
        period.per_slot,
    )
