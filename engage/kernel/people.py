"""What features keep of people, and what happens to it (ADR 0015).

Each feature lists its tables in `people.py`, as a `Holder` of `Kept`; `privacy.holders` lists the
features. Merging two charts, giving out what is held on a person and erasing it are that list read
in three ways, so that no table can be forgotten in one of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from engage.kernel.db import Session, TenantOwned


@dataclass(frozen=True, slots=True)
class Who:
    """A person as rows name one: charts, fans, and the fans' openids with their accounts."""

    patient_ids: frozenset[int] = frozenset()
    fan_ids: frozenset[int] = frozenset()
    openids: frozenset[tuple[int, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Move:
    """A merge of two charts: what hangs on `drop_id` goes to `keep_id`."""

    keep_id: int
    drop_id: int
    now: dt.datetime


Whose = Callable[[Who], sa.ColumnElement[bool]]
Moving = Callable[[Session, Move], int]


@dataclass(frozen=True, slots=True)
class Kept:
    """One table that keeps something of people.

    `columns` name a person. `whose` says which rows are about somebody. `shown` are the columns given
    out, with what people call them, and `words` what the codes in them mean. Erasure writes `emptied`
    (at a moment) into the rows after `before` ran, or takes them away with `removed`; what stands in
    neither stays, as it tells of nobody. `file` is the column with a key of `kernel.files`, which goes
    too. `move` is what a merge does, and `told` that people are told of it; none: the rows name no chart,
    or stay where they are.
    """

    model: type[TenantOwned]
    title: str
    columns: tuple[str, ...]
    whose: Whose
    shown: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    emptied: Callable[[dt.datetime], Mapping[str, Any]] | None = None
    before: Callable[[Session, Who, dt.datetime], None] | None = None
    removed: bool = False
    file: str | None = None
    move: Moving | None = None
    told: bool = False

    @property
    def table(self) -> str:
        """Give the table's name."""
        return cast("sa.Table", sa.inspect(self.model).local_table).name

    def column(self, name: str) -> InstrumentedAttribute[Any]:
        """Give a column by its name."""
        return cast("InstrumentedAttribute[Any]", getattr(self.model, name))


@dataclass(frozen=True, slots=True)
class Holder:
    """What one feature keeps of people, in the order in which it is erased.

    `files` are columns with keys of `kernel.files` that are nobody's own: a file that one names stays.
    """

    name: str
    kept: tuple[Kept, ...]
    files: tuple[Any, ...] = ()

    def file_columns(self) -> tuple[Any, ...]:
        """Give all columns of the feature that name files."""
        return (*self.files, *(kept.column(kept.file) for kept in self.kept if kept.file is not None))


def among(column: Any, ids: Collection[int]) -> sa.ColumnElement[bool]:
    """Build the condition that a column is one of some ids, however many they are."""
    return cast("sa.ColumnElement[bool]", column == sa.any_(sa.literal(sorted(ids), ARRAY(sa.BigInteger))))


def of_patient(column: Any) -> Whose:
    """Rows that name a chart."""
    return lambda who: among(column, who.patient_ids)


def of_fan(column: Any) -> Whose:
    """Rows that name a fan."""
    return lambda who: among(column, who.fan_ids)


def of_either(patient: Any, fan: Any) -> Whose:
    """Rows that name a chart, and a fan's own that name nobody else's chart."""
    return lambda who: among(patient, who.patient_ids) | (patient.is_(None) & among(fan, who.fan_ids))


def repointed(column: Any) -> Moving:
    """On a merge, let the rows name the chart that stays."""

    def move(session: Session, merge: Move) -> int:
        return changed(
            session, sa.update(column.class_).where(column == merge.drop_id).values({column: merge.keep_id})
        )

    return move


def dropped(column: Any) -> Moving:
    """On a merge, take away rows that can be made anew."""

    def move(session: Session, merge: Move) -> int:
        changed(session, sa.delete(column.class_).where(column == merge.drop_id))
        return 0

    return move


def count(session: Session, kept: Kept, who: Who) -> int:
    """Count the rows about somebody."""
    return session.scalars(sa.select(sa.func.count()).select_from(kept.model).where(kept.whose(who))).one()


def rows(session: Session, kept: Kept, who: Who) -> Sequence[Mapping[str, Any]]:
    """Give the rows about somebody as they are given out."""
    if not kept.shown:
        return []
    order = [cast("Any", column) for column in sa.inspect(kept.model).primary_key]
    found = session.execute(
        sa.select(*(kept.column(name) for name in kept.shown)).where(kept.whose(who)).order_by(*order)
    )
    return [dict(row._mapping) for row in found]


def files(session: Session, kept: Kept, who: Who) -> Sequence[str]:
    """Give the keys of the files that belong to somebody's rows."""
    if kept.file is None:
        return []
    column = kept.column(kept.file)
    return session.scalars(sa.select(column).where(kept.whose(who), column.is_not(None)).distinct()).all()


def files_in_use(session: Session, holder: Holder, keys: Collection[str]) -> frozenset[str]:
    """Give which of some files rows of a feature name: the same bytes have the same key."""
    return frozenset(
        key
        for column in holder.file_columns()
        for key in session.scalars(sa.select(column).where(column.in_(keys)).distinct())
    )


def erase(session: Session, kept: Kept, who: Who, *, now: dt.datetime) -> int:
    """Empty or remove the rows about somebody; gives how many."""
    if kept.removed:
        return changed(session, sa.delete(kept.model).where(kept.whose(who)))
    if kept.before is not None:
        kept.before(session, who, now)
    if kept.emptied is not None:
        return changed(session, sa.update(kept.model).where(kept.whose(who)).values(dict(kept.emptied(now))))
    return 0


def changed(session: Session, statement: sa.Update | sa.Delete) -> int:
    """Run a statement over many rows; gives how many it changed."""
    done = session.execute(statement.execution_options(synchronize_session=False))
    return cast("sa.CursorResult[Any]", done).rowcount
