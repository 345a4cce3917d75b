"""The ledger of places: one statement moves them, whatever they are moved for (ADR 0005)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from engage.booking.models import Place
from engage.booking.rules import Move
from engage.kernel import db
from engage.kernel.db import Session

_TABLE = cast("sa.Table", Place.__table__)
_COLUMNS = ("resource", "grid_start", "capacity", "taken")


def _statement() -> sa.Insert:
    """Build the statement: rows come as four arrays, in the order in which they are to be locked.

    `taken` says how many places are taken of at most `capacity`. Where it is 0, `capacity` says how
    many are given back.
    """
    arrays = [sa.bindparam(name, type_=ARRAY(_TABLE.c[name].type)) for name in _COLUMNS]
    rows = sa.func.unnest(*arrays).table_valued(*(sa.column(name, _TABLE.c[name].type) for name in _COLUMNS))
    rows = rows.render_derived()
    adding = insert(_TABLE).from_select(_COLUMNS, sa.select(*(rows.c[name] for name in _COLUMNS)))
    told = adding.excluded
    is_take = told.taken > 0
    return adding.on_conflict_do_update(
        index_elements=["tenant_id", "resource", "grid_start"],
        set_={
            "taken": _TABLE.c.taken + sa.case((is_take, told.taken), else_=-told.capacity),
            "capacity": sa.case((is_take, told.capacity), else_=_TABLE.c.capacity),
        },
        where=sa.case(
            (is_take, _TABLE.c.taken + told.taken <= told.capacity), else_=_TABLE.c.taken >= told.capacity
        ),
    ).returning(_TABLE.c.taken)


_MOVE = _statement()


def move(session: Session, moves: Sequence[Move]) -> bool:
    """Take and give back places by one statement; False if one was not left, and then nothing may stay.

    Rows are locked in the order of `moves`, which `rules.moves` sorts: transactions that move the same
    rows wait for each other and never cross. A refusal leaves some rows moved: the unit of work is to be
    rolled back.
    """
    if not moves:
        return True
    return len(session.execute(_MOVE, values_of(moves)).all()) == len(moves)


def moving() -> sa.CTE:
    """Build what `move` does as part of a statement: `done` says whether all was taken (`values_of`)."""
    moved = _statement().cte("moved")
    wanted = sa.func.cardinality(sa.bindparam("resource", type_=ARRAY(sa.Text)))
    return sa.select((sa.func.count() == wanted).label("done")).select_from(moved).cte("all_moved")


def values_of(moves: Sequence[Move]) -> dict[str, Any]:
    """Give what a statement that moves places is told: some arrays of one length."""
    return {
        "resource": [one.resource for one in moves],
        "grid_start": [one.grid_start for one in moves],
        "capacity": [one.capacity if one.places > 0 else -one.places for one in moves],
        "taken": [max(one.places, 0) for one in moves],
    }


def lock(session: Session, *names: str) -> None:
    """Let one transaction at a time act on each of some names; released at its end.

    All are taken in one order.
    """
    db.lock(session, {_key(f"{session.tenant_id} {name}") for name in names})


def patient(patient_id: int) -> str:
    """Name the lock of a patient's times."""
    return f"patient {patient_id}"


def fan(fan_id: int) -> str:
    """Name the lock of a fan's hold and of how many visits they booked."""
    return f"fan {fan_id}"


def _key(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)
