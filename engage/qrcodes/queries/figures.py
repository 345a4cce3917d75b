"""What came of scans, counted from rows whenever somebody looks."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from engage.booking import queries as booking
from engage.kernel.db import Session
from engage.kernel.errors import Malformed
from engage.kernel.paging import SIZE, Page, decode, encode
from engage.patients import queries as patients
from engage.qrcodes.models import Scan
from engage.qrcodes.rules import Funnel


@dataclass(frozen=True, slots=True)
class Days:
    """A span of local days, both of them within it."""

    begin: dt.date
    end: dt.date

    def each(self) -> Sequence[dt.date]:
        """Give all of them in order."""
        return [self.begin + dt.timedelta(days=number) for number in range((self.end - self.begin).days + 1)]


@dataclass(frozen=True, slots=True)
class Trend:
    """How a code went lately: scans by day, and how many people made them."""

    scans: Mapping[dt.date, int]
    people: int


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who scanned a code in a time, and how far they came since their first scan in it."""

    fan_id: int
    since: dt.datetime
    scans: int
    is_new: bool
    is_bound: bool
    is_booked: bool
    came: bool


def funnel(session: Session, code_id: int, days: Days | None = None) -> Funnel:
    """Count who scanned a code and how far they came, in one statement; without `days`, ever."""
    them = _people(code_id, days).subquery("them")
    count = sa.func.count
    return Funnel(
        *session.execute(
            sa.select(
                sa.cast(sa.func.coalesce(sa.func.sum(them.c.scans), 0), sa.Integer),
                count(),
                count().filter(them.c.is_new),
                count().filter(them.c.is_bound),
                count().filter(them.c.is_booked),
                count().filter(them.c.came),
            ).select_from(them)
        ).one()
    )


def people(
    session: Session, code_id: int, step: str, days: Days | None, *, cursor: str | None, size: int = SIZE
) -> Page[Person]:
    """Give a page of those behind a number of the funnel (`rules.STEPS`), who scanned last first."""
    them = _people(code_id, days).subquery("them")
    statement = sa.select(them).where(_STEPS[step](them.c)).order_by(them.c.first_id.desc()).limit(size + 1)
    if cursor:
        statement = statement.where(them.c.first_id < _last_id(cursor))
    rows = session.execute(statement).all()
    shown = [
        Person(row.fan_id, row.since, row.scans, row.is_new, row.is_bound, row.is_booked, row.came)
        for row in rows[:size]
    ]
    return Page(shown, encode([rows[size - 1].first_id]) if len(rows) > size else None)


def by_day(session: Session, code_id: int, days: Days) -> Mapping[dt.date, tuple[int, int]]:
    """Give the scans of each day, and how many people began to follow by one."""
    new = sa.func.count(Scan.fan_id.distinct()).filter(Scan.is_new)
    found = (
        sa.select(Scan.day, sa.func.count(), new)
        .where(Scan.code_id == code_id, Scan.day.between(days.begin, days.end))
        .group_by(Scan.day)
    )
    return {day: (scans, newcomers) for day, scans, newcomers in session.execute(found)}


def trends(session: Session, code_ids: Collection[int], days: Days) -> Mapping[int, Trend]:
    """Give how codes went in a time, in two statements; those that nobody scanned are left out."""
    those = (Scan.code_id.in_(code_ids), Scan.day.between(days.begin, days.end))
    scans: dict[int, dict[dt.date, int]] = defaultdict(dict)
    by_code_and_day = sa.select(Scan.code_id, Scan.day, sa.func.count()).where(*those)
    for code_id, day, count in session.execute(by_code_and_day.group_by(Scan.code_id, Scan.day)):
        scans[code_id][day] = count
    persons = sa.select(Scan.code_id, sa.func.count(Scan.fan_id.distinct())).where(*those)
    return {
        code_id: Trend(scans[code_id], count)
        for code_id, count in session.execute(persons.group_by(Scan.code_id))
    }


def _people(code_id: int, days: Days | None) -> sa.Select[Any]:
    """Build the statement that gives who scanned a code, once each, and how far they came since."""
    first = sa.select(
        Scan.fan_id,
        sa.func.min(Scan.id).label("first_id"),
        sa.func.min(Scan.at).label("since"),
        sa.func.count().label("scans"),
        sa.func.bool_or(Scan.is_new).label("is_new"),
    ).where(Scan.code_id == code_id)
    if days is not None:
        first = first.where(Scan.day.between(days.begin, days.end))
    one = first.group_by(Scan.fan_id).subquery("one")
    speaks, visits = patients.speaking().subquery("speaks"), booking.made().subquery("visits")
    own = speaks.c.fan_id == one.c.fan_id
    since = sa.select(sa.literal(1)).where(
        own, visits.c.patient_id == speaks.c.patient_id, visits.c.booked_at >= one.c.since
    )
    return sa.select(
        one,
        sa.select(sa.literal(1)).where(own).exists().label("is_bound"),
        since.exists().label("is_booked"),
        since.where(visits.c.came).exists().label("came"),
    )


def _last_id(cursor: str) -> int:
    """Read where a page ended."""
    match decode(cursor):
        case [int(first_id)]:
            return first_id
    raise Malformed


_STEPS: Mapping[str, Any] = {
    "people": lambda _them: sa.true(),
    "new": lambda them: them.is_new,
    "old": lambda them: ~them.is_new,
    "bound": lambda them: them.is_bound,
    "booked": lambda them: them.is_booked,
    "came": lambda them: them.came,
}
